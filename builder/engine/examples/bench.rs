//! What `scripts/bench` times: a tree, or a raw image, to an output, without hooks, caches or sidecars.
//!
//! In: `bench tree DIR OUT raw|plain|zlib|zstd|zstd:LEVEL ...`, `bench wrap RAW OUT plain|zlib|zstd` or
//! `bench cpio DIR OUT none|gzip|zstd|xz[:LEVEL]`. Out: the file, and on standard error the time of each stage and the peak of
//! memory. Never: anything that the product does not do too.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dibber_engine::capture::{CaptureOptions, capture};
use dibber_export::{
    CompressedStream, Container, Files, NamedWriter, Stamp, StreamCompression, Target, WriteOptions, pour,
    write_stream,
};
use dibber_format::cpio;
use dibber_format::disk::{DiskContent, compose};
use dibber_format::ext4::{self, Ext4Params};
use dibber_format::qcow2::{Compression, Options};
use dibber_fs::Dir;
use dibber_layout::{Loaders, Measured, solve};
use dibber_model::{
    Bytes, DiskSpec, Extent, Extents, FileRef, FsKind, FsSpec, MkfsOptions, PartContents, PartKind, PartSpec,
    Piece, SectorSize, SizeRule, TableKind, Timestamp, Tree,
};
use rustix::fs::{SeekFrom, seek};
use uuid::Uuid;

/// One raw image.
struct Image(PathBuf);

impl Files for Image {
    fn open(&self, _: FileRef) -> io::Result<File> {
        File::open(&self.0)
    }
    fn name(&self, _: FileRef) -> PathBuf {
        self.0.clone()
    }
    fn stamp(&self, _: FileRef) -> Option<Stamp> {
        None
    }
}

/// Tells the time since the stage before.
struct Stages(Instant);

impl Stages {
    fn done(&mut self, stage: &str) {
        let now = Instant::now();
        eprintln!("{stage} {:.3}", (now - self.0).as_secs_f64());
        self.0 = now;
    }
}

fn container(word: &str) -> Result<Container, Box<dyn Error>> {
    let (name, level) = word.split_once(':').map_or((word, None), |(name, level)| (name, Some(level)));
    let level = level.map(str::parse).transpose()?;
    let compression = match name {
        "raw" | "disk" => return Ok(Container::Raw),
        "plain" => Compression::None,
        "zlib" => Compression::Zlib { level: level.unwrap_or(6) },
        "zstd" => Compression::Zstd { level: level.unwrap_or(3) },
        _ => return Err(format!("`{word}` is not raw, disk, plain, zlib or zstd").into()),
    };
    Ok(Container::Qcow2(Options { compression, ..Options::default() }))
}

fn params() -> Ext4Params {
    Ext4Params {
        label: "root".into(),
        uuid: Uuid::from_u128(0x1f0c_5a1e_0000_4000_8000_0000_0000_0001),
        hash_seed: Uuid::from_u128(0x1f0c_5a1e_0000_4000_8000_0000_0000_0002),
        epoch: Timestamp::from_secs(1_700_000_000),
        options: MkfsOptions::default(),
        mount_point: "/".into(),
    }
}

/// The tree as a filesystem in the one partition of a GPT disk.
fn gpt(tree: &Tree) -> Result<Extents, Box<dyn Error>> {
    let fs = FsSpec {
        name: "mkfs_root".into(),
        kind: FsKind::Ext4,
        label: "root".into(),
        uuid: params().uuid,
        mount: Some("/".parse()?),
        fstab: None,
        options: MkfsOptions::default(),
    };
    let part = PartSpec {
        name: "root".into(),
        number: None,
        kind: PartKind::Gpt {
            type_guid: Uuid::from_u128(0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709),
            guid: Uuid::from_u128(0x1f0c_5a1e_0000_4000_8000_0000_0000_0003),
            attributes: 0,
        },
        size: SizeRule::Content { min: None, max: None },
        contents: PartContents::Fs(fs),
    };
    let spec = DiskSpec {
        groups: Vec::new(),
        name: "image0".into(),
        table: TableKind::Gpt { disk: Uuid::from_u128(0x1f0c_5a1e_0000_4000_8000_0000_0000_0004) },
        sector: SectorSize::B512,
        size: None,
        align: 1 << 20,
        bios_boot: false,
        parts: vec![part],
    };
    let needs = ext4::measure(tree, &params())?;
    let measured = Measured { content: BTreeMap::from([("root".to_string(), needs)]) };
    let layout = solve(&spec, &measured, &Loaders::new())?;
    let root = ext4::write(tree, &params(), layout.parts()[0].len)?;
    let content = DiskContent { parts: BTreeMap::from([("root".to_string(), root)]), boot_code: None };
    Ok(compose(&layout, content)?)
}

