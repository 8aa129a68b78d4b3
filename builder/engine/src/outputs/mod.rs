//! The files of a set, written into the stage. All disk containers are poured in one pass over the tree, since reading it is what takes long;
//! other files are made of the tree itself, or by qemu-img of the raw file.
//!
//! In: a composed disk, a captured tree, facts. Out: files in the stage with their sidecars. Never: a second read of the tree
//! for a second container.
#![expect(
    clippy::disallowed_methods,
    reason = "names that this program chose, in the directory of this run that it made"
)]

mod archives;
mod boot_files;
mod description;
mod hook_files;
mod packages;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use dibber_export::{
    CompressedStream, Container, Conversion, NamedWriter, StreamCompression, Target, WriteOptions,
};
use dibber_format::{cpio, qcow2, vhd};
use dibber_imageset::BuiltSet;
use dibber_model::{DiskLayout, Extents, Timestamp, Tree};
use dibber_plan::output::{DiskContainer, OutputKind, OutputOrigin};
use dibber_plan::{Qcow2Compression, RamdiskCompression};

use crate::capture::CapturedFiles;
use crate::error::BuildError;
use crate::event::{Event, Events};

pub(crate) use boot_files::{BootFile, boot_files};
pub(crate) use description::SetFacts;
use description::{FileKind, WrittenFile};
pub(crate) use hook_files::{HookFile, left_by_hooks};
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

/// A file that qemu-img makes of the raw one.
struct ConvertedFile<'a> {
    kind: OutputKind,
    conversion: Conversion<'a>,
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
        // An archive of the tree is made by now, and a disk: what hooks left under their names does not count.
        for left in &self.facts.hook_files {
            let is_made = |kind| self.facts.outputs().any(|made| made == kind);
            if !left.kind().is_some_and(is_made) {
                written.push(self.take_along(left)?);
            }
        }
        if let Some(tree) = tree {
            written.extend(self.archives(&tree)?);
            for kind in self.kinds(|origin| origin == OutputOrigin::Initramfs) {
                written.push(self.initramfs(tree.clone(), kind)?);
            }
        }
        let order = &self.facts.build.plan.outputs;
        // Those that are planned come first.
        written.sort_by_key(|file| {
            let place = order.iter().position(|kind| file.kind == FileKind::Output(*kind));
            place.unwrap_or(order.len())
        });
        let layout = disk.map(|disk| &disk.layout);
        Ok(BuiltSet { files: written.into_iter().map(|file| self.facts.describe(file, layout)).collect() })
    }

    /// Those of the plan's outputs that come about so.
    fn kinds(&self, from: impl Fn(OutputOrigin) -> bool) -> Vec<OutputKind> {
        self.facts.outputs().filter(|kind| from(kind.origin())).collect()
    }

    fn path(&self, kind: OutputKind) -> PathBuf {
        self.path_of(kind.extension())
    }

    fn path_of(&self, extension: &str) -> PathBuf {
        self.stage.join(format!("{}.{extension}", self.facts.build.plan.basename()))
    }

    /// Copies what a hook made into the stage.
    fn take_along(&self, left: &HookFile) -> Result<WrittenFile, BuildError> {
        let path = self.path_of(&left.extension);
        io::copy(&mut &left.file, &mut create(&path)?)
            .map_err(|source| BuildError::File { path: path.clone(), source })?;
        let kind = left.kind().map_or_else(|| FileKind::OfHooks(left.extension.clone()), FileKind::Output);
        summed(&path, kind)
    }

    /// Raw and qcow2 in one pass over the tree; the others from the same extents or from the raw file.
    fn disks(&self, disk: &Extents) -> Result<Vec<WrittenFile>, BuildError> {
        let by_qemu_img = self.by_qemu_img();
        let mut targets = Vec::new();
        for (of, container) in
            [(DiskContainer::Raw, Container::Raw), (DiskContainer::Qcow2, Container::Qcow2(self.qcow2()))]
        {
            let kinds = self.kinds(|origin| origin == OutputOrigin::Disk(of));
            let own = |kind: &OutputKind| by_qemu_img.iter().all(|wanted| wanted.kind != *kind);
            let wanted = |kind| WantedFile { kind, path: self.path(kind), container };
            targets.extend(kinds.into_iter().filter(own).map(wanted));
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
        for ConvertedFile { kind, conversion } in &by_qemu_img {
            let version = dibber_export::convert_raw(&scratch, &self.path(*kind), *conversion)?;
            let tools = BTreeMap::from([("qemu-img".to_string(), version)]);
            written.push(WrittenFile { virtual_bytes: Some(disk.len()), tools, ..self.finished(*kind)? });
        }
        if !has_raw && !by_qemu_img.is_empty() {
            fs::remove_file(&scratch).map_err(|source| BuildError::File { path: scratch, source })?;
            written.retain(|file| file.kind != FileKind::Output(OutputKind::Raw));
        }
        Ok(written)
    }

    /// Files that qemu-img converts: formats that only it writes, and a qcow2 with options that only it knows.
    fn by_qemu_img(&self) -> Vec<ConvertedFile<'_>> {
        let plan = &self.facts.build.plan;
        let conversion = |kind: OutputKind| match (kind.origin(), &plan.packaging.qemu_img_options) {
            (OutputOrigin::ByQemuImg { format, options }, _) => {
                Some(Conversion { format, options, compressed: false })
            }
            (OutputOrigin::Disk(DiskContainer::Qcow2), Some(options)) => {
                let compressed = plan.compression != Qcow2Compression::Plain;
                Some(Conversion { format: "qcow2", options, compressed })
            }
            _ => None,
        };
        let converted =
            |kind: &OutputKind| conversion(*kind).map(|conversion| ConvertedFile { kind: *kind, conversion });
        plan.outputs.iter().filter_map(converted).collect()
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
            let kind = FileKind::Output(*kind);
            Ok(WrittenFile { kind, bytes, virtual_bytes, sums, tools: BTreeMap::new() })
        });
        written.collect()
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
        summed(&self.path(kind), FileKind::Output(kind))
    }
}

fn summed(path: &Path, kind: FileKind) -> Result<WrittenFile, BuildError> {
    let fault = |source| BuildError::File { path: path.into(), source };
    let file = File::open(path).map_err(fault)?;
    let bytes = file.metadata().map_err(fault)?.len();
    let sums = dibber_export::checksums(&file).map_err(fault)?;
    Ok(WrittenFile { kind, bytes, virtual_bytes: None, sums, tools: BTreeMap::new() })
}

fn create(path: &Path) -> Result<File, BuildError> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
    file.map_err(|source| BuildError::File { path: path.into(), source })
}
