//! The files of a set: poured from the disk and the tree, and described.
//!
//! In: a composed disk, a captured tree, facts. Out: files in the stage with their sidecars. Never: a second read of the tree
//! for a second container.
#![expect(
    clippy::disallowed_methods,
    reason = "names that this program chose, in the directory of this run that it made"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dibber_export::{Container, Manner, Packing, Squashfs, Stream, Sums, Target};
use dibber_format::{cpio, qcow2, vhd};
use dibber_imageset::{
    ArchiveFacts, DiskFacts, LONGEST_DATABASE, Made, MadeFile, Package, Sidecar, StructureFacts,
    dpkg_packages, spoilt,
};
use dibber_model::{
    Bytes, Content, Digest, DiskLayout, Extent, Extents, InodeId, Kind, Piece, Source, Timestamp, Tree,
    redact,
};
use dibber_plan::output::{DiskContainer, OutputKind, OutputOrigin, Role, TreeArchive};
use dibber_plan::{Qcow2Compression, RamdiskCompression, properties_of};

use crate::capture::CapturedFiles;
use crate::error::BuildError;
use crate::event::{Event, Events};
use crate::kernel::Kernel;
use crate::worker::job::Build;

/// What every file of the set is described with.
pub(crate) struct Facts<'a> {
    pub(crate) build: &'a Build,
    /// Digest over everything that the files are a function of.
    pub(crate) id: Digest,
    pub(crate) kernel: Option<Kernel>,
    pub(crate) packages: Vec<Package>,
}

/// A file made of one file of the tree: kernel or ramdisk.
pub(crate) struct Single {
    kind: OutputKind,
    extents: Extents,
}

/// Pours.
pub(crate) struct Artifacts<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) files: &'a CapturedFiles,
    pub(crate) stage: &'a Path,
    pub(crate) threads: usize,
    pub(crate) events: &'a dyn Events,
}

/// Packages of the tree, from its package database; none where it has none.
pub(crate) fn packages(tree: &Tree, files: &CapturedFiles) -> Result<Vec<Package>, BuildError> {
    let Some(id) = tree.lookup(b"var/lib/dpkg/status") else { return Ok(Vec::new()) };
    let text = match &tree.inode(id).kind {
        Kind::File(Content { source: Source::Inline(bytes), .. }) => Ok(bytes.to_vec()),
        Kind::File(Content { source: Source::File(file), .. }) => {
            files.open(*file).and_then(|file| whole(file, LONGEST_DATABASE))
        }
        _ => return Ok(Vec::new()),
    };
    text.and_then(|text| dpkg_packages(&String::from_utf8_lossy(&text))).map_err(|source| {
        match (source.kind(), PathBuf::from("/var/lib/dpkg/status")) {
            (io::ErrorKind::InvalidData, path) => BuildError::Spoilt { path, source },
            (_, path) => BuildError::File { path, source },
        }
    })
}

/// All of a database of packages that is no longer than this.
fn whole(file: impl Read, longest: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(longest + 1).read_to_end(&mut text)?;
    match text.len() as u64 > longest {
        true => Err(spoilt(&format!("{} MiB", longest >> 20))),
        false => Ok(text),
    }
}

/// Whether some output is made of the tree itself, and not of the disk.
pub(crate) fn wants_tree(outputs: &[OutputKind]) -> bool {
    outputs.iter().any(|kind| kind.is_whole_tree())
}

/// The kernel and the ramdisk, where they are wanted. One that is wanted and missing is an error.
pub(crate) fn kernel_files(facts: &Facts<'_>, tree: &Tree) -> Result<Vec<Single>, BuildError> {
    let mut singles = Vec::new();
    for kind in facts.build.plan.outputs.iter().copied() {
        let origin = kind.origin();
        if !matches!(origin, OutputOrigin::Kernel | OutputOrigin::Initrd) {
            continue;
        }
        let kernel = facts.kernel.as_ref().ok_or(BuildError::NoKernel)?;
        if !kernel.has_modules {
            return Err(BuildError::NoModules { release: kernel.release.clone() });
        }
        let id = match origin {
            OutputOrigin::Kernel => kernel.vmlinuz,
            _ => kernel.initrd.ok_or_else(|| BuildError::NoInitrd { release: kernel.release.clone() })?,
        };
        singles.push(Single { kind, extents: extents_of(tree, id)? });
    }
    Ok(singles)
}

