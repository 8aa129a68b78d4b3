//! Boots an image in QEMU, on a snapshot, and watches its serial console.
//!
//! In: an image file, or a kernel and its initramfs, and a machine to put it in. Out: an interactive console, or a verdict. Never: a
//! write to the image, a file of this machine that an image names, or the network for a guest, unless the person says so.
#![expect(
    clippy::disallowed_methods,
    reason = "files that the person named, firmware of the host, and a directory that this run made"
)]

mod chain;
mod config_drive;
mod console;
mod firmware;
mod machine;
mod medium;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dibber_model::{Arch, Bytes, Platform};

use crate::interrupts::Interrupts;

pub use console::Verdict;
pub use dibber_model::arch::Firmware;
pub use medium::{Found, find, target_of};

use crate::show::open;

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

/// Boots. `announce` is told how to log in, just before the guest starts.
pub fn boot(
    request: &BootRequest,
    stop: &Interrupts,
    announce: &dyn Fn(&Access),
) -> Result<Verdict, BootError> {
    let scratch = crate::temporary::directory("dibber-boot-")
        .map_err(|source| BootError::File { path: std::env::temp_dir(), source })?;
    let direct = request.direct.as_ref().map(|direct| beside(direct, scratch.path())).transpose()?;
    let disk = match (&request.disk, &direct) {
        (Some(disk), _) => Some(snapshot(disk, request, scratch.path())?),
        (None, Some(_)) => None,
        (None, None) => return Err(BootError::Nothing),
    };
    let access = access()?;
    let drive = scratch.path().join("config-drive.img");
    config_drive::write(&drive, &access.password)?;
    let path = std::env::join_paths(crate::path::directories()).unwrap_or_default();
    let host = machine::Host { path: &path, root: Path::new("/") };
    let files = machine::Scratch {
        dir: scratch.path(),
        disk: disk.as_ref(),
        direct: direct.as_ref(),
        config_drive: &drive,
        ssh_port: access.ssh_port,
    };
    let mut command = machine::command(request, &files, &host)?;
    announce(&access);
    let verdict = console::watch(&mut command, request, &scratch.path().join(machine::MONITOR), stop)?;
    if let (Some(keep), Some(disk)) = (&request.keep_overlay, &disk) {
        fs::rename(&disk.overlay, keep)
            .or_else(|_| fs::copy(&disk.overlay, keep).map(drop))
            .map_err(|source| BootError::File { path: keep.clone(), source })?;
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
            .map_err(|source| BootError::File { path: file.to_path_buf(), source })?;
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
fn snapshot(disk: &Path, request: &BootRequest, scratch: &Path) -> Result<machine::Disk, BootError> {
    let chain = chain::of(disk, request.allow_backing)?;
    if let Some(keep) = request.keep_overlay.as_ref().filter(|keep| keep.symlink_metadata().is_ok()) {
        return Err(BootError::OverlayExists(keep.clone()));
    }
    let has = chain.size;
    let size = match request.disk_size {
        Some(asked) if asked < has => return Err(BootError::TooSmall { asked, has }),
        Some(asked) => asked,
        None => has,
    };
    let overlay = scratch.join("overlay.qcow2");
    let layers = chain.layers;
    run("qemu-img", "qemu-utils", |c| {
        c.args(["create", "-q", "-u", "-f", "qcow2", "-F", layers[0].format.name(), "-b"])
            .arg(&layers[0].path)
            .arg(&overlay)
            .arg(size.0.to_string())
    })?;
    Ok(machine::Disk { overlay, layers })
}

/// Runs a tool to its end.
fn run(
    program: &str,
    package: &'static str,
    fill: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<(), BootError> {
    let mut command = Command::new(program);
    fill(&mut command);
    let output = command.stdin(Stdio::null()).output().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => BootError::Missing { program: program.into(), package },
        _ => BootError::File { path: program.into(), source: e },
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
        return Err(BootError::Failed { program: program.into(), said });
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
