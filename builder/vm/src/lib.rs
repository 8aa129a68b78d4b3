//! Boots an image in QEMU, on a snapshot, and watches its serial console.
//!
//! In: an image file, or a kernel and its initramfs, and a machine to put it in. Out: an interactive console, or a verdict. Never: a
//! write to the image, a file of this machine that an image names, or the network for a guest, unless the person says so.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "files that the person named, firmware of the host, and a directory that this run made"
)]

mod chain;
mod config_drive;
mod console;
mod firmware;
mod handed;
mod machine;
mod medium;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dibber_model::{Arch, Bytes, Platform};

use dibber_fs::temporary;
use dibber_sandbox::attended;
use dibber_sandbox::interrupts::Interrupts;
use handed::Handed;

pub use console::Verdict;
pub use dibber_model::arch::Firmware;
pub use medium::{Found, find, target_of};

use dibber_inspect::open;

/// How the guest's processor is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accel {
    /// KVM where `/dev/kvm` can be opened, else emulation.
    #[default]
    Auto,
    /// Hardware virtualisation.
    Kvm,
    /// Emulation.
    Tcg,
}

/// A boot to be made.
#[derive(Clone, Debug)]
pub struct BootRequest {
    /// Raw or qcow2 image of the disk.
    pub disk: Option<PathBuf>,
    /// A kernel that is started instead of what the disk starts by itself.
    pub direct: Option<Direct>,
    /// The machine's architecture.
    pub arch: Arch,
    /// The platform within it, which decides on the emulated processor.
    pub platform: Option<Platform>,
    /// Its firmware, instead of the usual one.
    pub firmware: Option<Firmware>,
    /// Size that the snapshot's disk is grown to, if larger than the image.
    pub disk_size: Option<Bytes>,
    /// Takes the backing files that the image names; without, such an image is refused.
    pub allow_backing: bool,
    /// Lets the guest reach the network; without, only its ssh port is reached from here.
    pub network: bool,
    /// Keeps what the guest wrote in this qcow2 file.
    pub keep_overlay: Option<PathBuf>,
    /// Memory of the guest.
    pub memory: Bytes,
    /// How its processor is run.
    pub accel: Accel,
    /// Makes it a test: success is this text on the console within this time.
    pub expect: Option<Expectation>,
}

/// A kernel that QEMU loads by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Direct {
    /// The kernel.
    pub kernel: PathBuf,
    /// Its initrd or initramfs.
    pub initrd: Option<PathBuf>,
    /// Its arguments; the architecture's console is added if they name none.
    pub append: String,
}

/// What a test waits for.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Text to appear on the serial console.
    pub text: String,
    /// How long to wait for it.
    pub timeout: Duration,
}

/// Why an image could not be booted, or did not boot.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A program is missing.
    #[error("{program} is not installed; on Debian: apt install {package}")]
    Missing {
        /// The program.
        program: String,
        /// Debian's package of it.
        package: &'static str,
    },
    /// No firmware file of this kind was found.
    #[error("no {what} firmware for {arch}: looked for {looked}; on Debian: apt install {package}")]
    NoFirmware {
        /// Which firmware.
        what: Firmware,
        /// For which architecture.
        arch: Arch,
        /// The paths that were tried.
        looked: String,
        /// Debian's package of it.
        package: &'static str,
    },
    /// This firmware does not exist for the architecture.
    #[error("{arch} has no {what} firmware; use --firmware {instead}")]
    WrongFirmware {
        /// Which firmware.
        what: Firmware,
        /// For which architecture.
        arch: Arch,
        /// What there is.
        instead: String,
    },
    /// QEMU is not known to have a machine of this architecture.
    #[error("no machine of QEMU is known for {arch}: its images can be built, and not booted here")]
    NoMachine {
        /// The architecture.
        arch: Arch,
    },
    /// There is neither a disk nor a kernel.
    #[error("nothing to boot; name an image, or --kernel")]
    Nothing,
    /// Arguments, and no kernel to give them to.
    #[error("--append is for a kernel that is started directly; name one with --kernel")]
    NoKernel,
    /// A kernel's initramfs is not where its name says.
    #[error("{kernel} needs its initramfs, and there is no {looked}; name it with --initrd")]
    NoInitramfs {
        /// The kernel.
        kernel: PathBuf,
        /// The files that were looked for.
        looked: String,
    },
    /// A file could not be read or made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An image that asks for what a machine does not get.
    #[error("{}: {why}", path.display())]
    Refused {
        /// The image.
        path: PathBuf,
        /// What it asks for, and what to do.
        why: String,
    },
    /// The overlay to keep exists already.
    #[error("{0} exists; name another file for --keep-overlay, or remove it")]
    OverlayExists(PathBuf),
    /// The disk asked for is smaller than the image.
    #[error("--disk-size {asked} is less than the image's {has}; a disk can only grow")]
    TooSmall {
        /// What was asked for.
        asked: Bytes,
        /// What the image has.
        has: Bytes,
    },
    /// A program failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: String,
        /// What it said.
        said: String,
    },
    /// QEMU failed before the guest was through, or could not run it at all.
    #[error("{program} failed ({how}); what it said of that stands above")]
    Ended {
        /// The program.
        program: String,
        /// Its exit code, or the signal that ended it.
        how: String,
    },
    /// The person interrupted before the guest was started.
    #[error("interrupted")]
    Interrupted,
    /// The config drive could not be made.
    #[error("config drive: {0}")]
    ConfigDrive(String),
}

