//! What `dibber doctor` looks at: what a build or a boot needs of this machine (kernel settings, subordinate ids, programs), and what of it
//! is there. A sandbox is tried, as the kernel and the distribution can forbid one in more ways than can be looked up.
//!
//! In: the machine, the place of the cache. Out: findings. Never: something left behind, or a build refused here that would go on.

mod trial;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use dibber_model::Arch;

use dibber_fs::path_search;
use dibber_plan::output::{OUTPUTS, OutputTool};
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

/// A program of the list below.
struct KnownTool {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
    need: Need,
}

const TOOLS: [KnownTool; 4] = [
    KnownTool {
        program: "mmdebstrap",
        package: "mmdebstrap",
        purpose: "makes Debian trees",
        need: Need::Building,
    },
    KnownTool {
        program: "apt-get",
        package: "apt",
        purpose: "fetches Debian's packages",
        need: Need::Building,
    },
    KnownTool { program: "bash", package: "bash", purpose: "runs environment.d", need: Need::Building },
    KnownTool {
        program: "qemu-img",
        package: "qemu-utils",
        purpose: "makes snapshots for boot",
        need: Need::Extra,
    },
];

/// Looks at everything that a sandbox needs, and tries one where the cache is or will be.
pub fn findings(cache: &Path) -> Vec<Finding> {
    let mut findings = dibber_sandbox::probe();
    match trial::Trial::prepare(cache) {
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
    let tool = |KnownTool { program, package, purpose, need }: KnownTool| Tool {
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
    let mut tools: Vec<Tool> = TOOLS.into_iter().map(tool).collect();
    let mut writers: Vec<OutputTool> = Vec::new();
    writers.extend(OUTPUTS.iter().filter_map(|facts| facts.origin.tool()));
    writers.dedup();
    for writer in writers {
        let made = OUTPUTS.iter().filter(|facts| facts.origin.tool() == Some(writer)).map(|facts| facts.name);
        let made = made.collect::<Vec<_>>().join(", ");
        let OutputTool { program, package } = writer;
        match tools.iter_mut().find(|tool| tool.program == program) {
            Some(known) => known.purpose = format!("{}, and outputs: {made}", known.purpose).into(),
            None => tools.push(Tool {
                purpose: format!("makes outputs: {made}").into(),
                ..tool(KnownTool { program, package, purpose: "", need: Need::Extra })
            }),
        }
    }
    tools.extend(Arch::all().filter_map(emulator));
    tools
}
