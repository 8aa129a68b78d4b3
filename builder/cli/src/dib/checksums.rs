//! Sums beside an image, in the files that dib writes: `NAME.TYPE.md5` and `NAME.TYPE.sha256`.
//!
//! In: a finished file, and which sums are wanted. Out: a line each, as md5sum and sha256sum write it. Never: a sum of anything but what
//! was read back.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dibber_model::Digest as Sha256;
use dibber_plan::dib::Checksums;
use md5::{Digest, Md5};

use super::publish::write;

/// A file with what it is called in the line of its sum.
pub(super) struct SummedFile<'a> {
    pub(super) path: &'a Path,
    pub(super) called: &'a str,
    pub(super) sha256: Sha256,
}

/// Writes the sums that are wanted.
pub(super) fn write_sums(file: &SummedFile<'_>, wanted: Checksums) -> io::Result<()> {
    let line = |kind: &str, sum: &str| {
        let mut path = file.path.as_os_str().to_owned();
        path.push(format!(".{kind}"));
        write(Path::new(&path), format!("{sum}  {}\n", file.called).as_bytes())
    };
    if wanted.md5 {
        line("md5", &md5_of(file.path)?)?;
    }
    if wanted.sha256 {
        line("sha256", &file.sha256.to_string())?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the file that was just put there, under the name that the person gave"
)]
fn md5_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Md5::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            now => hash.update(&buffer[..now]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
