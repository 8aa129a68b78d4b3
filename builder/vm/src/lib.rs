//! Boots an image in QEMU, on a snapshot, and watches its serial console. An image that a person was sent may be anybody's, so QEMU is
//! told of every file and its format, and finds out nothing by itself.
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
mod error;
mod firmware;
mod inherited_file;
mod machine;
mod medium;
mod request;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_fs::{PathContext, PathError, temporary};
use dibber_inspect::open;
use dibber_sandbox::attended;
use dibber_sandbox::interrupts::Interrupts;

pub use console::Verdict;
pub use dibber_model::arch::Firmware;
pub use error::BootError;
pub use medium::{BootMedium, find_medium, target_of};
pub use request::{Accel, BootRequest, DirectKernel, Expectation};

use chain::Chain;
use console::ConsoleWatch;
use inherited_file::InheritedFile;

/// What the person needs in order to log in.
#[derive(Clone, Debug)]
pub struct LoginAccess {
    /// Password of root, for this boot only, handed in by the config drive.
    pub password: String,
    /// Local port that is forwarded to the guest's port 22.
    pub ssh_port: u16,
}

/// Who hears of a boot while it goes on.
pub struct BootObserver<'a> {
    /// Is told how to log in, just before the guest starts.
    pub announce: &'a dyn Fn(&LoginAccess),
    /// Takes what a guest that is [expected](BootRequest::expect) to say something says. It may wait for its reader: it has a thread
    /// of its own.
    pub console: Box<dyn Write + Send>,
}

/// Boots what is asked for, and stays until the guest has ended or the text was seen.
pub fn boot(
    request: &BootRequest,
    stop: &Interrupts,
    observer: BootObserver<'_>,
) -> Result<Verdict, BootError> {
    let scratch =
        temporary::directory("dibber-boot-").with_path("make a directory in", &std::env::temp_dir())?;
    let direct = request.direct.as_ref().map(|direct| link_kernel(direct, scratch.path())).transpose()?;
    let snapshot = match (&request.disk, &direct) {
        (Some(disk), _) => Some(Snapshot::make(disk, request, scratch.path(), stop)?),
        (None, Some(_)) => None,
        (None, None) => return Err(BootError::Nothing),
    };
    let access = make_access()?;
    let drive = InheritedFile::unnamed(scratch.path())?;
    config_drive::write(&drive, &access.password)?;
    let variables = InheritedFile::unnamed(scratch.path())?;
    let path = std::env::join_paths(dibber_fs::path_search::directories()).unwrap_or_default();
    let host = machine::HostPaths { path: &path, root: Path::new("/") };
    let files = machine::BootFiles {
        dir: scratch.path(),
        disk: snapshot.as_ref().map(|snapshot| &snapshot.disk),
        direct: direct.as_ref(),
        config_drive: &drive.name,
        variables: &variables.name,
        ssh_port: access.ssh_port,
    };
    let mut command = machine::qemu_command(request, &files, &host)?;
    (observer.announce)(&access);
    let monitor = scratch.path().join(machine::MONITOR);
    let verdict = ConsoleWatch { request, monitor: &monitor, stop }.run(&mut command, observer.console)?;
    if let Some(snapshot) = snapshot {
        snapshot.overlay.keep();
    }
    Ok(verdict)
}

/// A kernel and its initramfs under names of ours: QEMU takes a comma in an initramfs' name for the end of it.
fn link_kernel(direct: &DirectKernel, scratch: &Path) -> Result<DirectKernel, BootError> {
    let link = |file: &Path, name: &str| {
        let link = scratch.join(name);
        open::regular(file)
            .and_then(|_| fs::canonicalize(file))
            .and_then(|target| std::os::unix::fs::symlink(target, &link))
            .map_err(|why| BootError::Refused { path: file.to_path_buf(), why: why.to_string() })?;
        Ok::<PathBuf, BootError>(link)
    };
    Ok(DirectKernel {
        kernel: link(&direct.kernel, "kernel")?,
        initrd: direct.initrd.as_deref().map(|file| link(file, "initrd")).transpose()?,
        append: direct.append.clone(),
    })
}

/// A qcow2 file that takes the guest's writes; the image itself is its read-only backing file. Neither is opened for that: its
/// length and format are known.
struct Snapshot {
    disk: machine::Disk,
    overlay: InheritedFile,
}

impl Snapshot {
    fn make(
        image: &Path,
        request: &BootRequest,
        scratch: &Path,
        stop: &Interrupts,
    ) -> Result<Snapshot, BootError> {
        let Chain { layers, size: has } = Chain::of_image(image, request.allow_backing)?;
        let size = match request.disk_size {
            Some(asked) if asked < has => return Err(BootError::TooSmall { asked, has }),
            Some(asked) => asked,
            None => has,
        };
        let overlay = match &request.keep_overlay {
            Some(keep) => InheritedFile::named(keep)?,
            None => InheritedFile::unnamed(scratch)?,
        };
        let mut create = Command::new("qemu-img");
        create.args(["create", "-q", "-u", "-f", "qcow2", "-F", layers[0].format.name(), "-b"]);
        create.arg(&layers[0].path).arg(&overlay.name).arg(size.0.to_string());
        run_tool(&mut create, "qemu-utils", stop)?;
        Ok(Snapshot { disk: machine::Disk { overlay: overlay.name.clone(), layers }, overlay })
    }
}

/// The largest file that a tool may write: a qcow2's tables before there is anything in it.
const TABLES: u64 = 1 << 30;

/// Runs a tool to its end.
fn run_tool(command: &mut Command, package: &'static str, stop: &Interrupts) -> Result<(), BootError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = attended::run(command, TABLES, stop).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => BootError::Missing { program: program.clone(), package },
        _ => PathError::new("run", Path::new(&program), e).into(),
    })?;
    let ended = ended.ok_or(BootError::Interrupted)?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr_tail).trim().to_string();
        return Err(BootError::Failed { program, said });
    }
    Ok(())
}

/// A password of 80 random bits, and a free local port.
fn make_access() -> Result<LoginAccess, BootError> {
    let mut random = [0u8; 10];
    let path = PathBuf::from("/dev/urandom");
    fs::File::open(&path)
        .and_then(|mut file| io::Read::read_exact(&mut file, &mut random))
        .with_path("read", &path)?;
    let password = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .with_path("listen at", Path::new("127.0.0.1"))?;
    Ok(LoginAccess { password, ssh_port: listener.port() })
}
