//! Swap space (`include/linux/swap.h`, `union swap_header`; `mkswap(8)`).
//!
//! In: identity and length. Out: a header page and a hole. Never: bad pages.

use alloc::string::String;
use alloc::vec::Vec;
use dibber_model::{Bytes, Extent, Extents, Piece, Tree};
use uuid::Uuid;

use crate::filesystem::{FilesystemError, Making, Writer};

/// mkswap refuses fewer pages.
const PAGES_MIN: u64 = 10;
/// Bytes of `sws_volume`.
const LABEL: usize = 16;

/// Why swap space cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwapError {
    /// Too small.
    #[error("swap space of {len} bytes has fewer than {PAGES_MIN} pages of {page}; make it at least {} bytes", page * PAGES_MIN)]
    TooSmall {
        /// Its length.
        len: u64,
        /// The page size.
        page: u64,
    },
    /// More pages than the header can count.
    #[error("swap space of {len} bytes has more than {} pages of {page}; make it smaller", u32::MAX)]
    TooLarge {
        /// Its length.
        len: u64,
        /// The page size.
        page: u64,
    },
    /// Not a page size.
    #[error("{0} bytes is no page size; most architectures have 4096, and some kernels 65536")]
    BadPage(u64),
    /// A label that does not fit.
    #[error("swap label `{0}` is longer than {LABEL} bytes; shorten it")]
    BadLabel(String),
}

/// The writer of swap space by what the plan says. It has no tree.
pub struct Swap;

impl Writer for Swap {
    /// What a system can be helped by at all; any more is the plan's to say.
    fn measure(&self, _: &Tree, _: &Making<'_>) -> Result<Bytes, FilesystemError> {
        Ok(Bytes::mib(1))
    }

    fn write(&self, _: &Tree, making: &Making<'_>, len: u64) -> Result<Extents, FilesystemError> {
        Ok(write(&making.spec.label, making.spec.uuid, len, making.page.0)?)
    }
}

/// Swap space of `len` bytes. `page` is the page size of the system that will use it, in bytes: 4096 or 65536.
pub fn write(label: &str, uuid: Uuid, len: u64, page: u64) -> Result<Extents, SwapError> {
    if !page.is_power_of_two() || !(4096..=65_536).contains(&page) {
        return Err(SwapError::BadPage(page));
    }
    if label.len() > LABEL {
        return Err(SwapError::BadLabel(label.into()));
    }
    let pages = len / page;
    if pages < PAGES_MIN {
        return Err(SwapError::TooSmall { len, page });
    }
    let last = u32::try_from(pages - 1).map_err(|_| SwapError::TooLarge { len, page })?;
    let mut head: Vec<u8> = alloc::vec![0; 512];
    head[..4].copy_from_slice(&1u32.to_le_bytes());
    head[4..8].copy_from_slice(&last.to_le_bytes());
    head[12..28].copy_from_slice(uuid.as_bytes());
    head[28..28 + label.len()].copy_from_slice(label.as_bytes());
    let list = alloc::vec![
        // The first 1024 bytes are left to boot code.
        Extent { at: 1024, piece: Piece::bytes(head) },
        Extent { at: page - 10, piece: Piece::bytes(&b"SWAPSPACE2"[..]) },
    ];
    Ok(Extents::new(len, list).expect("1024 + 512 < page - 10, and ten pages fit the length"))
}
