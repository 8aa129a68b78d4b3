//! The files of a set, written into the stage. All disk containers are poured in one pass over the tree, since reading it is what takes long;
//! other files are made of the tree itself, or by qemu-img of the raw file.
//!
//! In: a composed disk, a captured tree, facts. Out: files in the stage with their sidecars. Never: a second read of the tree
//! for a second container.
#![expect(
    clippy::disallowed_methods,
    reason = "names that this program chose, in the directory of this run that it made"
)]

mod boot_files;
mod description;
mod packages;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use dibber_export::{
    CompressedStream, Container, LeftOut, NamedWriter, PourError, Squashfs, StreamCompression, Target,
    WriteOptions,
};
use dibber_format::{cpio, qcow2, vhd};
use dibber_imageset::BuiltSet;
use dibber_model::{DiskLayout, Extents, Timestamp, Tree};
use dibber_plan::output::{DiskContainer, OutputKind, OutputOrigin, TreeArchive};
use dibber_plan::{Qcow2Compression, RamdiskCompression};

use crate::capture::CapturedFiles;
use crate::error::BuildError;
use crate::event::{Event, Events};

pub(crate) use boot_files::{BootFile, boot_files};
pub(crate) use description::SetFacts;
use description::WrittenFile;
pub(crate) use packages::packages;

/// A disk, with its filesystems and tables as data.
pub(crate) struct ComposedDisk {
    pub(crate) layout: DiskLayout,
    pub(crate) content: Extents,
}

/// A file to be written from extents.
struct WantedFile {
    kind: OutputKind,
    path: PathBuf,
    container: Container,
}

/// Writes the files of a set.
pub(crate) struct OutputWriter<'a> {
    pub(crate) facts: &'a SetFacts<'a>,
    pub(crate) files: &'a CapturedFiles,
    pub(crate) stage: &'a Path,
    pub(crate) threads: usize,
    pub(crate) events: &'a dyn Events,
}

/// Whether some output is made of the tree itself, and not of the disk.
pub(crate) fn wants_tree(outputs: &[OutputKind]) -> bool {
    outputs.iter().any(|kind| kind.is_whole_tree())
}