fn extents_of(tree: &Tree, id: InodeId) -> Result<Extents, BuildError> {
    let Kind::File(content) = &tree.inode(id).kind else { return Ok(Extents::hole(0)) };
    let pieces = content.data.iter().map(|range| Extent {
        at: range.start,
        piece: match &content.source {
            Source::Inline(bytes) => {
                Piece::Bytes { buffer: bytes.clone(), range: range.start as usize..range.end as usize }
            }
            Source::File(file) => {
                Piece::File { file: *file, offset: range.start, len: range.end - range.start }
            }
        },
    });
    Ok(Extents::new(content.len, pieces.collect())?)
}

/// A file in the stage, before it is described.
struct Raw {
    kind: OutputKind,
    bytes: u64,
    virtual_bytes: Option<u64>,
    sums: Sums,
    tools: BTreeMap<String, String>,
}

impl Artifacts<'_> {
    /// Makes every output.
    pub(crate) fn pour(
        &self,
        disk: Option<&(DiskLayout, Extents)>,
        singles: Vec<Single>,
        tree: Option<Tree>,
    ) -> Result<Made, BuildError> {
        let mut raws = match disk {
            Some((_, disk)) => self.disks(disk)?,
            None => Vec::new(),
        };
        for single in singles {
            let path = self.path(single.kind);
            raws.extend(self.fill(&single.extents, &[(single.kind, path, Container::Raw)])?);
        }
        for raw in raws.iter_mut().filter(|raw| !raw.kind.is_disk()) {
            raw.virtual_bytes = None;
        }
        if let Some(tree) = tree {
            raws.extend(self.trees(&tree)?);
            for kind in self.of(|origin| origin == OutputOrigin::Initramfs) {
                raws.push(self.initramfs(tree.clone(), kind)?);
            }
        }
        let order = &self.facts.build.plan.outputs;
        raws.sort_by_key(|raw| order.iter().position(|kind| *kind == raw.kind));
        Ok(Made {
            files: raws.into_iter().map(|raw| self.describe(raw, disk.map(|(layout, _)| layout))).collect(),
        })
    }

    /// Those of the plan's outputs that come about so.
    fn of(&self, from: impl Fn(OutputOrigin) -> bool) -> Vec<OutputKind> {
        self.facts.build.plan.outputs.iter().copied().filter(|kind| from(kind.origin())).collect()
    }

    fn path(&self, kind: OutputKind) -> PathBuf {
        self.stage.join(format!("{}.{}", self.facts.build.plan.basename(), kind.extension()))
    }

    /// Raw and qcow2 in one pass over the tree; the others from the same extents or from the raw file.
    fn disks(&self, disk: &Extents) -> Result<Vec<Raw>, BuildError> {
        let by_qemu_img = self.of(|origin| matches!(origin, OutputOrigin::ByQemuImg { .. }));
        let mut targets = Vec::new();
        for (container, of) in
            [(DiskContainer::Raw, Container::Raw), (DiskContainer::Qcow2, Container::Qcow2(self.qcow2()))]
        {
            let kinds = self.of(|origin| origin == OutputOrigin::Disk(container));
            targets.extend(kinds.into_iter().map(|kind| (kind, self.path(kind), of)));
        }
        let scratch = self.path(OutputKind::Raw);
        let has_raw = targets.iter().any(|(kind, ..)| *kind == OutputKind::Raw);
        if !has_raw && !by_qemu_img.is_empty() {
            targets.push((OutputKind::Raw, scratch.clone(), Container::Raw));
        }
        let mut raws = self.fill(disk, &targets)?;
        for kind in self.of(|origin| origin == OutputOrigin::Disk(DiskContainer::FixedVhd)) {
            let plan = &self.facts.build.plan;
            let epoch = Timestamp::from_secs(self.facts.build.epoch);
            let extents = vhd::fixed(disk.clone(), plan.seed.uuid("vhd", 0), epoch)?;
            let made = self.fill(&extents, &[(kind, self.path(kind), Container::Raw)])?;
            // It ends in a footer that is no part of the disk.
            raws.extend(made.into_iter().map(|raw| Raw { virtual_bytes: Some(disk.len()), ..raw }));
        }
        for kind in &by_qemu_img {
            let OutputOrigin::ByQemuImg { format, options } = kind.origin() else { continue };
            let version = dibber_export::convert(&scratch, &self.path(*kind), (format, options))?;
            let tools = BTreeMap::from([("qemu-img".to_string(), version)]);
            raws.push(Raw { virtual_bytes: Some(disk.len()), tools, ..self.finished(*kind)? });
        }
        if !has_raw && !by_qemu_img.is_empty() {
            fs::remove_file(&scratch).map_err(|source| BuildError::File { path: scratch, source })?;
            raws.retain(|raw| raw.kind != OutputKind::Raw);
        }
        Ok(raws)
    }

    fn qcow2(&self) -> qcow2::Options {
        let compression = match self.facts.build.plan.compression {
            Qcow2Compression::Plain => qcow2::Compression::None,
            Qcow2Compression::Zlib => qcow2::Compression::ZLIB,
            Qcow2Compression::Zstd => qcow2::Compression::ZSTD,
        };
        qcow2::Options { compression, ..qcow2::Options::default() }
    }

    fn fill(
        &self,
        extents: &Extents,
        wanted: &[(OutputKind, PathBuf, Container)],
    ) -> Result<Vec<Raw>, BuildError> {
        let mut open = Vec::new();
        for (_, path, _) in wanted {
            open.push(create(path)?);
        }
        let targets: Vec<Target<'_>> = wanted
            .iter()
            .zip(&open)
            .map(|((_, path, container), file)| Target { file, path, container: *container, sums: true })
            .collect();
        let progress = |bytes| self.events.emit(Event::StageProgress { bytes });
        let manner = Manner { threads: self.threads, progress: &progress };
        let poured = dibber_export::pour(extents, self.files, &targets, manner)?;
        let raws = poured.into_iter().zip(wanted).map(|(poured, (kind, path, _))| {
            let sums = poured.sums.ok_or_else(|| BuildError::NoSums { path: path.clone() })?;
            let (bytes, virtual_bytes) = (poured.file_len, Some(poured.len));
            Ok(Raw { kind: *kind, bytes, virtual_bytes, sums, tools: BTreeMap::new() })
        });
        raws.collect()
    }

    fn trees(&self, tree: &Tree) -> Result<Vec<Raw>, BuildError> {
        let mut raws = Vec::new();
        for kind in self.of(|origin| matches!(origin, OutputOrigin::Archive(_))) {
            let path = self.path(kind);
            let mut tools = BTreeMap::new();
            let left_out = if kind.origin() == OutputOrigin::Archive(TreeArchive::Squashfs) {
                let epoch = u32::try_from(self.facts.build.epoch).unwrap_or(0);
                let image = Squashfs { path: &path, compressor: "zstd", epoch, threads: self.threads };
                let (version, left_out) = dibber_export::squashfs(tree, self.files, image)?;
                tools.insert("mksquashfs".to_string(), version);
                left_out
            } else {
                let mut file = io::BufWriter::with_capacity(1 << 20, create(&path)?);
                let stream = Stream { to: &mut file, path: &path };
                let left_out = match kind.origin() {
                    OutputOrigin::Archive(TreeArchive::Tgz) => {
                        dibber_export::tgz(tree, self.files, stream, 6)?
                    }
                    _ => dibber_export::tar(tree, self.files, stream)?,
                };
                file.into_inner()
                    .map_err(|e| BuildError::File { path: path.clone(), source: e.into_error() })?;
                left_out
            };
            for left in left_out {
                self.events.emit(Event::Warning {
                    text: format!("{}: {}: {}", kind.name(), left.path.display(), left.what),
                });
            }
            raws.push(Raw { tools, ..self.finished(kind)? });
        }
        Ok(raws)
    }

    /// The tree as a ramdisk, without what is in `/boot`: its kernel comes beside it, and no boot loader reads this tree.
    fn initramfs(&self, mut tree: Tree, kind: OutputKind) -> Result<Raw, BuildError> {
        let path = self.path(kind);
        tree.split_off(b"boot");
        let archive = cpio::write(&tree)?;
        for left in &archive.omitted {
            let place = String::from_utf8_lossy(&left.path);
            self.events.emit(Event::Warning { text: format!("{}: /{place}: {}", kind.name(), left.what) });
        }
        let packing = match self.facts.build.plan.ramdisk_compression {
            RamdiskCompression::Plain => Packing::Plain,
            RamdiskCompression::Gzip => Packing::Gzip(6),
            RamdiskCompression::Zstd => Packing::Zstd(9),
            RamdiskCompression::Xz => Packing::Xz(6),
        };
        let mut file = create(&path)?;
        let progress = |bytes| self.events.emit(Event::StageProgress { bytes });
        let manner = Manner { threads: self.threads, progress: &progress };
        let to = Stream { to: &mut file, path: &path };
        dibber_export::stream(&archive.extents, self.files, (to, packing), manner)?;
        self.finished(kind)
    }

    /// A file that something else wrote, summed.
    fn finished(&self, kind: OutputKind) -> Result<Raw, BuildError> {
        let path = self.path(kind);
        let fault = |source| BuildError::File { path: path.clone(), source };
        let file = File::open(&path).map_err(fault)?;
        let bytes = file.metadata().map_err(fault)?.len();
        let sums = dibber_export::sums(&file).map_err(fault)?;
        Ok(Raw { kind, bytes, virtual_bytes: None, sums, tools: BTreeMap::new() })
    }

    fn describe(&self, raw: Raw, layout: Option<&DiskLayout>) -> MadeFile {
        let Facts { build, id, kernel, packages } = self.facts;
        let plan = &build.plan;
        let extension = raw.kind.extension();
        let mut names: Vec<String> =
            plan.target.basenames(&plan.image).iter().map(|stem| format!("{stem}.{extension}")).collect();
        let name = names.remove(0);
        let role = raw.kind.role();
        let properties = properties_of(role, &plan.properties);
        let of_disk = |size: Option<Bytes>, unit: Bytes| {
            size.filter(|_| role == Role::Disk).map(|size| size.0.div_ceil(unit.0))
        };
        // Hooks know secrets, and choose these texts.
        let redact = plan.redact().distinctive();
        let told = |Package { name, version, arch }: &Package| {
            let [name, version, arch] = [name, version, arch].map(|text| redact.public(text.clone()));
            Package { name, version, arch }
        };
        let sidecar = Sidecar {
            file: name.clone(),
            kind: raw.kind.name().into(),
            bytes: raw.bytes,
            virtual_bytes: raw.virtual_bytes,
            sha256: Digest::from(raw.sums.sha256),
            sha512: raw.sums.sha512.iter().map(|byte| format!("{byte:02x}")).collect(),
            image: plan.image.clone(),
            arch: plan.target.arch.to_string(),
            platform: plan.target.platform.as_ref().map(ToString::to_string),
            id: *id,
            builder: concat!("dibber ", env!("CARGO_PKG_VERSION")).into(),
            depends_on_tools: raw.tools,
            source_date_epoch: build.epoch,
            archive: ArchiveFacts {
                mirror: plan.archive.mirror.as_deref().map(redact::without_login),
                snapshot: plan.archive.snapshot.clone(),
                release_dates: build
                    .releases
                    .files
                    .iter()
                    .map(|(url, r)| (url.clone(), r.date.clone()))
                    .collect(),
            },
            kernel_release: kernel.as_ref().map(|kernel| redact.public(kernel.release.clone())),
            disk: layout.filter(|_| raw.kind.is_disk()).map(DiskFacts::of),
            role: Some(role),
            structure: (role == Role::Disk).then(|| StructureFacts::of(&properties)),
            min_disk: of_disk(layout.map(|layout| Bytes(layout.len())), Bytes::gib(1)),
            min_ram: of_disk(plan.min_ram, Bytes::mib(1)),
            properties,
            elements: plan.names.clone(),
            packages: packages.iter().map(told).collect(),
        };
        MadeFile { name, links: names, sidecar }
    }
}

fn create(path: &Path) -> Result<File, BuildError> {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
    file.map_err(|source| BuildError::File { path: path.into(), source })
}