/// What the person needs in order to log in.
#[derive(Clone, Debug)]
pub struct Access {
    /// Password of root, for this boot only, handed in by the config drive.
    pub password: String,
    /// Local port that is forwarded to the guest's port 22.
    pub ssh_port: u16,
}

/// Who hears of a boot while it goes on.
pub struct Told<'a> {
    /// Is told how to log in, just before the guest starts.
    pub announce: &'a dyn Fn(&Access),
    /// Takes what a guest that is [expected](BootRequest::expect) to say something says. It may wait for its reader: it has a thread
    /// of its own.
    pub console: Box<dyn Write + Send>,
}

/// Boots.
pub fn boot(request: &BootRequest, stop: &Interrupts, told: Told<'_>) -> Result<Verdict, BootError> {
    let scratch = temporary::directory("dibber-boot-")
        .map_err(|source| BootError::File { path: std::env::temp_dir(), source })?;
    let direct = request.direct.as_ref().map(|direct| beside(direct, scratch.path())).transpose()?;
    let snapshot = match (&request.disk, &direct) {
        (Some(disk), _) => Some(snapshot(disk, request, (scratch.path(), stop))?),
        (None, Some(_)) => None,
        (None, None) => return Err(BootError::Nothing),
    };
    let (disk, overlay) = snapshot.unzip();
    let access = access()?;
    let drive = Handed::unnamed(scratch.path())?;
    config_drive::write(&drive, &access.password)?;
    let variables = Handed::unnamed(scratch.path())?;
    let path = std::env::join_paths(dibber_fs::path_search::directories()).unwrap_or_default();
    let host = machine::Host { path: &path, root: Path::new("/") };
    let files = machine::Scratch {
        dir: scratch.path(),
        disk: disk.as_ref(),
        direct: direct.as_ref(),
        config_drive: &drive.name,
        variables: &variables.name,
        ssh_port: access.ssh_port,
    };
    let mut command = machine::command(request, &files, &host)?;
    (told.announce)(&access);
    let monitor = scratch.path().join(machine::MONITOR);
    let verdict = console::watch(&mut command, (request, &monitor), told.console, stop)?;
    if let Some(overlay) = overlay {
        overlay.keep();
    }
    Ok(verdict)
}

/// A kernel and its initramfs under names of ours: QEMU takes a comma in an initramfs' name for the end of it.
fn beside(direct: &Direct, scratch: &Path) -> Result<Direct, BootError> {
    let link = |file: &Path, name: &str| {
        let link = scratch.join(name);
        open::regular(file)
            .and_then(|_| fs::canonicalize(file))
            .and_then(|target| std::os::unix::fs::symlink(target, &link))
            .map_err(|why| BootError::Refused { path: file.to_path_buf(), why: why.to_string() })?;
        Ok(link)
    };
    Ok(Direct {
        kernel: link(&direct.kernel, "kernel")?,
        initrd: direct.initrd.as_deref().map(|file| link(file, "initrd")).transpose()?,
        append: direct.append.clone(),
    })
}

/// A qcow2 file that takes the guest's writes; the image itself is its read-only backing file. Neither is opened for that: its
/// length and format are known.
fn snapshot(
    disk: &Path,
    request: &BootRequest,
    (scratch, stop): (&Path, &Interrupts),
) -> Result<(machine::Disk, Handed), BootError> {
    let chain = chain::of(disk, request.allow_backing)?;
    let has = chain.size;
    let size = match request.disk_size {
        Some(asked) if asked < has => return Err(BootError::TooSmall { asked, has }),
        Some(asked) => asked,
        None => has,
    };
    let overlay = match &request.keep_overlay {
        Some(keep) => Handed::named(keep)?,
        None => Handed::unnamed(scratch)?,
    };
    let layers = chain.layers;
    let mut create = Command::new("qemu-img");
    create.args(["create", "-q", "-u", "-f", "qcow2", "-F", layers[0].format.name(), "-b"]);
    create.arg(&layers[0].path).arg(&overlay.name).arg(size.0.to_string());
    run(&mut create, "qemu-utils", stop)?;
    Ok((machine::Disk { overlay: overlay.name.clone(), layers }, overlay))
}

/// The largest file that a tool may write: a qcow2's tables before there is anything in it.
const TABLES: u64 = 1 << 30;

/// Runs a tool to its end.
fn run(command: &mut Command, package: &'static str, stop: &Interrupts) -> Result<(), BootError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = attended::run(command, TABLES, stop).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => BootError::Missing { program: program.clone(), package },
        _ => BootError::File { path: program.clone().into(), source: e },
    })?;
    let ended = ended.ok_or(BootError::Interrupted)?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.said).trim().to_string();
        return Err(BootError::Failed { program, said });
    }
    Ok(())
}

/// A password of 80 random bits, and a free local port.
fn access() -> Result<Access, BootError> {
    let mut random = [0u8; 10];
    let path = PathBuf::from("/dev/urandom");
    fs::File::open(&path)
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut random))
        .map_err(|source| BootError::File { path, source })?;
    let password = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|source| BootError::File { path: "127.0.0.1".into(), source })?;
    Ok(Access { password, ssh_port: listener.port() })
}
