//! `dibber boot`: starts an image in QEMU.
//!
//! In: arguments. Out: the guest's console, and how it ended. Never: a write to the image.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dibber_model::{Arch, Bytes, Platform, Target};
use dibber_sandbox::interrupts::Interrupts;
use dibber_vm::{
    Accel, BootError, BootMedium, BootObserver, BootRequest, DirectKernel, Expectation, Firmware,
    LoginAccess, Verdict, boot as start, find_medium, target_of,
};

use crate::exit::Exit;
use crate::progress::duration;
use crate::report::Problem;
use crate::request;
use crate::terminal::{print_stderr, stdout_for_thread};

/// `dibber boot`.
#[derive(Debug, Args)]
pub(crate) struct BootArgs {
    /// Image to boot: a raw or qcow2 disk, or NAME.kernel with NAME.initramfs beside it, or NAME.vmlinuz with NAME.initrd beside it.
    #[arg(required_unless_present = "kernel")]
    pub(crate) image: Option<PathBuf>,
    /// Start this kernel instead of the disk's boot loader.
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
    /// Initrd or initramfs for --kernel.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub(crate) initrd: Option<PathBuf>,
    /// Add arguments to the kernel's command line, where no boot loader starts it; unless they name a console, it is the
    /// architecture's usual one.
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,
    /// Firmware of the machine; default: what is usual for the architecture.
    #[arg(long, value_enum)]
    pub(crate) firmware: Option<FirmwareArg>,
    /// Architecture of the machine; default: what the image's sidecar or name says, or else this machine's.
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
    /// Platform of the machine, which decides its processor (p8, power9 ...); default: as for --arch.
    #[arg(long)]
    pub(crate) platform: Option<Platform>,
    /// Grow the machine's disk to this size.
    #[arg(long, value_name = "SIZE")]
    pub(crate) disk_size: Option<Bytes>,
    /// Open the backing files that the image names, which only an image of your own should do; by default, such an image is refused.
    #[arg(long)]
    pub(crate) allow_backing: bool,
    /// Let the machine reach the network; by default, it can only be reached from this machine, by ssh.
    #[arg(long)]
    pub(crate) network: bool,
    /// Keep what the guest writes in this file, a qcow2 overlay on the image.
    #[arg(long, value_name = "FILE")]
    pub(crate) keep_overlay: Option<PathBuf>,
    /// Memory of the machine; default: 1GiB, or 3GiB where the whole system is an initramfs.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Bytes>,
    /// Whether the processor is virtualised by hardware or emulated.
    #[arg(long, value_enum, default_value = "auto", env = "DIBBER_ACCEL")]
    pub(crate) accel: AccelArg,
    /// Succeed when this text appears on the serial console, and fail when it does not appear in time.
    #[arg(long, value_name = "TEXT")]
    pub(crate) expect: Option<String>,
    /// Seconds to wait for the text of --expect.
    #[arg(long, default_value = "300", value_parser = seconds, value_name = "SECONDS", requires = "expect")]
    pub(crate) timeout: Duration,
}

/// [`Firmware`] for the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FirmwareArg {
    /// The firmware that comes with QEMU: SeaBIOS, SLOF.
    Bios,
    /// UEFI: OVMF or AAVMF.
    Uefi,
    /// UEFI with Secure Boot enforced: OVMF.
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
    /// KVM where it is available, else emulation.
    Auto,
    /// Hardware virtualisation only.
    Kvm,
    /// Emulation only.
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

/// A machine with less does not get as far as its firmware.
const LEAST_MEMORY: Bytes = Bytes::mib(16);

