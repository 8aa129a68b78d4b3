//! Programs of another architecture are run by qemu-user. The kernel starts it by way of binfmt_misc, of which a user namespace can have
//! an instance of its own since Linux 6.7: so nothing need be registered on the host.
//!
//! In: an architecture, the host's emulator. Out: a registration that lives as long as its descriptor. Never: an entry of
//! the host's changed.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dibber_model::Arch;
use rustix::fs::{Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use crate::error::{Context, SandboxError};
use crate::finding::Finding;
use crate::{SHIMS, mounts, remedy};

/// Where the host's own instance is.
const HOST_BINFMT_MISC: &str = "/proc/sys/fs/binfmt_misc";

/// binfmt_misc's flags: P keeps argv\[0\], O passes the opened program, C takes the program's credentials (without it a
/// set-user-ID program runs as its caller), F opens the interpreter at registration, so that a chroot needs none.
const FLAGS: &str = "POCF";

/// An emulator of the host's for programs of one architecture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emulator {
    /// What it runs.
    pub arch: Arch,
    /// The program: static, since a chroot has no libraries for it.
    pub program: PathBuf,
    /// Whether the host itself has registered one that a chroot can use: flags with F.
    pub registered: bool,
}

impl Emulator {
    /// The machine's emulator, if it has one that can be used.
    pub fn find(arch: Arch) -> Result<Emulator, SandboxError> {
        let names = arch.qemu_user();
        let there = dibber_fs::path_search::directories()
            .into_iter()
            .flat_map(|dir| names.each_ref().map(|name| dir.join(name)))
            .filter(|file| file.is_file());
        let mut dynamic = None;
        for program in there {
            if is_static(&program).unwrap_or(false) {
                return Ok(Emulator { arch, program, registered: host_registered(arch) });
            }
            dynamic.get_or_insert(program);
        }
        Err(SandboxError::Missing(remedy::no_emulator(arch, dynamic.as_deref())))
    }

    /// Where the sandbox has its copy.
    pub fn place(arch: Arch) -> String {
        format!("{SHIMS}/qemu-{arch}")
    }
}

/// Whether an ELF file asks for no dynamic loader: it has no segment of type `PT_INTERP` (elf(5)).
fn is_static(program: &Path) -> io::Result<bool> {
    const PT_INTERP: u32 = 3;
    let mut head = Vec::new();
    // Program headers follow the ELF header in every linker's output; 4 KiB hold 70 of them.
    File::open(program)?.take(4096).read_to_end(&mut head)?;
    let number = |at: usize, len: usize| {
        let bytes = head.get(at..at + len)?;
        Some(bytes.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let (Some(start), Some(size), Some(count)) = (number(0x20, 8), number(0x36, 2), number(0x38, 2)) else {
        return Ok(false);
    };
    let kinds = (0..count).map(|index| number(start + index * size, 4));
    Ok(head.starts_with(b"\x7fELF\x02\x01")
        && kinds.into_iter().all(|kind| kind.is_some_and(|kind| kind != PT_INTERP as usize)))
}

/// Whether the host's instance runs this architecture's programs in any chroot.
fn host_registered(arch: Arch) -> bool {
    let entries = fs::read_dir(HOST_BINFMT_MISC).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| fs::read_to_string(entry.path()).ok()).any(|text| runs(&text, arch))
}

/// Reads an entry as the kernel prints it.
fn runs(entry: &str, arch: Arch) -> bool {
    let field = |name: &str| entry.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let magic: String = arch.facts().elf.magic().iter().map(|byte| format!("{byte:02x}")).collect();
    // Registrations differ in how much of the identification they compare; class, order and machine are in all.
    let same =
        |found: &str| [0..12, 36..40].into_iter().all(|part| found.get(part.clone()) == magic.get(part));
    entry.lines().next() == Some("enabled")
        && field("flags:").is_some_and(|flags| flags.contains('F'))
        && field("magic").is_some_and(same)
}

/// An instance of binfmt_misc, that of this user namespace. It ends, entries and all, when the last descriptor is closed.
pub struct BinfmtMisc(OwnedFd);

impl BinfmtMisc {
    /// Opens it; the first to do so in a namespace makes it (Linux 6.7).
    pub fn open() -> Result<BinfmtMisc, SandboxError> {
        mounts::make("binfmt_misc", &[]).map(BinfmtMisc)
    }

    /// Has programs of an architecture run by `interpreter`, which is opened now. The entry that was made last counts.
    pub fn register(&self, name: &str, arch: Arch, interpreter: &str) -> Result<(), SandboxError> {
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let elf = arch.facts().elf;
        let (magic, mask) = (escaped(&elf.magic()), escaped(&elf.mask()));
        let line = format!(":{name}:M::{magic}:{mask}:{interpreter}:{FLAGS}");
        self.write("register", &line).context(format_args!("register {interpreter} for programs of {arch}"))
    }

    /// Takes an entry away again.
    pub fn unregister(&self, name: &str) -> Result<(), SandboxError> {
        self.write(name, "-1").context(format_args!("take away the registration {name}"))
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        File::from(openat(&self.0, file, flags, Mode::empty())?).write_all(text.as_bytes())
    }
}

/// The emulator for everything in the worker's user namespace and those inside. `None` where the host's registration serves.
pub(crate) fn serve(emulator: &Emulator) -> Result<Option<BinfmtMisc>, SandboxError> {
    let arch = emulator.arch;
    let made = BinfmtMisc::open()
        .and_then(|own| own.register("emulator", arch, &Emulator::place(arch)).map(|()| own));
    match made {
        Ok(own) => Ok(Some(own)),
        Err(_) if emulator.registered => Ok(None),
        Err(error) => Err(SandboxError::Missing(remedy::no_instance(arch, &error))),
    }
}

/// What `dibber doctor` says about instances: `own` is whether the sandbox could have one.
pub(crate) fn finding(own: bool) -> Finding {
    let what = "foreign architectures";
    if own {
        return Finding::ok(
            what,
            "the sandbox has a binfmt_misc of its own; the host needs nothing registered",
        );
    }
    let served: Vec<String> =
        Arch::all().filter(|arch| host_registered(*arch)).map(|arch| arch.to_string()).collect();
    let why = match served.is_empty() {
        true => String::from(
            "this kernel gives a user namespace no binfmt_misc of its own, and the host has nothing registered",
        ),
        false => format!(
            "this kernel gives a user namespace no binfmt_misc of its own; the host's registration serves {}, without acceleration",
            served.join(", ")
        ),
    };
    Finding::degraded(what, why, remedy::REGISTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_entries_are_understood() {
        let entry = "enabled\ninterpreter /usr/libexec/qemu-binfmt/ppc64le-binfmt-P\nflags: POCF\noffset 0\n\
                     magic 7f454c4602010100000000000000000002001500\nmask ffffffffffffff00fffffffffffffffffeffff00\n";
        assert!(runs(entry, Arch::Ppc64le));
        assert!(!runs(entry, Arch::Aarch64));
        assert!(!runs(&entry.replace("POCF", "P"), Arch::Ppc64le));
        assert!(!runs(&entry.replace("enabled", "disabled"), Arch::Ppc64le));
        assert!(!runs(&entry.replace("magic 7f", "magic "), Arch::Ppc64le));
    }

    #[test]
    fn dynamic_programs_are_told_from_static_ones() {
        assert!(is_static(Path::new("/usr/bin/qemu-ppc64le-static")).expect("qemu-user-static is installed"));
        assert!(!is_static(Path::new("/bin/sh")).expect("there is a shell"));
    }
}
