//! The boot loader's bytes that lie outside every filesystem, made by the target's own GRUB.
//!
//! In: a plan and a scratch copy of the finished tree. Out: core images, and boot.img. Never: a device, grub-install, or a
//! trace in the tree: what is run here writes into a layer that is thrown away.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use dibber_model::arch::Core;
use dibber_model::{DiskSpec, FsSpec, Loader, MountPoint, PartContents, Tree};
use dibber_plan::Plan;

use dibber_sandbox::{LoaderRequest, STAGED};

/// Bytes for a disk's boot loader places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GrubCores {
    /// GRUB's boot.img, for the first sector.
    pub boot_img: Option<Vec<u8>>,
    /// The core image for each place.
    pub cores: BTreeMap<Loader, Vec<u8>>,
}

/// Why a boot loader could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoaderError {
    /// The disk has a place for it, and the tree has no GRUB.
    #[error(
        "the layout has a place for GRUB's {platform}, and the image has no {missing}; add the element bootloader, or the package {package}, or take a layout without it"
    )]
    NoGrub {
        /// GRUB's name of the platform.
        platform: &'static str,
        /// The file that is missing.
        missing: String,
        /// Debian's package of it.
        package: &'static str,
    },
    /// grub-mkimage failed.
    #[error("grub-mkimage for {platform} failed: {said}")]
    Failed {
        /// GRUB's name of the platform.
        platform: &'static str,
        /// What it said.
        said: String,
    },
    /// No filesystem to find the menu in.
    #[error(
        "the layout has no filesystem for / or /boot, so GRUB has no menu to read; give it one, or take a layout without a place for GRUB"
    )]
    NoMenu,
    /// EFI's loader was asked for, and the partition for it has none.
    #[error(
        "`{asked}` asks for a boot loader in {esp}, and nothing is there that UEFI starts: dibber only notes such a request; add the \
         element bootloader, or have a hook copy the loader to {esp}/EFI/BOOT"
    )]
    NoEfi {
        /// The command.
        asked: String,
        /// Where the partition is mounted.
        esp: String,
    },
    /// A file of the scratch tree could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Path in the tree.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A copy of the finished tree in which programs can be run and that is thrown away.
pub(crate) trait GrubTree {
    /// Runs a program in the tree, which finds these texts as files in [`STAGED`]; the error is what it printed.
    fn run(&self, argv: &[&str], staged: &BTreeMap<String, String>) -> Result<(), String>;
    /// Reads a file of the tree, following no link out of it.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
}

/// What every core needs to find a filesystem, in any table.
const TABLES: [&str; 2] = ["part_gpt", "part_msdos"];
/// What every core needs to find the menu and to run it, so that a menu without further modules works.
const MODULES: [&str; 11] = [
    "search",
    "search_fs_uuid",
    "configfile",
    "normal",
    "linux",
    "boot",
    "echo",
    "test",
    "terminal",
    "gzio",
    "minicmd",
];

/// What a core needs besides, where the menu is on a logical volume.
const LVM_MODULES: [&str; 2] = ["diskfilter", "lvm"];

/// Makes the cores that the plan's disk has places for. A disk without such places needs none.
pub(crate) fn grub_cores(plan: &Plan, scratch: &dyn GrubTree) -> Result<GrubCores, LoaderError> {
    let mut made = GrubCores::default();
    for core in plan.target.arch.facts().cores.iter().filter(|core| has_place(&plan.disk, core.place)) {
        if core.place == Loader::Bios {
            let path = format!("usr/lib/grub/{}/boot.img", core.platform);
            made.boot_img = Some(scratch.read(&path).map_err(|_| no_grub(core, &path))?);
        }
        made.cores.insert(core.place, core_bytes(plan, core, scratch)?);
    }
    Ok(made)
}

