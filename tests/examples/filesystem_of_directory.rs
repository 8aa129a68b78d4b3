//! A directory becomes a filesystem's image, on one thread and with a plain copy loop; the time of each step is printed.
//!
//! In: `KIND DIRECTORY IMAGE`. Out: the image, and times to set beside those of another kind or of `mke2fs -d`. Never: ACLs' or other attributes'
//! subtleties that `dibber build` captures; this reads what `llistxattr` lists.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use dibber_format::filesystem::{Making, writer};
use dibber_model::{
    Bytes, Content, Extents, FileRef, FsKind, FsSpec, Inode, InodeId, Kind, Meta, MkfsOptions, Piece, Rdev,
    SectorSize, Seed, Source, Timestamp, Tree, Xattr,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [kind, directory, image] = &args[..] else {
        return Err("usage: filesystem_of_directory KIND DIRECTORY IMAGE".into());
    };
    let kind: FsKind = kind.to_str().unwrap_or_default().parse()?;
    let seed = Seed::from_names(["filesystem_of_directory"]);
    let spec = FsSpec {
        name: "mkfs_root".into(),
        kind,
        label: "root".into(),
        uuid: seed.uuid("filesystem", 0),
        mount: Some("/".parse()?),
        fstab: None,
        options: MkfsOptions::default(),
    };
    let making = Making {
        spec: &spec,
        sector: SectorSize::B512,
        start: 0,
        seed,
        epoch: Timestamp::from_secs(1_700_000_000),
        page: Bytes(4096),
    };
    let start = Instant::now();
    let (tree, files) = capture(directory)?;
    let captured = Instant::now();
    let least = writer(kind).measure(&tree, &making)?;
    let measured = Instant::now();
    let extents = writer(kind).write(&tree, &making, least.0)?;
    let written = Instant::now();
    pour(&extents, &files, image)?;
    println!("{} inodes, {least}, {} extents", tree.inode_count(), extents.iter().len());
    println!("capture {:?}", captured - start);
    println!("measure {:?}", measured - captured);
    println!("write   {:?}", written - measured);
    println!("pour    {:?}", written.elapsed());
    println!("all     {:?}", start.elapsed());
    Ok(())
}

fn capture(directory: &Path) -> Outcome<(Tree, Vec<PathBuf>)> {
    let mut tree = Tree::new(metadata(directory)?.0);
    let mut files = Vec::new();
    let mut known: BTreeMap<(u64, u64), InodeId> = BTreeMap::new();
    let mut stack = vec![(directory.to_owned(), InodeId::ROOT)];
    while let Some((path, parent)) = stack.pop() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            let (meta, stat) = metadata(&entry.path())?;
            let name = entry.file_name();
            let key = (stat.dev(), stat.ino());
            if let Some(id) = known.get(&key) {
                tree.link(parent, name.as_bytes(), *id)?;
                continue;
            }
            let kind = kind(&entry.path(), &stat, &mut files)?;
            let id = tree.add(parent, name.as_bytes(), Inode { meta, kind })?;
            if stat.is_dir() {
                stack.push((entry.path(), id));
            } else if stat.nlink() > 1 {
                known.insert(key, id);
            }
        }
    }
    Ok((tree, files))
}

fn metadata(path: &Path) -> Outcome<(Meta, fs::Metadata)> {
    let stat = fs::symlink_metadata(path)?;
    let mut list = [0; 4096];
    let len = rustix::fs::llistxattr(path, &mut list[..])?;
    let mut xattrs = Vec::new();
    for name in list[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = [0; 4096];
        let len = rustix::fs::lgetxattr(path, name, &mut value[..])?;
        xattrs.push(Xattr { name: name.into(), value: value[..len].into() });
    }
    xattrs.sort();
    let mtime = Timestamp { secs: stat.mtime(), nanos: u32::try_from(stat.mtime_nsec())? };
    Ok((Meta { mode: (stat.mode() & 0o7777) as u16, uid: stat.uid(), gid: stat.gid(), mtime, xattrs }, stat))
}

fn kind(path: &Path, stat: &fs::Metadata, files: &mut Vec<PathBuf>) -> Outcome<Kind> {
    let is = stat.file_type();
    let rdev = Rdev { major: rustix::fs::major(stat.rdev()), minor: rustix::fs::minor(stat.rdev()) };
    Ok(if is.is_dir() {
        Kind::Dir(BTreeMap::new())
    } else if is.is_file() {
        files.push(path.to_owned());
        let data = std::iter::once(0..stat.len()).filter(|range| !range.is_empty()).collect();
        let source = Source::File(FileRef(u32::try_from(files.len())? - 1));
        Kind::File(Content { len: stat.len(), data, source })
    } else if is.is_symlink() {
        Kind::Symlink(fs::read_link(path)?.into_os_string().into_vec().into())
    } else if is.is_block_device() {
        Kind::BlockDev(rdev)
    } else if is.is_char_device() {
        Kind::CharDev(rdev)
    } else if is.is_fifo() {
        Kind::Fifo
    } else {
        Kind::Socket
    })
}

/// Neighbouring pieces are gathered to writes of up to half a megabyte.
fn pour(extents: &Extents, files: &[PathBuf], image: &Path) -> Outcome<()> {
    let out = File::create(image)?;
    out.set_len(extents.len())?;
    let (mut at, mut gathered) = (0, Vec::with_capacity(1 << 19));
    for extent in extents.iter() {
        // Tails of blocks are holes; up to a block of zeros is cheaper than another write.
        let gap = extent.at - (at + gathered.len() as u64);
        if gap >= 4096 || gathered.len() >= 1 << 19 {
            out.write_all_at(&gathered, at)?;
            gathered.clear();
            at = extent.at;
        } else {
            gathered.resize(gathered.len() + gap as usize, 0);
        }
        match &extent.piece {
            Piece::Bytes { buffer, range } => gathered.extend_from_slice(&buffer[range.clone()]),
            Piece::Fill { byte, len } => gathered.resize(gathered.len() + usize::try_from(*len)?, *byte),
            Piece::File { file, offset, len } => {
                let mut source = File::open(&files[file.0 as usize])?;
                source.seek(SeekFrom::Start(*offset))?;
                source.take(*len).read_to_end(&mut gathered)?;
            }
        }
    }
    out.write_all_at(&gathered, at)?;
    Ok(())
}
