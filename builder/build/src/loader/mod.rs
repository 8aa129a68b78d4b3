//! The boot loader's bytes that lie outside every filesystem, made by the target's own GRUB.
//!
//! In: a plan and a scratch copy of the finished tree. Out: core images, and boot.img. Never: a device, grub-install, or a
//! trace in the tree: what is run here writes into a layer that is thrown away.

use std::collections::BTreeMap;
use std::io;

use dibber_model::{Arch, FsSpec, Holds, Loader, MountPoint};
use dibber_plan::Plan;

/// Bytes for a disk's boot loader places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cores {
    /// GRUB's boot.img, for the first sector.
    pub boot_img: Option<Vec<u8>>,
    /// The core image for each place.
    pub cores: BTreeMap<Loader, Vec<u8>>,
}

/// Why a boot loader could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
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
    #[error("the layout has no filesystem for / or /boot, so GRUB has no menu to read")]
    NoMenu,
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
pub trait Scratch {
    /// Writes a file that programs in the tree see as `/tmp/in_target.d/NAME`.
    fn stage(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Runs a program in the tree; the error is what it printed.
    fn run(&self, argv: &[&str]) -> Result<(), String>;
    /// Reads a file of the tree, following no link out of it.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
}

/// A GRUB platform: what `grub-mkimage -O` calls it and where Debian keeps it.
struct Platform {
    name: &'static str,
    package: &'static str,
    /// Modules that read the disk and draw the console on this platform.
    modules: &'static [&'static str],
    /// Further arguments of grub-mkimage.
    arguments: &'static [&'static str],
}

const PC: Platform =
    Platform { name: "i386-pc", package: "grub-pc-bin", modules: &["biosdisk", "serial"], arguments: &[] };

/// `--note` adds the ELF note that tells CHRP firmware how to load it.
const IEEE1275: Platform =
    Platform { name: "powerpc-ieee1275", package: "grub-ieee1275-bin", modules: &[], arguments: &["--note"] };

/// What every core needs to find the menu and to run it, so that a menu without further modules works.
const MODULES: [&str; 14] = [
    "part_gpt",
    "part_msdos",
    "ext2",
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

/// Makes the cores that the plan's disk has places for. A disk without such places needs none.
pub fn cores(plan: &Plan, scratch: &dyn Scratch) -> Result<Cores, LoaderError> {
    let mut made = Cores::default();
    if plan.disk.bios_boot && plan.target.arch == Arch::X86_64 {
        let path = format!("usr/lib/grub/{}/boot.img", PC.name);
        made.boot_img = Some(scratch.read(&path).map_err(|_| no_grub(&PC, &path))?);
        made.cores.insert(Loader::Bios, core(plan, &PC, scratch)?);
    }
    if plan.disk.parts.iter().any(|part| part.holds == Holds::Loader(Loader::Prep)) {
        made.cores.insert(Loader::Prep, core(plan, &IEEE1275, scratch)?);
    }
    Ok(made)
}

fn no_grub(platform: &Platform, missing: &str) -> LoaderError {
    LoaderError::NoGrub { platform: platform.name, missing: format!("/{missing}"), package: platform.package }
}

fn core(plan: &Plan, platform: &Platform, scratch: &dyn Scratch) -> Result<Vec<u8>, LoaderError> {
    let modinfo = format!("usr/lib/grub/{}/modinfo.sh", platform.name);
    scratch.read(&modinfo).map_err(|_| no_grub(platform, &modinfo))?;
    let early = early_config(plan)?;
    let staged = format!("early-{}.cfg", platform.name);
    scratch
        .stage(&staged, early.as_bytes())
        .map_err(|source| LoaderError::File { path: staged.clone(), source })?;
    let config = format!("/tmp/in_target.d/{staged}");
    let output = format!("/tmp/core-{}.img", platform.name);
    let mut argv =
        vec!["grub-mkimage", "-O", platform.name, "-p", "/boot/grub", "-c", &config, "-o", &output];
    argv.extend(platform.arguments);
    argv.extend(MODULES);
    argv.extend(platform.modules);
    scratch.run(&argv).map_err(|said| LoaderError::Failed { platform: platform.name, said })?;
    let path = output.trim_start_matches('/').to_string();
    scratch.read(&path).map_err(|source| LoaderError::File { path, source })
}

/// Finds the filesystem with the menu by its UUID, which is known before the filesystem exists.
fn early_config(plan: &Plan) -> Result<String, LoaderError> {
    let mounted =
        |at: &str| plan.disk.filesystems().find(|fs| fs.mount.as_ref().map(MountPoint::as_str) == Some(at));
    let (fs, prefix): (&FsSpec, &str) = match (mounted("/boot"), mounted("/")) {
        (Some(boot), _) => (boot, "/grub"),
        (None, Some(root)) => (root, "/boot/grub"),
        (None, None) => return Err(LoaderError::NoMenu),
    };
    let uuid = fs.blkid_uuid();
    Ok(format!("search.fs_uuid {uuid} root\nset prefix=($root){prefix}\nconfigfile $prefix/grub.cfg\n"))
}
