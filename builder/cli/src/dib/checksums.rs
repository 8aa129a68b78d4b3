//! Sums beside an image, in the files that dib writes: `NAME.TYPE.md5` and `NAME.TYPE.sha256`.
//!
//! In: a finished file, and which sums are wanted. Out: a line each, as md5sum and sha256sum write it. Never: a sum of anything but what
//! was read back.

use std::io::{self, Read};

use dibber_fs::Dir;
use dibber_model::Digest as Sha256;
use dibber_plan::dib::Checksums;
use md5::{Digest, Md5};

/// A file with what it is called in the line of its sum.
pub(super) struct SummedFile<'a> {
    pub(super) dir: &'a Dir,
    pub(super) name: &'a str,
    pub(super) called: &'a str,
    pub(super) sha256: Sha256,
}

/// Writes the sums that are wanted.
pub(super) fn write_sums(file: &SummedFile<'_>, wanted: Checksums) -> io::Result<()> {
    let line = |kind: &str, sum: &str| {
        let line = format!("{sum}  {}\n", file.called);
        file.dir.replace(&format!("{}.{kind}", file.name), line.as_bytes(), None)
    };
    if wanted.md5 {
        line("md5", &md5_of(file)?)?;
    }
    if wanted.sha256 {
        line("sha256", &file.sha256.to_string())?;
    }
    Ok(())
}

fn md5_of(file: &SummedFile<'_>) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (file.dir.file(file.name)?, Md5::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            now => hash.update(&buffer[..now]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
