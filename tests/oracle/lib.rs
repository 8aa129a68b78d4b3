//! Foreign programs as judges, and the few lines that put an image before them.
//!
//! In: extents and command lines. Out: files, and what a program said of them. Never: a skipped check: a program that is
//! not installed fails the test, with the package that has it.

pub mod disks;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dibber_model::{Extents, Piece};

/// Writes extents to a sparse file, plainly and on one thread; `files[n]` is what `FileRef(n)` stands for.
pub fn write_image(extents: &Extents, files: &[PathBuf], path: &Path) {
    let image = File::create(path).expect("create image");
    image.set_len(extents.len()).expect("size image");
    for extent in extents.iter() {
        match &extent.piece {
            Piece::Bytes { buffer, range } => {
                image.write_all_at(&buffer[range.clone()], extent.at).expect("write")
            }
            Piece::Fill { byte, len } => {
                let fill = vec![*byte; 1 << 16];
                let mut done = 0;
                while done < *len {
                    let now = (*len - done).min(fill.len() as u64);
                    image.write_all_at(&fill[..now as usize], extent.at + done).expect("write");
                    done += now;
                }
            }
            Piece::File { file, offset, len } => {
                let source = File::open(&files[file.0 as usize]).expect("open source");
                let mut bytes = vec![0; *len as usize];
                source.read_exact_at(&mut bytes, *offset).expect("read source");
                image.write_all_at(&bytes, extent.at).expect("write");
            }
        }
    }
}

/// Runs a program; a program that is missing fails the test by name.
pub fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; scripts/test installs the tools that the tests need"))
}

/// Runs a program that must succeed, and tells what it printed (standard output, then standard error).
pub fn accepts(program: &str, args: &[&str]) -> String {
    let output = run(program, args);
    let said = said(&output);
    assert!(output.status.success(), "{program} {} failed with {}:\n{said}", args.join(" "), output.status);
    said
}

/// Runs a program that must object, and tells what it printed.
pub fn objects(program: &str, args: &[&str]) -> String {
    let output = run(program, args);
    let said = said(&output);
    assert!(!output.status.success(), "{program} {} did not object:\n{said}", args.join(" "));
    said
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Flips one bit of a file: what a broken twin is made with.
pub fn flip_bit(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).expect("open image");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read byte");
    file.write_all_at(&[byte[0] ^ 1], at).expect("write byte");
}
