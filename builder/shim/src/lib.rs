//! What stands in for host tools inside the sandbox: one program, called by the names of those that it stands in for. Elements call
//! `sudo`, `mount` or `grub-install` as on a machine of their own; in the sandbox there is no device to attach and no boot sector to
//! write, so a stand-in does what is safe, notes what the build must do itself, and refuses the rest.
//!
//! In: a name and arguments. Out: the real tool's effect where that is safe, else a line in a record, or a refusal that
//! says why. Never: an effect outside the sandbox; the record is data that others judge.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_methods, reason = "runs as the hook that calls it, and sees what that sees")]

mod booted;
mod chattr;
mod chroot;
mod divert;
mod efi_install;
mod environment;
mod image_mount;
mod loader;
mod mknod;
mod mount;
mod mount_call;
mod place;
mod real;
mod record;
mod refuse;
mod sudo;

use std::ffi::OsString;

pub use environment::PRINT_ENVIRONMENT;
pub use image_mount::is_image_mounted;
pub use mknod::{DEVICE, MAJORS, MINORS};
pub use record::{LoaderRequest, MountRequest, MountSource, RECORD, Request};

type Program = fn(&str, &[OsString]) -> i32;

const PROGRAMS: [(&str, Program); 31] = [
    ("sudo", sudo::main),
    ("mount", mount::mount),
    ("umount", mount::umount),
    ("mknod", mknod::main),
    ("chattr", chattr::main),
    ("chroot", chroot::main),
    ("dibber-divert", divert::main),
    ("dibber-place", place::main),
    ("udevadm", booted::main),
    ("modprobe", booted::main),
    ("insmod", booted::main),
    ("rmmod", booted::main),
    ("sysctl", booted::main),
    ("journalctl", booted::main),
    ("hostnamectl", booted::main),
    ("service", booted::main),
    ("losetup", refuse::main),
    ("kpartx", refuse::main),
    ("partx", refuse::main),
    ("partprobe", refuse::main),
    ("dmsetup", refuse::main),
    ("grub-install", loader::main),
    ("grub2-install", loader::main),
    ("grub-probe", loader::main),
    ("grub2-probe", loader::main),
    ("grub-mkrelpath", loader::main),
    ("grub2-mkrelpath", loader::main),
    ("grub-bios-setup", loader::main),
    ("grub-mkdevicemap", loader::main),
    ("efibootmgr", loader::main),
    (PRINT_ENVIRONMENT, environment::main),
];

/// Every name that this program answers to.
pub fn program_names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

/// Does a stand-in's work if the program was called by its name. The answer is an exit code.
pub fn main(called: &str, arguments: &[OsString]) -> Option<i32> {
    let name = called.rsplit('/').next().unwrap_or(called);
    PROGRAMS.iter().find(|(known, _)| *known == name).map(|(name, program)| program(name, arguments))
}
