//! Boots an image in QEMU, on a snapshot, and watches its serial console.
//!
//! In: an image file and a machine to put it in. Out: an interactive console, or a verdict. Never: a write to the image.

mod config_drive;
mod console;
mod firmware;
mod machine;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dibber_model::{Arch, Bytes};

pub use console::Verdict;
pub use firmware::Firmware;

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
    /// Raw or qcow2 image of a whole disk.
    pub image: PathBuf,
    /// The machine's architecture.
    pub arch: Arch,
    /// Its firmware.
    pub firmware: Firmware,
    /// Size that the snapshot's disk is grown to, if larger than the image.
    pub disk_size: Option<Bytes>,
    /// Keeps what the guest wrote in this qcow2 file.
    pub keep_overlay: Option<PathBuf>,
    /// Memory of the guest.
    pub memory: Bytes,
    /// How its processor is run.
    pub accel: Accel,
    /// Makes it a test: success is this text on the console within this time.
    pub expect: Option<Expectation>,
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
    #[error("{arch} has no {what} firmware; use {instead}")]
    WrongFirmware {
        /// Which firmware.
        what: Firmware,
        /// For which architecture.
        arch: Arch,
        /// What there is.
        instead: &'static str,
    },
    /// A file could not be read or made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
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
pub fn boot(request: &BootRequest, announce: &dyn Fn(&Access)) -> Result<Verdict, BootError> {
    let scratch = tempfile::Builder::new()
        .prefix("dibber-boot-")
        .tempdir()
        .map_err(|source| BootError::File { path: std::env::temp_dir(), source })?;
    let overlay = snapshot(request, scratch.path())?;
    let access = access()?;
    let drive = scratch.path().join("config-drive.img");
    config_drive::write(&drive, &access.password)?;
    let mut command =
        machine::command(request, &overlay, &machine::Scratch::new(scratch.path(), &drive, &access))?;
    announce(&access);
    let verdict = console::watch(&mut command, request, &scratch.path().join(machine::MONITOR))?;
    if let Some(keep) = &request.keep_overlay {
        fs::rename(&overlay, keep)
            .or_else(|_| fs::copy(&overlay, keep).map(drop))
            .map_err(|source| BootError::File { path: keep.clone(), source })?;
    }
    Ok(verdict)
}

/// A qcow2 file that takes the guest's writes; the image itself is its read-only backing file.
fn snapshot(request: &BootRequest, scratch: &Path) -> Result<PathBuf, BootError> {
    let image = fs::canonicalize(&request.image)
        .map_err(|source| BootError::File { path: request.image.clone(), source })?;
    if let Some(keep) = request.keep_overlay.as_ref().filter(|keep| keep.exists()) {
        return Err(BootError::OverlayExists(keep.clone()));
    }
    let info = run("qemu-img", "qemu-utils", |c| c.args(["info", "--output=json"]).arg(&image))?;
    let info: serde_json::Value = serde_json::from_slice(&info)
        .map_err(|e| BootError::Failed { program: "qemu-img info".into(), said: e.to_string() })?;
    let has = Bytes(info["virtual-size"].as_u64().unwrap_or(0));
    let format = info["format"].as_str().unwrap_or("raw").to_string();
    let overlay = scratch.join("overlay.qcow2");
    let size = match request.disk_size {
        Some(asked) if asked < has => return Err(BootError::TooSmall { asked, has }),
        Some(asked) => asked,
        None => has,
    };
    run("qemu-img", "qemu-utils", |c| {
        c.args(["create", "-q", "-f", "qcow2", "-F", &format, "-b"])
            .arg(&image)
            .arg(&overlay)
            .arg(size.0.to_string())
    })?;
    Ok(overlay)
}

fn run(
    program: &str,
    package: &'static str,
    fill: impl FnOnce(&mut Command) -> &mut Command,
) -> Result<Vec<u8>, BootError> {
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
    Ok(output.stdout)
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

/// The architecture that an image's sidecar says, if it has one.
pub fn arch_of(image: &Path) -> Option<Arch> {
    let mut sidecar = image.as_os_str().to_os_string();
    sidecar.push(".json");
    let json: serde_json::Value = serde_json::from_slice(&fs::read(sidecar).ok()?).ok()?;
    json["arch"].as_str()?.parse().ok()
}