/// Whether what hooks asked of grub-install for UEFI is in the EFI system partition: the only place that is a filesystem, and so hooks' own.
pub(crate) fn check_efi(disk: &DiskSpec, requests: &[LoaderRequest], tree: &Tree) -> Result<(), LoaderError> {
    let is_efi = |word: &String| word.starts_with("--target") && word.ends_with("-efi");
    let Some(request) = requests.iter().find(|request| request.arguments.iter().any(is_efi)) else {
        return Ok(());
    };
    let readable = disk.filesystems().filter(|fs| fs.kind.facts().read_by_uefi);
    let Some(esp) = readable.filter_map(|fs| fs.mount.as_ref()).find(|mount| !mount.is_root()) else {
        return Ok(());
    };
    let is_loader = |path: &[u8]| {
        path.starts_with(esp.relative().as_bytes()) && path.to_ascii_lowercase().ends_with(b".efi")
    };
    if tree.walk().iter().any(|(path, _)| is_loader(path)) {
        return Ok(());
    }
    let asked = format!("{} {}", request.program, request.arguments.join(" "));
    Err(LoaderError::NoEfi { asked, esp: esp.to_string() })
}

fn has_place(disk: &DiskSpec, place: Loader) -> bool {
    match place {
        Loader::Bios => disk.bios_boot,
        place => disk.parts.iter().any(|part| part.contents == PartContents::Loader(place)),
    }
}

fn no_grub(core: &Core, missing: &str) -> LoaderError {
    LoaderError::NoGrub { platform: core.platform, missing: format!("/{missing}"), package: core.package }
}

fn core_bytes(plan: &Plan, core: &Core, scratch: &dyn GrubTree) -> Result<Vec<u8>, LoaderError> {
    let modinfo = format!("usr/lib/grub/{}/modinfo.sh", core.platform);
    scratch.read(&modinfo).map_err(|_| no_grub(core, &modinfo))?;
    let early = early_config(plan)?;
    let staged = format!("early-{}.cfg", core.platform);
    let config = format!("{STAGED}/{staged}");
    let output = format!("/tmp/core-{}.img", core.platform);
    let mut argv =
        vec!["grub-mkimage", "-O", core.platform, "-p", "/boot/grub", "-c", &config, "-o", &output];
    argv.extend(core.arguments);
    argv.extend(TABLES);
    argv.extend(filesystem_modules(&plan.disk));
    argv.extend(MODULES);
    argv.extend(core.modules);
    let (menu, _) = menu_filesystem(plan)?;
    if plan.disk.volume_of(menu).is_some() {
        argv.extend(LVM_MODULES);
    }
    scratch
        .run(&argv, &BTreeMap::from([(staged, early)]))
        .map_err(|said| LoaderError::Failed { platform: core.platform, said })?;
    let path = output.trim_start_matches('/').to_string();
    scratch.read(&path).map_err(|source| LoaderError::File { path, source })
}

/// The modules that read what the menu and the kernels lie on.
fn filesystem_modules(disk: &DiskSpec) -> BTreeSet<&'static str> {
    let holds = |fs: &&FsSpec| fs.mount.as_ref().is_some_and(|at| matches!(at.as_str(), "/" | "/boot"));
    disk.filesystems().filter(holds).filter_map(|fs| fs.kind.facts().grub_module).collect()
}

/// The filesystem with the menu, and where in it GRUB's folder is.
fn menu_filesystem(plan: &Plan) -> Result<(&FsSpec, &'static str), LoaderError> {
    let mounted =
        |at: &str| plan.disk.filesystems().find(|fs| fs.mount.as_ref().map(MountPoint::as_str) == Some(at));
    match (mounted("/boot"), mounted("/")) {
        (Some(boot), _) => Ok((boot, "/grub")),
        (None, Some(root)) => Ok((root, "/boot/grub")),
        (None, None) => Err(LoaderError::NoMenu),
    }
}

/// Finds that filesystem by its UUID, which is known before the filesystem exists.
fn early_config(plan: &Plan) -> Result<String, LoaderError> {
    let (fs, prefix) = menu_filesystem(plan)?;
    let uuid = fs.blkid_uuid();
    Ok(format!("search.fs_uuid {uuid} root\nset prefix=($root){prefix}\nconfigfile $prefix/grub.cfg\n"))
}
