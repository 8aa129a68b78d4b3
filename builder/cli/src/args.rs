//! The command line, as data.
//!
//! In: arguments. Out: one command with its options. Never: a file opened, a default that depends on the machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dibber_model::time::EPOCHS;
use dibber_model::{Arch, Bytes, Platform, Target};
use dibber_vm::{Accel, Firmware};

use crate::check_flavor::CheckFlavorArgs;
use crate::select::SelectArgs;

/// Build operating-system images from elements, without root, loop devices or luck.
#[derive(Debug, Parser)]
#[command(name = "dibber", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Start with:  dibber doctor, then  dibber plan overcloud-full, then  dibber build overcloud-full"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build images: disk, kernel and initrd, each with its description.
    Build(BuildArgs),
    /// Show what a build would do: elements, steps, the disk, the files. Touches nothing.
    Plan(PlanArgs),
    /// Boot an image in QEMU, on a snapshot; with --expect, a test.
    Boot(BootArgs),
    /// Show what is in a raw or qcow2 image: partitions, filesystems, files, packages. Mounts nothing.
    Show(ShowArgs),
    /// Put what was built into Glance: named, described, checked by Glance's own hash.
    Upload(crate::upload::UploadArgs),
    /// Say which files of a set a node gets, or every node of a fleet, and why.
    Select(SelectArgs),
    /// Hold a flavor against an image: a whole disk takes a root-only one.
    CheckFlavor(CheckFlavorArgs),
    /// Say what this machine lacks for building, and how to get it.
    Doctor(DoctorArgs),
    /// Start a new element or image file in the current directory.
    New(NewArgs),
    /// Print the JSON Schema of image files.
    Schema,
    /// List or prune what earlier builds left to start from.
    Cache(CacheArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What is asked for, for `build` and `plan`.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// Image names, or image files (paths ending in .yaml or .yml).
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// Element directories, searched before the built-in ones; the first that has an element wins.
    #[arg(
        long,
        env = "ELEMENTS_PATH",
        value_delimiter = ':',
        value_name = "DIR[:DIR]",
        hide_env_values = true
    )]
    pub(crate) elements_path: Vec<PathBuf>,
    /// Adds an element.
    #[arg(short = 'e', long = "element", value_name = "NAME")]
    pub(crate) elements: Vec<String>,
    /// Adds packages.
    #[arg(short = 'p', long = "packages", value_delimiter = ',', value_name = "NAME[,NAME]")]
    pub(crate) packages: Vec<String>,
    /// Sets a variable that hooks see.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    #[arg(long, help = format!("Builds for these architectures: {}", Arch::spellings()), value_delimiter = ',', value_name = "ARCH[,ARCH]", value_parser = dibber_plan::image::arch)]
    pub(crate) arch: Vec<Arch>,
    /// Builds for these platforms of the architecture, such as p9.
    #[arg(long, value_delimiter = ',', value_name = "NAME[,NAME]")]
    pub(crate) platform: Vec<Platform>,
    /// Builds for these targets, such as aarch64 or p9-ppc64le.
    #[arg(
        long = "target",
        value_delimiter = ',',
        value_name = "TARGET[,TARGET]",
        value_parser = dibber_plan::image::target,
        conflicts_with_all = ["arch", "platform"]
    )]
    pub(crate) targets: Vec<Target>,
    /// Builds for every target that the image lists.
    #[arg(long, conflicts_with_all = ["arch", "platform", "targets"])]
    pub(crate) all_targets: bool,
    /// Lays the disk out like this: a layout's name, `partition`, or a block-device config file.
    #[arg(long, value_name = "LAYOUT")]
    pub(crate) layout: Option<String>,
    /// Files to come out: qcow2, raw, vhd, vhdx, vmdk, tar, tgz, squashfs, vmlinuz, initrd, kernel, initramfs.
    #[arg(short = 't', long = "outputs", value_delimiter = ',', value_name = "KIND[,KIND]")]
    pub(crate) outputs: Vec<String>,
    /// Where the files go.
    #[arg(short = 'o', long, default_value = ".", value_name = "DIR")]
    pub(crate) output_dir: PathBuf,
    /// Keeps caches here instead of $XDG_CACHE_HOME/dibber or ~/.cache/dibber.
    #[arg(long, env = "DIBBER_CACHE", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Stands in for now, in seconds since 1970; without it, the date of the package archive.
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        value_name = "SECONDS",
        allow_negative_numbers = true,
        value_parser = epoch
    )]
    pub(crate) source_date_epoch: Option<i64>,
    /// Uses no network, and lets no hook use it: package archives and sources are taken as they were last seen.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Asks the network again what earlier builds have recorded.
    #[arg(long, conflicts_with = "offline")]
    pub(crate) refresh: bool,
}

