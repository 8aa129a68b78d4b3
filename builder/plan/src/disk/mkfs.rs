//! Options of `mke2fs`, as far as the native writer has them, and who else's there are.
//!
//! In: the text of `opts:`, `mkfs_options` or `--mkfs-options`. Out: [`MkfsOptions`]. Never: an option that is ignored.

use alloc::format;
use alloc::string::{String, ToString};
use dibber_model::filesystem::{MkfsDialect, XfsOptions};
use dibber_model::{Bytes, MkfsOptions, SectorSize};

use super::mkfs_xfs::{over_xfs, xfs_options};

/// dib's `-i 4096 -J size=64` for an ext4 root.
fn root_ext4() -> MkfsOptions {
    MkfsOptions { inode_ratio: Some(4096), journal: Some(Bytes::mib(64)), ..MkfsOptions::default() }
}

/// The first choice where there is one, else the second.
pub(crate) fn over(first: &MkfsOptions, second: &MkfsOptions) -> MkfsOptions {
    MkfsOptions {
        inode_ratio: first.inode_ratio.or(second.inode_ratio),
        journal: first.journal.or(second.journal),
        reserved_percent: first.reserved_percent.or(second.reserved_percent),
        grow_to: first.grow_to.or(second.grow_to),
        xfs: over_xfs(&first.xfs, &second.xfs),
    }
}

/// Reads the options of one program.
pub(super) fn options_of(dialect: MkfsDialect, text: &str) -> Result<MkfsOptions, String> {
    match dialect {
        // Sectors, the one choice of mkfs.xfs that is read there, are no matter to ext4.
        MkfsDialect::Mke2fs => {
            mke2fs_options(text).map(|read| MkfsOptions { xfs: XfsOptions::default(), ..read })
        }
        MkfsDialect::MkfsXfs => xfs_options(text).map(|xfs| MkfsOptions { xfs, ..MkfsOptions::default() }),
    }
}

/// Reads options for a root whose kind is not known yet: mke2fs's, or else mkfs.xfs's. [`for_root`] asks for the kind.
pub(crate) fn mkfs_options(text: &str) -> Result<MkfsOptions, String> {
    mke2fs_options(text).or_else(|why| options_of(MkfsDialect::MkfsXfs, text).map_err(|_| why))
}

/// A root's options: its node's own before those that were given for any, and dib's default last. An option of another program is refused.
pub(super) fn for_root(
    dialect: MkfsDialect,
    own: &MkfsOptions,
    given: &MkfsOptions,
) -> Result<MkfsOptions, String> {
    let all = over(own, given);
    match dialect {
        MkfsDialect::Mke2fs => {
            let xfs = XfsOptions { sector: None, ..all.xfs };
            if xfs != XfsOptions::default() {
                return Err("options of mkfs.xfs were given, and it is made by mke2fs's".to_string());
            }
            Ok(over(&MkfsOptions { xfs: XfsOptions::default(), ..all }, &root_ext4()))
        }
        MkfsDialect::MkfsXfs => {
            // A journal's size is for ext4 alone in dib, too: DIB_JOURNAL_SIZE says nothing of other kinds.
            let MkfsOptions { inode_ratio, reserved_percent, grow_to, .. } = all;
            if inode_ratio.is_some() || reserved_percent.is_some() || grow_to.is_some() {
                return Err("options of mke2fs were given, and it is made by mkfs.xfs's".to_string());
            }
            Ok(MkfsOptions { xfs: all.xfs, ..MkfsOptions::default() })
        }
    }
}

