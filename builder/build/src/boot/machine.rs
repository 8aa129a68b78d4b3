//! The QEMU command line of a boot.
//!
//! In: the request, the overlay and scratch files. Out: a command that was not started. Never: a shell.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_model::arch::{FirmwareFacts, Machine};

use super::firmware::{self, Uefi};
use super::{Accel, Access, BootError, BootRequest, Direct};

/// The monitor's socket, in the scratch directory.
pub(super) const MONITOR: &str = "monitor";

/// Files of this boot, besides those of the request.
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

/// Where emulators and firmware are looked for.
pub(super) struct Host<'a> {
    /// `PATH`.
    pub(super) path: &'a OsStr,
    /// The root directory.
    pub(super) root: &'a Path,
}

/// Two processors, a virtio disk, a virtio NIC in user mode with ssh forwarded, a config drive, serial on standard output.
pub(super) fn command(
    request: &BootRequest,
    overlay: Option<&Path>,
    scratch: &Scratch<'_>,
    host: &Host<'_>,
) -> Result<Command, BootError> {
    let arch = request.arch;
    let machine = arch.facts().machine.as_ref().ok_or(BootError::NoMachine { arch })?;
    let firmware = firmware::choose(arch, machine, request.firmware)?;
    if !std::env::split_paths(host.path).any(|dir| dir.join(machine.program).is_file()) {
        return Err(BootError::Missing { program: machine.program.into(), package: machine.package });
    }
    let mut command = Command::new(machine.program);
    let kvm = uses_kvm(request.accel);
    command.args(["-machine", &kind(machine, firmware, kvm)]);
    command.args(["-accel", if kvm { "kvm" } else { "tcg" }, "-smp", "2"]);
    if let Some(cpu) = processor(request, machine, kvm) {
        command.args(["-cpu", cpu]);
    }
    command.args(["-m", &format!("{}M", request.memory.0 >> 20)]);
    // QEMU loads a kernel by itself. Firmware is only in its way then, unless it is asked for.
    if request.direct.is_none() || request.firmware.is_some() {
        if let Some(uefi) = firmware::find(arch, firmware, host.root)? {
            pflash(&mut command, &uefi, scratch.dir)?;
        }
        command.args(firmware.arguments);
    }
    if let Some(direct) = &request.direct {
        command.arg("-kernel").arg(&direct.kernel);
        if let Some(initrd) = &direct.initrd {
            command.arg("-initrd").arg(initrd);
        }
        command.args(["-append", &kernel_line(direct, arch.facts().console)]);
    }
    if let Some(overlay) = overlay {
        command.arg("-drive").arg(drive(overlay, "qcow2", "cache=unsafe,discard=unmap"));
    }
    command.arg("-drive").arg(drive(scratch.config_drive, "raw", "readonly=on"));
    command.args(["-netdev", &format!("user,id=net0,hostfwd=tcp:127.0.0.1:{}-:22", scratch.ssh_port)]);
    command.args(["-device", "virtio-net-pci,netdev=net0", "-device", "virtio-rng-pci"]);
    command.args(machine.arguments).args(["-display", "none", "-no-reboot", "-parallel", "none"]);
    if request.expect.is_some() {
        let monitor = scratch.dir.join(MONITOR);
        command.args(["-serial", "stdio", "-monitor"]);
        command.arg(format!("unix:{},server=on,wait=off", monitor.display()));
    } else {
        command.args(["-serial", "mon:stdio"]);
    }
    Ok(command)
}

fn kind(machine: &Machine, firmware: &FirmwareFacts, kvm: bool) -> String {
    format!("{}{}{}", machine.machine, firmware.machine, if kvm { "" } else { machine.emulated })
}

/// Only the host's own processor can run under KVM. Emulation takes the platform's, or else the architecture's.
fn processor(request: &BootRequest, machine: &Machine, kvm: bool) -> Option<&'static str> {
    let platform = || request.platform.as_ref()?.facts(request.arch);
    if kvm { Some("host") } else { platform().map(|facts| facts.cpu).or(machine.cpu) }
}

/// What the kernel is told: its console first, unless the arguments name one.
fn kernel_line(direct: &Direct, console: &str) -> String {
    let names_one = direct.append.split_whitespace().any(|word| word.starts_with("console="));
    match (names_one, direct.append.trim()) {
        (true, append) => append.to_string(),
        (false, "") => format!("console={console}"),
        (false, append) => format!("console={console} {append}"),
    }
}

/// QEMU takes a comma in a file's name when it is doubled.
fn drive(path: &Path, format: &str, more: &str) -> OsString {
    format!("if=virtio,format={format},file={},{more}", path.display().to_string().replace(',', ",,")).into()
}

fn uses_kvm(accel: Accel) -> bool {
    match accel {
        Accel::Kvm => true,
        Accel::Auto => fs::File::options().read(true).write(true).open("/dev/kvm").is_ok(),
        Accel::Tcg => false,
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

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