/// The tree as a filesystem, with a tenth to spare.
fn bare(tree: &Tree) -> Result<Extents, Box<dyn Error>> {
    let Bytes(needs) = ext4::measure(tree, &params())?;
    Ok(ext4::write(tree, &params(), (needs + needs / 10).next_multiple_of(1 << 20))?)
}

/// The data of a sparse file as extents.
fn data(path: &Path) -> Result<Extents, Box<dyn Error>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let (mut at, mut list) = (0, Vec::new());
    while let Ok(from) = seek(file.as_fd(), SeekFrom::Data(at)) {
        let to = seek(file.as_fd(), SeekFrom::Hole(from))?;
        list.push(Extent { at: from, piece: Piece::File { file: FileRef(0), offset: from, len: to - from } });
        at = to;
    }
    Ok(Extents::new(len, list)?)
}

fn packing(word: &str) -> Result<StreamCompression, Box<dyn Error>> {
    let (name, level) = word.split_once(':').map_or((word, None), |(name, level)| (name, Some(level)));
    let level = level.map(str::parse).transpose()?;
    Ok(match name {
        "none" => StreamCompression::Plain,
        "gzip" => StreamCompression::Gzip(level.unwrap_or(6)),
        "zstd" => StreamCompression::Zstd(level.unwrap_or(9)),
        "xz" => StreamCompression::Xz(level.unwrap_or(6)),
        _ => return Err(format!("`{word}` is not none, gzip, zstd or xz").into()),
    })
}

/// The tree as a compressed cpio archive.
fn ramdisk(from: &str, out: &str, kind: &str, threads: usize) -> Result<(), Box<dyn Error>> {
    let mut stages = Stages(Instant::now());
    let epoch = Timestamp::from_secs(i64::MAX);
    let (tree, files) =
        capture(&Dir::open(Path::new(from))?, &CaptureOptions { epoch, sanitize: &[], nodes: &[] })?;
    stages.done("capture");
    let archive = cpio::write(&tree)?;
    stages.done("layout");
    let to = NamedWriter { to: &mut File::create(out)?, path: Path::new(out) };
    let stream = CompressedStream { to, compression: packing(kind)? };
    write_stream(&archive.extents, &files, stream, WriteOptions { threads, progress: &|_| () })?;
    stages.done("pour");
    eprintln!("peak {}", peak()?);
    Ok(())
}

/// The peak of resident memory in KiB, as the kernel counted it.
fn peak() -> io::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).unwrap_or_default().to_string())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [verb, from, outputs @ ..] = &args[..] else {
        return Err("usage: bench tree|wrap|cpio FROM OUT KIND [OUT KIND ...]".into());
    };
    let threads = std::thread::available_parallelism()?.get();
    if let ("cpio", [out, kind]) = (verb.as_str(), outputs) {
        return ramdisk(from, out, kind, threads);
    }
    let mut stages = Stages(Instant::now());
    let (extents, files): (Extents, Box<dyn Files>) = if verb == "tree" {
        let epoch = Timestamp::from_secs(i64::MAX);
        let (tree, files) =
            capture(&Dir::open(Path::new(from))?, &CaptureOptions { epoch, sanitize: &[], nodes: &[] })?;
        stages.done("capture");
        let whole = outputs.get(1).is_some_and(|kind| kind == "raw");
        (if whole { bare(&tree)? } else { gpt(&tree)? }, Box::new(files))
    } else {
        (data(Path::new(from))?, Box::new(Image(from.into())))
    };
    stages.done("layout");
    let mut open = Vec::new();
    for output in outputs.chunks_exact(2) {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&output[0])?;
        open.push((file, Path::new(&output[0]), container(&output[1])?));
    }
    let targets: Vec<Target<'_>> = open
        .iter()
        .map(|(file, path, container)| Target { file, path, container: *container, sums: false })
        .collect();
    pour(&extents, &*files, &targets, WriteOptions { threads, progress: &|_| () })?;
    stages.done("pour");
    eprintln!("peak {}", peak()?);
    Ok(())
}
