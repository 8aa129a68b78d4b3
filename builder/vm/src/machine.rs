//! The QEMU command line of a boot: the machine of the architecture, its firmware, its disks as block nodes.
//!
//! In: the request and the files of this boot. Out: a command that was not started. Never: a shell, or a file whose format QEMU
//! would find out by itself.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dibber_fs::PathContext;
use dibber_model::arch::{FirmwareFacts, Machine};
use dibber_model::{Arch, kernel_line};
use dibber_sandbox::attended;
use serde_json::{Value, json};

use super::chain::{Format, Layer};
use super::firmware::{self, Uefi};
use super::{Accel, BootError, BootRequest, DirectKernel};

/// The monitor's socket, in the scratch directory.
pub(super) const MONITOR: &str = "monitor";

/// The disk of a machine.
pub(super) struct Disk {
    /// The qcow2 file that takes its writes.
    pub(super) overlay: PathBuf,
    /// What that rests on, the image first.
    pub(super) layers: Vec<Layer>,
}

/// Files of this boot.
pub(super) struct BootFiles<'a> {
    /// The directory that they are in.
    pub(super) dir: &'a Path,
    pub(super) disk: Option<&'a Disk>,
    pub(super) direct: Option<&'a DirectKernel>,
    pub(super) config_drive: &'a Path,
    /// An empty file for the variables of the firmware.
    pub(super) variables: &'a Path,
    /// Local port that leads to the guest's port 22.
    pub(super) ssh_port: u16,
}

/// Where emulators and firmware are looked for.
pub(super) struct HostPaths<'a> {
    /// `PATH`.
    pub(super) path: &'a OsStr,
    /// The root directory.
    pub(super) root: &'a Path,
}

/// Two processors, a virtio disk, a virtio NIC in user mode with ssh forwarded, a config drive, serial on standard output.
pub(super) fn qemu_command(
    request: &BootRequest,
    files: &BootFiles<'_>,
    host: &HostPaths<'_>,
) -> Result<Command, BootError> {
    let arch = request.arch;
    let machine = arch.facts().machine.as_ref().ok_or(BootError::NoMachine { arch })?;
    let firmware = firmware::choose(arch, machine, request.firmware)?;
    if !std::env::split_paths(host.path).any(|dir| dir.join(machine.program).is_file()) {
        return Err(BootError::Missing { program: machine.program.into(), package: machine.package });
    }
    let mut command = Command::new(machine.program);
    let kvm = match request.accel {
        Accel::Kvm => true,
        Accel::Auto => has_kvm(arch, machine.program, &machine_option(machine, firmware, true)),
        Accel::Tcg => false,
    };
    command.args(["-machine", &machine_option(machine, firmware, kvm)]);
    command.args(["-accel", if kvm { "kvm" } else { "tcg" }, "-smp", "2"]);
    if let Some(cpu) = processor(request, machine, kvm) {
        command.args(["-cpu", cpu]);
    }
    command.args(["-m", &format!("{}M", request.memory.0 >> 20)]);
    // QEMU loads a kernel by itself. Firmware is only in its way then, unless it is asked for.
    if files.direct.is_none() || request.firmware.is_some() {
        if let Some(uefi) = firmware::find_files(arch, firmware, host.root)? {
            pflash(&mut command, &uefi, files.variables)?;
        }
        command.args(firmware.arguments);
    }
    if let Some(direct) = files.direct {
        command.arg("-kernel").arg(&direct.kernel);
        if let Some(initrd) = &direct.initrd {
            command.arg("-initrd").arg(initrd);
        }
        command.args(["-append", &kernel_line(direct, arch.facts().console)]);
    }
    // A kernel that QEMU loads has index 0 to itself.
    let first = usize::from(files.direct.is_some());
    for (number, node) in (first..).zip(nodes(files)?) {
        command.arg("-blockdev").arg(node.to_string()).arg("-device");
        command.arg(format!(
            "virtio-blk-pci,drive={},bootindex={number}",
            node["node-name"].as_str().unwrap_or_default()
        ));
    }
    command.args(["-netdev", &network(request, files.ssh_port)]);
    command.args(["-device", "virtio-net-pci,netdev=net0", "-device", "virtio-rng-pci"]);
    command.args(machine.arguments).args(["-display", "none", "-no-reboot", "-parallel", "none"]);
    if request.expect.is_some() {
        let monitor = files.dir.join(MONITOR);
        command.args(["-serial", "stdio", "-monitor"]);
        command.arg(joined(&[OsStr::new("unix:"), &escaped(&monitor), OsStr::new(",server=on,wait=off")]));
    } else {
        command.args(["-serial", "mon:stdio"]);
    }
    Ok(command)
}

fn machine_option(machine: &Machine, firmware: &FirmwareFacts, kvm: bool) -> String {
    format!("{}{}{}", machine.machine, firmware.machine, if kvm { "" } else { machine.emulated })
}

/// Only the host's own processor can run under KVM. Emulation takes the platform's, or else the architecture's.
fn processor(request: &BootRequest, machine: &Machine, kvm: bool) -> Option<&'static str> {
    let platform = || request.platform.as_ref()?.facts(request.arch);
    if kvm { Some("host") } else { platform().map(|facts| facts.cpu).or(machine.cpu) }
}