/// Boots an image.
pub(crate) fn boot(args: &BootArgs, stop: &Interrupts) -> Result<Exit, Problem> {
    let medium = medium(args).map_err(problem)?;
    let Target { arch, platform } = target(args)?;
    let whole = medium.disk.is_none();
    if let Some(memory) = args.memory.filter(|memory| *memory < LEAST_MEMORY) {
        let why = format!("--memory {memory} is less than {LEAST_MEMORY}, with which no firmware starts");
        return Err(Problem::new(Exit::Usage, why));
    }
    let expect = args.expect.as_ref().map(|text| Expectation { text: text.clone(), timeout: args.timeout });
    let request = BootRequest {
        disk: medium.disk,
        direct: medium.direct,
        arch,
        platform,
        firmware: args.firmware.map(Firmware::from),
        disk_size: args.disk_size,
        allow_backing: args.allow_backing,
        network: args.network,
        keep_overlay: args.keep_overlay.clone(),
        memory: args.memory.unwrap_or(if whole { Bytes::gib(3) } else { Bytes::gib(1) }),
        accel: args.accel.into(),
        expect,
    };
    let _deferral = stop.defer_exit().map_err(Problem::fault)?;
    let console = stdout_for_thread().map_err(Problem::fault)?;
    let announce = |access: &LoginAccess| {
        print_stderr(format!(
            "log in as root with the password {} (for this boot only, by cloud-init;",
            access.password
        ));
        print_stderr(format!("the image has none), or from here: ssh -p {} root@127.0.0.1", access.ssh_port));
        if request.expect.is_none() {
            print_stderr(
                "leave with Ctrl-a x; what the guest writes is thrown away unless --keep-overlay is given",
            );
        }
    };
    let told = BootObserver { announce: &announce, console: Box::new(console) };
    match start(&request, stop, told).map_err(problem)? {
        Verdict::Ended => Ok(Exit::Ok),
        Verdict::Interrupted => Ok(Exit::Interrupted),
        Verdict::Seen { after } => {
            print_stderr(format!("\nseen after {}", duration(after.as_secs_f64())));
            Ok(Exit::Ok)
        }
        Verdict::TimedOut => Err(Problem::new(
            Exit::NotSeen,
            format!(
                "the text did not appear within {}; raise --timeout, or read the console above",
                duration(args.timeout.as_secs_f64())
            ),
        )),
        Verdict::Died => {
            Err(Problem::new(Exit::NotSeen, "QEMU ended before the text appeared; read the console above"))
        }
    }
}

/// What to boot: the named file and what belongs to it, and a kernel that is given over it.
fn medium(args: &BootArgs) -> Result<BootMedium, BootError> {
    let mut found = match &args.image {
        Some(image) => find_medium(image)?,
        None => BootMedium { disk: None, direct: None },
    };
    if let Some(kernel) = &args.kernel {
        let append = found.direct.take().map(|direct| direct.append).unwrap_or_default();
        found.direct = Some(DirectKernel { kernel: kernel.clone(), initrd: args.initrd.clone(), append });
    }
    match (&mut found.direct, &args.append) {
        (Some(direct), Some(append)) => direct.append = format!("{} {append}", direct.append).trim().into(),
        (None, Some(_)) => return Err(BootError::NoKernel),
        (_, None) => {}
    }
    Ok(found)
}

/// What was asked for, then what the file says, then this machine. A platform is of the architecture that it came with.
fn target(args: &BootArgs) -> Result<Target, Problem> {
    let named: Option<&PathBuf> = args.image.as_ref().or(args.kernel.as_ref());
    let said = named.and_then(|file| target_of(file));
    let (arch, platform) = match (args.arch, said) {
        (Some(arch), Some((said, platform))) if arch == said => (arch, platform),
        (Some(arch), _) => (arch, None),
        (None, Some(said)) => said,
        (None, None) => (request::host()?, None),
    };
    Ok(Target { arch, platform: args.platform.clone().or(platform) })
}

fn problem(error: BootError) -> Problem {
    let exit = match &error {
        BootError::Missing { .. } | BootError::NoFirmware { .. } => Exit::Machine,
        BootError::WrongFirmware { .. }
        | BootError::TooSmall { .. }
        | BootError::NoMachine { .. }
        | BootError::NoInitramfs { .. }
        | BootError::NoKernel
        | BootError::Nothing => Exit::Usage,
        BootError::OverlayExists(_) => Exit::Output,
        BootError::Refused { .. } => Exit::Input,
        BootError::Interrupted => Exit::Interrupted,
        _ => return Problem::fault(error),
    };
    Problem::new(exit, error)
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.trim_end_matches('s')
        .parse()
        .map(Duration::from_secs)
        .map_err(|_| "write a number of seconds".to_string())
}
