//! Options of `mkfs.xfs`, as far as the native writer has them.
//!
//! In: the text of `opts:`, `mkfs_options` or `--mkfs-options`. Out: [`XfsOptions`]. Never: an option that is ignored.

use alloc::format;
use alloc::string::{String, ToString};
use dibber_model::SectorSize;
use dibber_model::filesystem::XfsOptions;

/// What there is, for the error.
const KNOWN: &str = "there are -i size=, sparse= and nrext64=, -m bigtime=, finobt=, inobtcount=, reflink= and rmapbt=, and -s size=";

/// The first choice where there is one, else the second.
pub(super) fn over_xfs(first: &XfsOptions, second: &XfsOptions) -> XfsOptions {
    XfsOptions {
        inode_size: first.inode_size.or(second.inode_size),
        sector: first.sector.or(second.sector),
        sparse_inodes: first.sparse_inodes.or(second.sparse_inodes),
        large_extent_counts: first.large_extent_counts.or(second.large_extent_counts),
        finobt: first.finobt.or(second.finobt),
        inobtcount: first.inobtcount.or(second.inobtcount),
        reflink: first.reflink.or(second.reflink),
        rmapbt: first.rmapbt.or(second.rmapbt),
        bigtime: first.bigtime.or(second.bigtime),
    }
}

/// Reads the choices of mkfs.xfs(8) that the writer has. What it always does (`-f`, `-q`, `-K`, `-b size=4096`, `-m crc=1`, a log of
/// version 2 inside, directories of version 2) is accepted; all else is refused by name.
pub(super) fn xfs_options(text: &str) -> Result<XfsOptions, String> {
    let mut options = XfsOptions::default();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if matches!(word, "-f" | "-q" | "-K") {
            continue;
        }
        let (flag, inline) = match word.char_indices().nth(2) {
            Some((end, _)) if word.starts_with('-') => (&word[..end], Some(&word[end..])),
            _ => (word, None),
        };
        match flag {
            "-L" => return Err("`-L` is given by dib from the key `label`; write that".to_string()),
            "-b" | "-i" | "-l" | "-m" | "-n" | "-s" => {}
            _ => return Err(format!("`{word}` is not supported; {KNOWN}")),
        }
        let value = inline.or_else(|| words.next()).ok_or_else(|| format!("`{flag}` needs a value"))?;
        for choice in value.split(',') {
            apply(&mut options, flag, choice)?;
        }
    }
    if options.inobtcount == Some(true) && options.finobt == Some(false) {
        return Err("`-m inobtcount=1` needs finobt, and `-m finobt=0` was given".to_string());
    }
    Ok(options)
}

fn apply(options: &mut XfsOptions, flag: &str, choice: &str) -> Result<(), String> {
    let (name, value) = choice.split_once('=').unwrap_or((choice, "1"));
    let place = match (flag, name) {
        ("-m", "finobt") => &mut options.finobt,
        ("-m", "inobtcount") => &mut options.inobtcount,
        ("-m", "reflink") => &mut options.reflink,
        ("-m", "rmapbt") => &mut options.rmapbt,
        ("-m", "bigtime") => &mut options.bigtime,
        ("-i", "sparse") => &mut options.sparse_inodes,
        ("-i", "nrext64") => &mut options.large_extent_counts,
        _ => return apply_size(options, flag, choice),
    };
    *place = match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => return Err(format!("`{flag} {choice}`: 0 or 1 is expected")),
    };
    Ok(())
}

fn apply_size(options: &mut XfsOptions, flag: &str, choice: &str) -> Result<(), String> {
    match (flag, choice) {
        ("-i", "size=512" | "log=9") => options.inode_size = Some(512),
        ("-i", "size=1024" | "size=1k" | "log=10") => options.inode_size = Some(1024),
        ("-i", "size=2048" | "size=2k" | "log=11") => options.inode_size = Some(2048),
        ("-s", "size=512" | "log=9") => options.sector = Some(SectorSize::B512),
        ("-s", "size=4096" | "size=4k" | "log=12") => options.sector = Some(SectorSize::B4096),
        ("-b", "size=4096" | "size=4k" | "log=12")
        | ("-m", "crc=1" | "crc")
        | ("-i", "attr=2" | "projid32bit=1" | "align=1")
        | ("-l", "internal" | "internal=1" | "version=2" | "lazy-count=1")
        | ("-n", "version=2" | "ftype=1" | "size=4096" | "size=4k" | "log=12") => {}
        ("-m", _) if choice.starts_with("uuid=") => {
            return Err("`-m uuid=` is given by dib from the key `uuid`; write that".to_string());
        }
        _ => return Err(format!("`{flag} {choice}` is not supported by the native writer; {KNOWN}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_mkfs_xfs_are_read_or_refused() {
        let read =
            xfs_options("-i size=1024,sparse=0 -m rmapbt=1,reflink=0 -mbigtime=0 -s size=4096 -f -b size=4k")
                .unwrap();
        let expected = XfsOptions {
            inode_size: Some(1024),
            sector: Some(SectorSize::B4096),
            sparse_inodes: Some(false),
            rmapbt: Some(true),
            reflink: Some(false),
            bigtime: Some(false),
            ..XfsOptions::default()
        };
        assert_eq!(read, expected);
        assert_eq!(xfs_options("-m rmapbt -i nrext64").unwrap().large_extent_counts, Some(true));
        for (bad, word) in [
            ("-i", "needs a value"),
            ("-i size=256", "`-i size=256` is not supported"),
            ("-i maxpct=5", "`-i maxpct=5` is not supported"),
            ("-m crc=0", "`-m crc=0` is not supported"),
            ("-m rmapbt=2", "0 or 1"),
            ("-m uuid=x", "the key `uuid`"),
            ("-L root", "the key `label`"),
            ("-d agcount=8", "`-d` is not supported"),
            ("-l size=64m", "`-l size=64m`"),
            ("-m finobt=0,inobtcount=1", "needs finobt"),
            ("foo", "`foo`"),
        ] {
            let error = xfs_options(bad).unwrap_err();
            assert!(error.contains(word), "{bad}: {error}");
        }
    }
}
