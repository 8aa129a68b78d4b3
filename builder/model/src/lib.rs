//! The nouns that cross a boundary between crates.
//!
//! A build passes values from crate to crate: what is asked for, a tree, a layout, extents. Their types stand here, below everything, so that a
//! writer of filesystems need not know what planning is. Whatever enters an id says so by [`Identify`], without the help of a serializer.
//!
//! In: nothing. Out: types whose invariants hold by construction. Never: files, processes, clocks, randomness.
//!
//! ```text
//! args + image files + elements + layouts
//!   -> SourceSet -> Plan                      (plan)    pure
//!   -> Tree                                   (engine)  the root filesystem, made by hooks
//!   -> DiskLayout                             (layout)  every byte range placed
//!   -> Extents                                (format)  filesystems, tables, containers as data
//!   -> OutputSet                              (export, imageset)  files poured once, described, renamed
//! ```
//!
//! # Example
//!
//! A file of four sectors: the third begins with four bytes, all else is a hole.
//!
//! ```
//! use dibber_model::extent::ExtentError;
//! use dibber_model::{Extent, Extents, Piece};
//!
//! let file = Extents::new(2048, vec![Extent { at: 1024, piece: Piece::bytes(*b"boot") }])?;
//! assert_eq!((file.len(), file.covered()), (2048, 4));
//! # Ok::<(), ExtentError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arch;
pub mod columns;
pub mod digest;
pub mod disk;
pub mod distro;
pub mod extent;
pub mod filesystem;
mod identify;
pub mod kernel_line;
pub mod layout;
mod limits;
mod mount_point;
pub mod network;
pub mod phase;
pub mod printable;
pub mod redact;
pub mod seed;
pub mod size;
pub mod span;
pub mod time;
pub mod tree;
pub mod version;
pub mod volume_group;

pub use arch::{Arch, Platform, Target};
pub use columns::columns;
pub use digest::{Digest, Hasher};
pub use disk::{DiskSpec, Loader, PartContents, PartKind, PartSpec, SectorSize, SizeRule, TableKind};
pub use extent::{Extent, Extents, Piece};
pub use filesystem::{FsKind, FsSpec, Fstab, MkfsOptions};
pub use identify::Identify;
pub use layout::{DiskLayout, LvSegment, Placed, PlacedLv, PlacedPv, PlacedVg, Region};
pub use limits::Limits;
pub use mount_point::MountPoint;
pub use network::Network;
pub use phase::{Phase, Side};
pub use seed::Seed;
pub use size::Bytes;
pub use span::Span;
pub use time::Timestamp;
pub use tree::{Content, FileRef, Inode, InodeId, Kind, Meta, Rdev, Source, Tree, Xattr};
pub use volume_group::{LvKind, LvSize, LvSpec, LvmId, PvSpec, VgSpec};
