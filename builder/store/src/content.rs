//! The content of a layer: a digest of what each file holds, where each link leads, and the attributes of both.
//!
//! In: a directory as it was committed, later the same directory. Out: the first path whose content is another. Never: an
//! answer that depends on where the file system keeps zeros as a hole.
//!
//! Blocks are summed by CRC-32C, as btrfs and ext4 sum theirs, and the sums of a file by SHA-256: what is looked for is a disk
//! that forgets, for nobody but the sandbox writes here. docs/decisions.md has the figures.

use std::cell::RefCell;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, DirEntry, file_type, has_xattrs, os};
use dibber_model::{Digest, Hasher};
use rayon::prelude::*;
use rustix::fs::{FileType, SeekFrom, Statx, seek};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::stamp::{Level, by_level};

/// Files are summed in blocks of this many bytes; one of zeros counts as a hole. CRC-32C finds every error of up to three bits,
/// and every burst of up to 32, in blocks of this size (Koopman, "32-Bit Cyclic Redundancy Codes for Internet Applications").
const BLOCK: u64 = 128 << 10;

thread_local! {
    /// A thread's own block: a fresh one for each file would cost more than the file.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BLOCK as usize]);
}

/// What a layer held, in the order of a sorted walk, the root first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents(Vec<ContentSum>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ContentSum {
    path: Vec<u8>,
    sum: [u8; 32],
}

impl Contents {
    /// Reads all of a directory, in parallel.
    pub(super) fn read(root: &Dir) -> io::Result<Contents> {
        let mut hasher = Hasher::new("entry");
        add_attributes(&mut hasher, root.all_xattrs()?);
        let mut all = vec![ContentSum { path: Vec::new(), sum: hasher.finish().into() }];
        all.extend(by_level(root, read_level)?.into_iter().flatten());
        Ok(Contents(all))
    }

    /// The first path of `now` that holds something else than it held; `None` if all is as it was.
    pub(super) fn first_difference(&self, now: &Contents) -> Option<PathBuf> {
        let differs = self.0.iter().zip(&now.0).find(|(then, now)| then != now).map(|(then, _)| then);
        let longer = if self.0.len() > now.0.len() { &self.0[now.0.len()..] } else { &now.0[self.0.len()..] };
        let entry = differs.or(longer.first())?;
        Some(Path::new("/").join(std::ffi::OsStr::from_bytes(&entry.path)))
    }

    /// As it is written to disk.
    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        postcard::to_stdvec(self).map_err(io::Error::other)
    }

    /// What [`to_bytes`](Self::to_bytes) wrote.
    pub(super) fn from_bytes(bytes: &[u8]) -> io::Result<Contents> {
        postcard::from_bytes(bytes).map_err(io::Error::other)
    }
}

/// An entry of a directory.
struct ReadEntry {
    content: ContentSum,
    is_dir: bool,
}

fn read_level(path: &Path, dir: &Dir) -> io::Result<Level<Vec<ContentSum>>> {
    let read = |name: &std::ffi::CString| read_entry(path, dir, name);
    let found: Vec<ReadEntry> = dir.names()?.par_iter().map(read).collect::<Result<_, _>>()?;
    let dirs = found.iter().filter(|entry| entry.is_dir);
    let below = dirs.map(|entry| PathBuf::from(std::ffi::OsStr::from_bytes(&entry.content.path))).collect();
    Ok(Level { read: found.into_iter().map(|entry| entry.content).collect(), below })
}

fn read_entry(path: &Path, dir: &Dir, name: &CStr) -> io::Result<ReadEntry> {
    let path = path.join(os(name));
    let entry = dir.entry(name);
    let read = || {
        let found = entry.statx()?.ok_or(io::ErrorKind::NotFound)?;
        Ok((entry_digest(entry, &found)?, file_type(&found) == FileType::Directory))
    };
    let (sum, is_dir) =
        read().map_err(|e: io::Error| io::Error::new(e.kind(), format!("/{}: {e}", path.display())))?;
    let content = ContentSum { path: path.into_os_string().into_encoded_bytes(), sum: sum.into() };
    Ok(ReadEntry { content, is_dir })
}

fn entry_digest(entry: DirEntry<'_>, found: &Statx) -> io::Result<Digest> {
    let mut hasher = Hasher::new("entry");
    let mut is_bare = false;
    match file_type(found) {
        FileType::RegularFile if found.stx_size > 0 => {
            let file = File::from(entry.open_file()?);
            BUFFER.with_borrow_mut(|buffer| add_blocks(&mut hasher, &file, found, buffer))?;
            is_bare = !has_xattrs(&file)?;
        }
        FileType::Symlink => drop(hasher.part(entry.read_link()?.to_bytes())),
        _ => {}
    }
    if !is_bare {
        add_attributes(&mut hasher, entry.all_xattrs()?);
    }
    Ok(hasher.finish())
}

fn add_attributes(hasher: &mut Hasher, xattrs: Vec<dibber_model::Xattr>) {
    for xattr in xattrs {
        hasher.part(&xattr.name).part(&xattr.value);
    }
}

/// Adds the sum of each block that is not all zeros, with its place.
fn add_blocks(hasher: &mut Hasher, file: &File, found: &Statx, buffer: &mut [u8]) -> io::Result<()> {
    let len = found.stx_size;
    let is_sparse = found.stx_blocks * 512 < len;
    let mut at = 0;
    while at < len {
        if is_sparse {
            at = match seek(file, SeekFrom::Data(at)) {
                Ok(data) => data / BLOCK * BLOCK,
                Err(Errno::NXIO) => break,
                Err(e) => return Err(e.into()),
            };
        }
        let block = &mut buffer[..(len - at).min(BLOCK) as usize];
        file.read_exact_at(block, at)?;
        if block.iter().any(|byte| *byte != 0) {
            hasher.part(&at.to_le_bytes()).part(&crc32c::crc32c(block).to_le_bytes());
        }
        at += BLOCK;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_hole_is_as_good_as_zeros_and_a_bit_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let of = |fill: &dyn Fn(&File)| {
            let path = dir.path().join("file");
            let file = File::create(&path).unwrap();
            file.set_len(5 * BLOCK + 7).unwrap();
            fill(&file);
            Contents::read(&Dir::open(dir.path()).unwrap()).unwrap()
        };
        let data = |file: &File| file.write_all_at(b"data", 3 * BLOCK + 1).unwrap();
        let holes = of(&data);
        let zeros = of(&|file| {
            file.write_all_at(&vec![0; 5 * BLOCK as usize + 7], 0).unwrap();
            data(file);
        });
        assert_eq!(holes, zeros);
        assert_eq!(holes.first_difference(&zeros), None);
        let other = of(&|file| {
            data(file);
            file.write_all_at(&[1], 5 * BLOCK + 6).unwrap();
        });
        assert_eq!(holes.first_difference(&other), Some("/file".into()));
        let moved = of(&|file| file.write_all_at(b"data", 2 * BLOCK + 1).unwrap());
        assert_eq!(holes.first_difference(&moved), Some("/file".into()));
        fs::write(dir.path().join("more"), "").unwrap();
        let more = Contents::read(&Dir::open(dir.path()).unwrap()).unwrap();
        assert_eq!(moved.first_difference(&more), Some("/more".into()));
        assert_eq!(Contents::from_bytes(&more.to_bytes().unwrap()).unwrap(), more);
    }
}
