//! Which programs of the host a build or a boot needs, and which of them this machine has.
//!
//! In: `PATH`. Out: findings. Never: a program run.

use std::path::PathBuf;

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
    pub package: &'static str,
    /// What it does here.
    pub purpose: &'static str,
    /// How much it is needed.
    pub need: Need,
    /// Where it is.
    pub found: Option<PathBuf>,
}

const TOOLS: [(&str, &str, &str, Need); 6] = [
    ("mmdebstrap", "mmdebstrap", "makes Debian trees", Need::Building),
    ("apt-get", "apt", "fetches Debian's packages", Need::Building),
    ("bash", "bash", "runs environment.d", Need::Building),
    ("qemu-img", "qemu-utils", "snapshots for boot, and the outputs vmdk and vhdx", Need::Extra),
    ("qemu-system-x86_64", "qemu-system-x86 ovmf", "boots x86_64 images", Need::Extra),
    ("mksquashfs", "squashfs-tools", "makes the output squashfs", Need::Extra),
];

/// Every program of the list.
pub fn tools() -> Vec<Tool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find =
        |program: &str| std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file());
    let tool =
        |(program, package, purpose, need)| Tool { program, package, purpose, need, found: find(program) };
    TOOLS.into_iter().map(tool).collect()
}
