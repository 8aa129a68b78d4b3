//! What is told of a file of the set, in its sidecar.
//!
//! In: a written file, the set's facts, the disk's layout. Out: a sidecar's content. Never: a secret; hooks know some, and choose texts.

use std::collections::BTreeMap;

use dibber_export::Sums;
use dibber_imageset::{ArchiveFacts, DiskFacts, MadeFile, Sidecar, StructureFacts};
use dibber_model::{Bytes, Digest, DiskLayout, redact};
use dibber_packages::Package;
use dibber_plan::output::{OutputKind, Role};
use dibber_plan::properties_of;

use super::HookFile;
use crate::kernel::Kernel;
use crate::worker::job::BuildJob;

/// What a file of the set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A format that this program knows.
    Output(OutputKind),
    /// What hooks made, by its extension.
    OfHooks(String),
}

impl FileKind {
    fn extension(&self) -> &str {
        match self {
            FileKind::Output(kind) => kind.extension(),
            FileKind::OfHooks(extension) => extension,
        }
    }

    /// The word for it.
    fn name(&self) -> &str {
        match self {
            FileKind::Output(kind) => kind.name(),
            FileKind::OfHooks(extension) => extension,
        }
    }

    /// What it is to whoever deploys it, if that is known.
    fn role(&self) -> Option<Role> {
        match self {
            FileKind::Output(kind) => Some(kind.role()),
            FileKind::OfHooks(_) => None,
        }
    }

    pub(super) fn is_disk(&self) -> bool {
        self.role() == Some(Role::Disk)
    }
}

/// A file in the stage, before it is described.
pub(super) struct WrittenFile {
    pub(super) kind: FileKind,
    pub(super) bytes: u64,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) sums: Sums,
    pub(super) tools: BTreeMap<String, String>,
}

/// What every file of the set is described with.
pub(crate) struct SetFacts<'a> {
    pub(crate) build: &'a BuildJob,
    /// Digest over everything that the files are a function of.
    pub(crate) id: Digest,
    pub(crate) kernel: Option<Kernel>,
    pub(crate) packages: Vec<Package>,
    /// What hooks left beside the image.
    pub(crate) hook_files: Vec<HookFile>,
}

impl SetFacts<'_> {
    /// The outputs that this program makes: those that no hook made.
    pub(super) fn outputs(&self) -> impl Iterator<Item = OutputKind> {
        let made = |kind: &OutputKind| self.hook_files.iter().any(|file| file.stands_for(*kind));
        self.build.plan.outputs.iter().copied().filter(move |kind| !made(kind))
    }

    /// Describes a file, for its sidecar and for `images.json`.
    pub(super) fn describe(&self, file: WrittenFile, layout: Option<&DiskLayout>) -> MadeFile {
        let SetFacts { build, id, kernel, packages, .. } = self;
        let plan = &build.plan;
        let extension = file.kind.extension();
        let mut names: Vec<String> =
            plan.basenames().iter().map(|stem| format!("{stem}.{extension}")).collect();
        let name = names.remove(0);
        let role = file.kind.role();
        let properties = role.map_or_else(BTreeMap::new, |role| properties_of(role, &plan.properties));
        let of_disk = |size: Option<Bytes>, unit: Bytes| {
            size.filter(|_| role == Some(Role::Disk)).map(|size| size.0.div_ceil(unit.0))
        };
        // Hooks know secrets, and choose these texts.
        let redact = plan.redact().distinctive();
        let told = |Package { name, version, arch }: &Package| {
            let [name, version, arch] = [name, version, arch].map(|text| redact.public(text.clone()));
            Package { name, version, arch }
        };
        let sidecar = Sidecar {
            file: name.clone(),
            kind: file.kind.name().into(),
            bytes: file.bytes,
            virtual_bytes: file.virtual_bytes,
            sha256: Digest::from(file.sums.sha256),
            sha512: file.sums.sha512.iter().map(|byte| format!("{byte:02x}")).collect(),
            image: plan.image.clone(),
            arch: plan.target.arch.to_string(),
            platform: plan.target.platform.as_ref().map(ToString::to_string),
            id: *id,
            builder: concat!("dibber ", env!("CARGO_PKG_VERSION")).into(),
            depends_on_tools: file.tools,
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
            kernel_args: plan.kernel_arguments().map(|text| redact.public(text.to_string())),
            disk: layout.filter(|_| file.kind.is_disk()).map(DiskFacts::of),
            role,
            structure: (role == Some(Role::Disk)).then(|| StructureFacts::of(&properties)),
            min_disk: of_disk(layout.map(|layout| Bytes(layout.len())), Bytes::gib(1)),
            min_ram: of_disk(plan.min_ram, Bytes::mib(1)),
            properties,
            elements: plan.names.clone(),
            packages: packages.iter().map(told).collect(),
        };
        MadeFile { name, links: names, sidecar }
    }
}