/// `dibber build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    /// Threads for writing images, shared by the members of a set; never changes a byte. Without it, one for each processor.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Runs every program of a foreign architecture in the emulator; without this, programs of this machine's stand in for
    /// some. Never changes a byte.
    #[arg(long)]
    pub(crate) no_accelerate: bool,
    /// Members of a set that are built at a time. Without it, one for each processor.
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Prints events as JSON, one a line, on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints what hooks print, not only their names.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Opens a shell in the sandbox where a hook failed; as --break after-error.
    #[arg(long)]
    pub(crate) shell_on_error: bool,
    /// Opens a shell at these points: before-PHASE, after-PHASE, after-error.
    #[arg(
        long = "break",
        env = "break",
        default_value = "",
        hide_default_value = true,
        value_name = "POINT[,POINT]"
    )]
    pub(crate) break_at: String,
    /// Runs this there instead of a shell.
    #[arg(long = "break-cmd", env = "break_cmd", value_name = "COMMAND")]
    pub(crate) break_command: Option<String>,
    /// Stops outside the tree, in phases that run inside it too, if this is not empty.
    #[arg(
        long = "break-outside-target",
        env = "break_outside_target",
        num_args = 0..=1,
        default_missing_value = "1",
        value_name = "1"
    )]
    pub(crate) break_outside: Option<String>,
    /// Prunes the oldest checkpoints after the build, down to this size.
    #[arg(long, env = "DIBBER_CACHE_LIMIT", value_name = "SIZE", default_value = "20GiB")]
    pub(crate) cache_limit: Bytes,
}

/// `dibber plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,
}

/// `dibber boot`.
#[derive(Debug, Args)]
pub(crate) struct BootArgs {
    /// A raw or qcow2 image of a disk, or NAME.kernel beside its NAME.initramfs, or NAME.vmlinuz beside its NAME.initrd.
    #[arg(required_unless_present = "kernel")]
    pub(crate) image: Option<PathBuf>,
    /// Starts this kernel instead of what the disk starts by itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
    /// Its initrd or initramfs.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub(crate) initrd: Option<PathBuf>,
    /// Adds arguments for a kernel that is started so; its console is the architecture's, unless they name one.
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,
    /// Firmware of the machine; without it, what is usual for the architecture.
    #[arg(long, value_enum)]
    pub(crate) firmware: Option<FirmwareArg>,
    /// Architecture of the machine; without it, as the image's sidecar or name says, or this machine's.
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
    /// Platform of the machine, which decides on its processor (p8, power9 ...); without it, as for --arch.
    #[arg(long)]
    pub(crate) platform: Option<Platform>,
    /// Grows the machine's disk to this size.
    #[arg(long, value_name = "SIZE")]
    pub(crate) disk_size: Option<Bytes>,
    /// Takes the backing files that the image names, if the image is your own; without it such an image is refused.
    #[arg(long)]
    pub(crate) allow_backing: bool,
    /// Lets the machine reach the network; without it, it is only reached from here, by ssh.
    #[arg(long)]
    pub(crate) network: bool,
    /// Keeps what the guest wrote, as a qcow2 file on top of the image.
    #[arg(long, value_name = "FILE")]
    pub(crate) keep_overlay: Option<PathBuf>,
    /// Memory of the machine; without it 1GiB, or 3GiB where the whole system is an initramfs.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Bytes>,
    /// How the processor is run.
    #[arg(long, value_enum, default_value = "auto", env = "DIBBER_ACCEL")]
    pub(crate) accel: AccelArg,
    /// Succeeds when this text appears on the serial console, and fails when it does not.
    #[arg(long, value_name = "TEXT")]
    pub(crate) expect: Option<String>,
    /// How long to wait for it, in seconds.
    #[arg(long, default_value = "300", value_parser = seconds, value_name = "SECONDS", requires = "expect")]
    pub(crate) timeout: Duration,
}

