//! What a build or a boot needs of this machine, and what of it is there: settings, a sandbox, programs.
//!
//! In: the machine, the place of the cache. Out: findings. Never: something left behind, or a build refused here that would go on.

mod trial;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use dibber_model::Arch;

use dibber_fs::path_search;
use dibber_sandbox::Finding;

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

/// Looks at everything that a sandbox needs, and tries one where the cache is or will be.
pub fn findings(cache: &Path) -> Vec<Finding> {
    let mut findings = dibber_sandbox::probe();
    match trial::Trial::at(cache) {
        Ok(trial) => {
            findings.push(Finding::ok("the cache", &trial.place));
            // What the look found to be missing, the trial meets again.
            let tried = dibber_sandbox::probe_by_trial(&trial.grants);
            let new: Vec<_> = tried.into_iter().filter(|found| !findings.contains(found)).collect();
            findings.extend(new);
        }
        Err(failure) => findings.push(Finding::missing("the cache", failure.message, "")),
    }
    findings
}

/// Every program of the list.
pub fn tools() -> Vec<Tool> {
    let tool = |(program, package, purpose, need): (&'static str, &'static str, &'static str, Need)| Tool {
        program,
        package: package.into(),
        purpose: purpose.into(),
        need,
        found: path_search::find(program),
    };
    let emulator = |arch: Arch| {
        let machine = arch.facts().machine.as_ref()?;
        let mut packages = vec![machine.package];
        packages.extend(machine.firmwares.iter().map(|known| known.package).filter(|name| !name.is_empty()));
        packages.dedup();
        let purpose = format!("boots {arch} images").into();
        let (program, package) = (machine.program, packages.join(" ").into());
        Some(Tool { program, package, purpose, need: Need::Extra, found: path_search::find(program) })
    };
    TOOLS.into_iter().map(tool).chain(Arch::all().filter_map(emulator)).collect()
}