/// Reads `-i BYTES`, `-J size=MIB`, `-m PERCENT` and `-E resize=BLOCKS` of mke2fs(8). What the writer always does
/// (`-O` of a feature that it has, `-F`, `-q`, `-b 4096`) is accepted; all else is refused by name.
fn mke2fs_options(text: &str) -> Result<MkfsOptions, String> {
    let mut options = MkfsOptions::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if matches!(word, "-F" | "-q") {
            continue;
        }
        let (flag, inline) = match word.char_indices().nth(2) {
            Some((end, _)) if word.starts_with('-') => (&word[..end], Some(&word[end..])),
            _ => (word, None),
        };
        if !matches!(flag, "-i" | "-J" | "-m" | "-E" | "-b" | "-O" | "-s") {
            return Err(format!("`{word}` is not supported; there are -i, -J size=, -m and -E resize="));
        }
        let value = inline.or_else(|| words.next()).ok_or_else(|| format!("`{flag}` needs a value"))?;
        apply_flag(&mut options, flag, value)?;
    }
    Ok(options)
}

fn apply_flag(options: &mut MkfsOptions, flag: &str, value: &str) -> Result<(), String> {
    let number =
        |text: &str| text.parse::<u64>().map_err(|_| format!("`{flag} {value}`: a whole number is expected"));
    let large = |_| format!("`{flag} {value}`: the number is too large");
    match (flag, value.split_once('=')) {
        ("-i", _) => options.inode_ratio = Some(u32::try_from(number(value)?).map_err(large)?),
        ("-m", _) => options.reserved_percent = Some(percent(value)?),
        ("-J", Some(("size", mib))) => options.journal = Some(scaled(number(mib)?, 1 << 20, value)?),
        // In blocks, of 4096 bytes here.
        ("-E", Some(("resize", blocks))) => options.grow_to = Some(scaled(number(blocks)?, 4096, value)?),
        ("-b", _) if value == "4096" => {}
        // mkfs.xfs's sectors, as TripleO's images have them for disks of either kind: blocks of 4096 bytes fit both.
        ("-s", Some(("size", "512"))) => options.xfs.sector = Some(SectorSize::B512),
        ("-s", Some(("size", "4096"))) => options.xfs.sector = Some(SectorSize::B4096),
        ("-O", _) if value.split(',').all(|feature| FEATURES.contains(&feature)) => {}
        _ => return Err(format!("`{flag} {value}` is not supported by the native writer")),
    }
    Ok(())
}

fn scaled(number: u64, unit: u64, text: &str) -> Result<Bytes, String> {
    number.checked_mul(unit).map(Bytes).ok_or_else(|| format!("`{text}`: the number is too large"))
}

fn percent(value: &str) -> Result<u8, String> {
    // mke2fs allows up to half of the blocks.
    value
        .parse()
        .ok()
        .filter(|n| *n <= 50)
        .ok_or_else(|| format!("`-m {value}`: 0 to 50 percent are expected"))
}

/// Features that every ext4 of ours has.
const FEATURES: [&str; 14] = [
    "has_journal",
    "ext_attr",
    "resize_inode",
    "dir_index",
    "filetype",
    "extent",
    "64bit",
    "flex_bg",
    "sparse_super",
    "large_file",
    "huge_file",
    "dir_nlink",
    "extra_isize",
    "metadata_csum",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_mke2fs_are_read_or_refused() {
        let read =
            mkfs_options("-i 8192 -J size=128 -m1 -E resize=1048576 -O 64bit -F -s size=4096").unwrap();
        assert_eq!(read.inode_ratio, Some(8192));
        assert_eq!(read.journal, Some(Bytes::mib(128)));
        assert_eq!(read.reserved_percent, Some(1));
        assert_eq!(read.grow_to, Some(Bytes::gib(4)));
        for (bad, word) in [
            ("-i", "needs a value"),
            ("-i many", "whole number"),
            ("-O bigalloc", "-O bigalloc"),
            ("-s size=8192", "-s size=8192"),
            ("-m 80", "0 to 50"),
            ("-E lazy_itable_init=1", "-E lazy_itable_init=1"),
            ("-J size=99999999999999999", "too large"),
            ("foo", "`foo`"),
        ] {
            let error = mkfs_options(bad).unwrap_err();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