/// What the kernel is told: its console first, unless the arguments name one.
fn kernel_line(direct: &DirectKernel, console: &str) -> String {
    let arguments = kernel_line::arguments(&direct.append);
    let names_one = arguments.iter().any(|argument| argument.starts_with("console="));
    match (names_one, direct.append.trim_matches(' ')) {
        (true, append) => append.to_string(),
        (false, "") => format!("console={console}"),
        (false, append) => format!("console={console} {append}"),
    }
}

/// What the disks of the machine are, as QEMU's block nodes: every file with its driver, and nothing that QEMU would look for
/// in a file (qemu's docs, "block drivers"; qapi/block-core.json, `BlockdevOptions`).
fn nodes(files: &BootFiles<'_>) -> Result<Vec<Value>, BootError> {
    let mut nodes = Vec::new();
    if let Some(disk) = files.disk {
        let mut below = Value::Null;
        for (depth, layer) in disk.layers.iter().enumerate().rev() {
            let driver = if layer.device { "host_device" } else { "file" };
            // A name that is text, and no other, whatever the file is called.
            let link = files.dir.join(format!("disk-{depth}"));
            std::os::unix::fs::symlink(&layer.path, &link).with_path("make", &link)?;
            let file = json!({"driver": driver, "filename": utf8_path(&link)?, "read-only": true});
            let mut node = json!({"driver": layer.format.name(), "file": file, "read-only": true});
            if layer.format == Format::Qcow2 {
                node["backing"] = below;
            }
            below = node;
        }
        // What the guest wrote is thrown away, or kept once it has ended: nothing has to reach the disk before.
        let cache = json!({"direct": false, "no-flush": true});
        let file = json!({"driver": "file", "filename": utf8_path(&disk.overlay)?, "discard": "unmap", "cache": cache});
        nodes.push(json!({
            "node-name": "disk", "driver": "qcow2", "file": file, "discard": "unmap", "cache": cache, "backing": below,
        }));
    }
    let file = json!({"driver": "file", "filename": utf8_path(files.config_drive)?, "read-only": true});
    nodes.push(json!({"node-name": "config", "driver": "raw", "file": file, "read-only": true}));
    Ok(nodes)
}

/// The guest is reached by ssh from here, and reaches nothing by itself unless it is allowed to.
fn network(request: &BootRequest, ssh_port: u16) -> String {
    let restrict = if request.network { "off" } else { "on" };
    format!("user,id=net0,restrict={restrict},hostfwd=tcp:127.0.0.1:{ssh_port}-:22")
}

/// A path of ours as JSON can hold it.
fn utf8_path(path: &Path) -> Result<&str, BootError> {
    let not_utf8 =
        || io::Error::other("the name of the temporary directory is not UTF-8; set TMPDIR to another");
    Ok(path.to_str().ok_or_else(not_utf8).with_path("use", path)?)
}

/// A path inside an option: QEMU takes a comma there when it is doubled.
fn escaped(path: &Path) -> OsString {
    let double = |byte: &u8| if *byte == b',' { vec![b',', b','] } else { vec![*byte] };
    OsString::from_vec(path.as_os_str().as_bytes().iter().flat_map(double).collect())
}

fn joined(parts: &[&OsStr]) -> OsString {
    parts.iter().copied().collect()
}

/// How long a machine without a guest may take to start.
const KVM_TRIAL: Duration = Duration::from_secs(5);

/// Whether KVM runs guests of this architecture here. That its device opens does not say so: a machine within a machine may lack what
/// QEMU asks for, and QEMU then aborts instead of going on without.
fn has_kvm(arch: Arch, program: &str, machine: &str) -> bool {
    let opens = || fs::File::options().read(true).write(true).open("/dev/kvm").is_ok();
    let host = Arch::of_rust(std::env::consts::ARCH, cfg!(target_endian = "little"));
    host == Some(arch) && opens() && starts(program, machine).unwrap_or(false)
}

/// Starts a machine that runs nothing, and has it end.
fn starts(program: &str, machine: &str) -> io::Result<bool> {
    let mut command = Command::new(program);
    command.args([
        "-accel",
        "kvm",
        "-machine",
        machine,
        "-cpu",
        "host",
        "-m",
        "128M",
        "-display",
        "none",
        "-nodefaults",
    ]);
    command
        .args(["-S", "-monitor", "stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut trial = attended::spawn(&mut command)?;
    if let Some(mut monitor) = trial.stdin.take() {
        // One that has aborted does not read it.
        let _ = monitor.write_all(b"quit\n");
    }
    let start = Instant::now();
    let ended = loop {
        match trial.try_wait()? {
            None if start.elapsed() < KVM_TRIAL => std::thread::sleep(Duration::from_millis(10)),
            other => break other,
        }
    };
    if ended.is_none() {
        attended::terminate(&mut trial);
    }
    Ok(ended.is_some_and(|status| status.success()))
}

/// Code is mapped read-only where it is; variables are a copy of the template, so that no boot changes another.
fn pflash(command: &mut Command, uefi: &Uefi, variables: &Path) -> Result<(), BootError> {
    fs::copy(&uefi.variables, variables).with_path("copy", &uefi.variables)?;
    for (options, file) in [
        ("if=pflash,unit=0,format=raw,readonly=on,file=", uefi.code.as_path()),
        ("if=pflash,unit=1,format=raw,file=", variables),
    ] {
        command.arg("-drive").arg(joined(&[OsStr::new(options), &escaped(file)]));
    }
    Ok(())
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
