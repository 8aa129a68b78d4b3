//! Which programs of the host a build or a boot needs, and which of them this machine has.
//!
//! In: `PATH`, and the machines of the architectures. Out: findings. Never: a program run.

use std::borrow::Cow;
use std::path::PathBuf;

use dibber_model::Arch;

/// What a program is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Building what is built in.
    Building,
    /// Booting, or outputs that not everybody wants.
    Extra,
}

/// A program and whether it is there.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name.
    pub program: &'static str,
    /// Debian's package of it.
    pub package: Cow<'static, str>,
    /// What it does here.
    pub purpose: Cow<'static, str>,
    /// How much it is needed.
    pub need: Need,
    /// Where it is.
    pub found: Option<PathBuf>,
}

const TOOLS: [(&str, &str, &str, Need); 5] = [
    ("mmdebstrap", "mmdebstrap", "makes Debian trees", Need::Building),
    ("apt-get", "apt", "fetches Debian's packages", Need::Building),
    ("bash", "bash", "runs environment.d", Need::Building),
    ("qemu-img", "qemu-utils", "snapshots for boot, and the outputs vmdk and vhdx", Need::Extra),
    ("mksquashfs", "squashfs-tools", "makes the output squashfs", Need::Extra),
];

/// Every program of the list.
pub fn tools() -> Vec<Tool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find =
        |program: &str| std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file());
    let tool = |(program, package, purpose, need): (&'static str, &'static str, &'static str, Need)| Tool {
        program,
        package: package.into(),
        purpose: purpose.into(),
        need,
        found: find(program),
    };
    let emulator = |arch: Arch| {
        let machine = arch.facts().machine.as_ref()?;
        let mut packages = vec![machine.package];
        packages.extend(machine.firmwares.iter().map(|known| known.package).filter(|name| !name.is_empty()));
        packages.dedup();
        let purpose = format!("boots {arch} images").into();
        let (program, package) = (machine.program, packages.join(" ").into());
        Some(Tool { program, package, purpose, need: Need::Extra, found: find(program) })
    };
    TOOLS.into_iter().map(tool).chain(Arch::all().filter_map(emulator)).collect()
}