/// `dibber show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A raw or qcow2 image: a disk with a GPT or an MBR, or a partition's.
    pub(crate) image: PathBuf,
    /// A path in the image: prints a file, lists a directory. Filesystems are where the image's fstab mounts them.
    pub(crate) path: Option<String>,
    /// Lists the installed packages: name, version, architecture.
    #[arg(long, conflicts_with_all = ["path", "files"])]
    pub(crate) packages: bool,
    /// Lists every file, below PATH if that is given.
    #[arg(long)]
    pub(crate) files: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `dibber new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What to start.
    #[arg(value_enum)]
    pub(crate) what: NewKind,
    /// Its name.
    pub(crate) name: String,
}

/// What `dibber new` can start.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum NewKind {
    /// An element directory.
    Element,
    /// An image file.
    Image,
}

/// `dibber doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Looks at the place of this cache instead of $XDG_CACHE_HOME/dibber or ~/.cache/dibber.
    #[arg(long, env = "DIBBER_CACHE", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// `dibber cache`.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// Keeps caches here instead of $XDG_CACHE_HOME/dibber or ~/.cache/dibber.
    #[arg(long, env = "DIBBER_CACHE", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List checkpoints: image, step, size, when last used.
    Ls,
    /// Remove checkpoints that no running build uses, the least recently used first.
    Prune {
        /// Down to this size.
        #[arg(long, value_name = "SIZE", default_value = "20GiB")]
        limit: Bytes,
        /// Every one, and the downloads too.
        #[arg(long, conflicts_with = "limit")]
        all: bool,
    },
}

/// [`Firmware`] for the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FirmwareArg {
    /// What QEMU brings: SeaBIOS, SLOF.
    Bios,
    /// OVMF or AAVMF.
    Uefi,
    /// OVMF with Secure Boot enforced.
    #[value(name = "secureboot")]
    SecureBoot,
}

impl From<FirmwareArg> for Firmware {
    fn from(arg: FirmwareArg) -> Firmware {
        match arg {
            FirmwareArg::Bios => Firmware::Bios,
            FirmwareArg::Uefi => Firmware::Uefi,
            FirmwareArg::SecureBoot => Firmware::SecureBoot,
        }
    }
}

/// [`Accel`] for the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AccelArg {
    /// KVM where it can be had, else emulation.
    Auto,
    /// Hardware virtualisation.
    Kvm,
    /// Emulation.
    Tcg,
}

impl From<AccelArg> for Accel {
    fn from(arg: AccelArg) -> Accel {
        match arg {
            AccelArg::Auto => Accel::Auto,
            AccelArg::Kvm => Accel::Kvm,
            AccelArg::Tcg => Accel::Tcg,
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fits) {
        return Err(format!("`{name}` cannot name a variable"));
    }
    Ok((name.to_string(), value.to_string()))
}

fn epoch(text: &str) -> Result<i64, String> {
    let (first, last) = (EPOCHS.start(), EPOCHS.end());
    let seconds = text.parse().ok().filter(|seconds| EPOCHS.contains(seconds));
    seconds.ok_or_else(|| {
        format!("write a whole number of seconds since 1970, from {first} to {last} (the year 2106)")
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.trim_end_matches('s')
        .parse()
        .map(Duration::from_secs)
        .map_err(|_| "write a number of seconds".to_string())
}
