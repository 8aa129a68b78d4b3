//! The QEMU command line of a boot.
//!
//! In: the request, the overlay and scratch files. Out: a command that was not started. Never: a shell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_model::Arch;

use super::firmware::{self, Uefi};
use super::{Accel, Access, BootError, BootRequest, Firmware};

/// The monitor's socket, in the scratch directory.
pub(super) const MONITOR: &str = "monitor";

/// Files of this boot besides the overlay.
pub(super) struct Scratch<'a> {
    dir: &'a Path,
    config_drive: &'a Path,
    ssh_port: u16,
}

impl<'a> Scratch<'a> {
    pub(super) fn new(dir: &'a Path, config_drive: &'a Path, access: &Access) -> Self {
        Scratch { dir, config_drive, ssh_port: access.ssh_port }
    }
}

/// Two processors, a virtio disk, a virtio NIC in user mode with ssh forwarded, a config drive, serial on standard output.
pub(super) fn command(
    request: &BootRequest,
    overlay: &Path,
    scratch: &Scratch<'_>,
) -> Result<Command, BootError> {
    let (program, package) = match request.arch {
        Arch::X86_64 => ("qemu-system-x86_64", "qemu-system-x86"),
        Arch::Ppc64le => ("qemu-system-ppc64", "qemu-system-ppc"),
        Arch::Aarch64 => ("qemu-system-aarch64", "qemu-system-arm"),
    };
    if !on_path(program) {
        return Err(BootError::Missing { program: program.into(), package });
    }
    let mut command = Command::new(program);
    command.args(["-machine", machine(request)]).args(["-accel", accel(request.accel), "-smp", "2"]);
    if let Some(cpu) = processor(request) {
        command.args(["-cpu", cpu]);
    }
    command.args(["-m", &format!("{}M", request.memory.0 >> 20)]);
    if let Some(uefi) = firmware::find(request.arch, request.firmware)? {
        pflash(&mut command, &uefi, scratch.dir)?;
        if request.firmware == Firmware::SecureBoot {
            // Without this, the variable store could be written by the guest outside of system management mode.
            command.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        }
    }
    let disk = |path: &Path, format: &str, more: &str| {
        format!("if=virtio,format={format},file={}{more}", path.display().to_string().replace(',', ",,"))
    };
    command.args(["-drive", &disk(overlay, "qcow2", ",cache=unsafe,discard=unmap")]);
    command.args(["-drive", &disk(scratch.config_drive, "raw", ",readonly=on")]);
    command.args(["-netdev", &format!("user,id=net0,hostfwd=tcp:127.0.0.1:{}-:22", scratch.ssh_port)]);
    command.args(["-device", "virtio-net-pci,netdev=net0", "-device", "virtio-rng-pci"]);
    command.args(["-display", "none", "-no-reboot", "-parallel", "none"]);
    let monitor = scratch.dir.join(MONITOR);
    if request.expect.is_some() {
        command.args([
            "-serial",
            "stdio",
            "-monitor",
            &format!("unix:{},server=on,wait=off", monitor.display()),
        ]);
    } else {
        command.args(["-serial", "mon:stdio"]);
    }
    Ok(command)
}

fn machine(request: &BootRequest) -> &'static str {
    match (request.arch, request.firmware) {
        (Arch::X86_64, Firmware::SecureBoot) => "q35,smm=on",
        (Arch::X86_64, _) => "q35",
        (Arch::Ppc64le, _) => "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken",
        (Arch::Aarch64, _) => "virt",
    }
}

fn processor(request: &BootRequest) -> Option<&'static str> {
    match request.arch {
        Arch::X86_64 => None,
        Arch::Ppc64le => Some("power9"),
        Arch::Aarch64 => Some("cortex-a57"),
    }
}

fn accel(accel: Accel) -> &'static str {
    let kvm = || fs::File::options().read(true).write(true).open("/dev/kvm").is_ok();
    match accel {
        Accel::Kvm => "kvm",
        Accel::Auto if kvm() => "kvm",
        Accel::Auto | Accel::Tcg => "tcg",
    }
}

/// Code is mapped read-only where it is; variables are a copy of the template, so that no boot changes another.
fn pflash(command: &mut Command, uefi: &Uefi, scratch: &Path) -> Result<(), BootError> {
    let variables: PathBuf = scratch.join("efi-variables.fd");
    fs::copy(&uefi.variables, &variables)
        .map_err(|source| BootError::File { path: uefi.variables.clone(), source })?;
    command
        .args(["-drive", &format!("if=pflash,unit=0,format=raw,readonly=on,file={}", uefi.code.display())]);
    command.args(["-drive", &format!("if=pflash,unit=1,format=raw,file={}", variables.display())]);
    Ok(())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