impl OutputWriter<'_> {
    /// Makes every output.
    pub(crate) fn pour(
        &self,
        disk: Option<&ComposedDisk>,
        boot_files: Vec<BootFile>,
        tree: Option<Tree>,
    ) -> Result<BuiltSet, BuildError> {
        let mut written = match disk {
            Some(disk) => self.disks(&disk.content)?,
            None => Vec::new(),
        };
        for boot_file in boot_files {
            let path = self.path(boot_file.kind);
            written.extend(self.fill(
                &boot_file.extents,
                &[WantedFile { kind: boot_file.kind, path, container: Container::Raw }],
            )?);
        }
        for file in written.iter_mut().filter(|file| !file.kind.is_disk()) {
            file.virtual_bytes = None;
        }
        if let Some(tree) = tree {
            written.extend(self.trees(&tree)?);
            for kind in self.kinds(|origin| origin == OutputOrigin::Initramfs) {
                written.push(self.initramfs(tree.clone(), kind)?);
            }
        }
        let order = &self.facts.build.plan.outputs;
        written.sort_by_key(|file| order.iter().position(|kind| *kind == file.kind));
        let layout = disk.map(|disk| &disk.layout);
        Ok(BuiltSet { files: written.into_iter().map(|file| self.facts.describe(file, layout)).collect() })
    }

    /// Those of the plan's outputs that come about so.
    fn kinds(&self, from: impl Fn(OutputOrigin) -> bool) -> Vec<OutputKind> {
        self.facts.build.plan.outputs.iter().copied().filter(|kind| from(kind.origin())).collect()
    }

    fn path(&self, kind: OutputKind) -> PathBuf {
        self.stage.join(format!("{}.{}", self.facts.build.plan.basename(), kind.extension()))
    }

    /// Raw and qcow2 in one pass over the tree; the others from the same extents or from the raw file.
    fn disks(&self, disk: &Extents) -> Result<Vec<WrittenFile>, BuildError> {
        let by_qemu_img = self.kinds(|origin| matches!(origin, OutputOrigin::ByQemuImg { .. }));
        let mut targets = Vec::new();
        for (of, container) in
            [(DiskContainer::Raw, Container::Raw), (DiskContainer::Qcow2, Container::Qcow2(self.qcow2()))]
        {
            let kinds = self.kinds(|origin| origin == OutputOrigin::Disk(of));
            let wanted = |kind| WantedFile { kind, path: self.path(kind), container };
            targets.extend(kinds.into_iter().map(wanted));
        }
        let scratch = self.path(OutputKind::Raw);
        let has_raw = targets.iter().any(|target| target.kind == OutputKind::Raw);
        if !has_raw && !by_qemu_img.is_empty() {
            targets.push(WantedFile {
                kind: OutputKind::Raw,
                path: scratch.clone(),
                container: Container::Raw,
            });
        }
        let mut written = self.fill(disk, &targets)?;
        for kind in self.kinds(|origin| origin == OutputOrigin::Disk(DiskContainer::FixedVhd)) {
            let plan = &self.facts.build.plan;
            let epoch = Timestamp::from_secs(self.facts.build.epoch);
            let extents = vhd::fixed(disk.clone(), plan.seed.uuid("vhd", 0), epoch)?;
            let made = self
                .fill(&extents, &[WantedFile { kind, path: self.path(kind), container: Container::Raw }])?;
            // It ends in a footer that is no part of the disk.
            written
                .extend(made.into_iter().map(|file| WrittenFile { virtual_bytes: Some(disk.len()), ..file }));
        }
        for kind in &by_qemu_img {
            let OutputOrigin::ByQemuImg { format, options } = kind.origin() else { continue };
            let version = dibber_export::convert_raw(&scratch, &self.path(*kind), format, options)?;
            let tools = BTreeMap::from([("qemu-img".to_string(), version)]);
            written.push(WrittenFile { virtual_bytes: Some(disk.len()), tools, ..self.finished(*kind)? });
        }
        if !has_raw && !by_qemu_img.is_empty() {
            fs::remove_file(&scratch).map_err(|source| BuildError::File { path: scratch, source })?;
            written.retain(|file| file.kind != OutputKind::Raw);
        }
        Ok(written)
    }

    fn qcow2(&self) -> qcow2::Options {
        let compression = match self.facts.build.plan.compression {
            Qcow2Compression::Plain => qcow2::Compression::None,
            Qcow2Compression::Zlib => qcow2::Compression::ZLIB,
            Qcow2Compression::Zstd => qcow2::Compression::ZSTD,
        };
        qcow2::Options { compression, ..qcow2::Options::default() }
    }

    fn fill(&self, extents: &Extents, wanted: &[WantedFile]) -> Result<Vec<WrittenFile>, BuildError> {
        let mut open = Vec::new();
        for file in wanted {
            open.push(create(&file.path)?);
        }
        let targets: Vec<Target<'_>> = wanted
            .iter()
            .zip(&open)
            .map(|(wanted, file)| Target {
                file,
                path: &wanted.path,
                container: wanted.container,
                sums: true,
            })
            .collect();
        let progress = |bytes| self.events.emit(Event::StageProgress { bytes });
        let manner = WriteOptions { threads: self.threads, progress: &progress };
        let poured = dibber_export::pour(extents, self.files, &targets, manner)?;
        let written = poured.into_iter().zip(wanted).map(|(poured, WantedFile { kind, path, .. })| {
            let sums = poured.sums.ok_or_else(|| BuildError::NoSums { path: path.clone() })?;
            let (bytes, virtual_bytes) = (poured.file_len, Some(poured.len));
            Ok(WrittenFile { kind: *kind, bytes, virtual_bytes, sums, tools: BTreeMap::new() })
        });
        written.collect()
    }

    fn trees(&self, tree: &Tree) -> Result<Vec<WrittenFile>, BuildError> {
        let mut written = Vec::new();
        for kind in self.facts.build.plan.outputs.iter().copied() {
            let OutputOrigin::Archive(archive) = kind.origin() else { continue };
            let mut tools = BTreeMap::new();
            let left_out = match archive {
                TreeArchive::Tar => {
                    self.stream(kind, |stream| dibber_export::write_tar(tree, self.files, stream))?
                }
                TreeArchive::Tgz => {
                    self.stream(kind, |stream| dibber_export::write_tgz(tree, self.files, stream, 6))?
                }
                TreeArchive::Squashfs => {
                    let (path, epoch) = (self.path(kind), u32::try_from(self.facts.build.epoch).unwrap_or(0));
                    let image = Squashfs { path: &path, compressor: "zstd", epoch, threads: self.threads };
                    let (version, left_out) = dibber_export::write_squashfs(tree, self.files, image)?;
                    tools.insert("mksquashfs".to_string(), version);
                    left_out
                }
            };
            for left in left_out {
                self.events.emit(Event::Warning {
                    text: format!("{}: {}: {}", kind.name(), left.path.display(), left.what),
                });
            }
            written.push(WrittenFile { tools, ..self.finished(kind)? });
        }
        Ok(written)
    }

    /// A file that is written from its start to its end.
    fn stream(
        &self,
        kind: OutputKind,
        write: impl FnOnce(NamedWriter<'_>) -> Result<Vec<LeftOut>, PourError>,
    ) -> Result<Vec<LeftOut>, BuildError> {
        let path = self.path(kind);
        let mut file = io::BufWriter::with_capacity(1 << 20, create(&path)?);
        let left_out = write(NamedWriter { to: &mut file, path: &path })?;
        file.into_inner().map_err(|e| BuildError::File { path, source: e.into_error() })?;
        Ok(left_out)
    }

    /// The tree as a ramdisk, without what is in `/boot`: its kernel comes beside it, and no boot loader reads this tree.
    fn initramfs(&self, mut tree: Tree, kind: OutputKind) -> Result<WrittenFile, BuildError> {
        let path = self.path(kind);
        tree.split_off(b"boot");
        let archive = cpio::write(&tree)?;
        for left in &archive.omitted {
            let place = String::from_utf8_lossy(&left.path);
            self.events.emit(Event::Warning { text: format!("{}: /{place}: {}", kind.name(), left.what) });
        }
        let packing = match self.facts.build.plan.ramdisk_compression {
            RamdiskCompression::Plain => StreamCompression::Plain,
            RamdiskCompression::Gzip => StreamCompression::Gzip(6),
            RamdiskCompression::Zstd => StreamCompression::Zstd(9),
            RamdiskCompression::Xz => StreamCompression::Xz(6),
        };
        let mut file = create(&path)?;
        let progress = |bytes| self.events.emit(Event::StageProgress { bytes });
        let manner = WriteOptions { threads: self.threads, progress: &progress };
        let to = NamedWriter { to: &mut file, path: &path };
        let stream = CompressedStream { to, compression: packing };
        dibber_export::write_stream(&archive.extents, self.files, stream, manner)?;
        self.finished(kind)
    }

    /// A file that something else wrote, summed.
    fn finished(&self, kind: OutputKind) -> Result<WrittenFile, BuildError> {
        let path = self.path(kind);
        let fault = |source| BuildError::File { path: path.clone(), source };
        let file = File::open(&path).map_err(fault)?;
        let bytes = file.metadata().map_err(fault)?.len();
        let sums = dibber_export::checksums(&file).map_err(fault)?;
        Ok(WrittenFile { kind, bytes, virtual_bytes: None, sums, tools: BTreeMap::new() })
    }
}

fn create(path: &Path) -> Result<File, BuildError> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
    file.map_err(|source| BuildError::File { path: path.into(), source })
}
