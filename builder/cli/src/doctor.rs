//! `dibber doctor`: checks whether this machine can build.
//!
//! In: this machine. Out: what it lacks, and how to get it. Never: a change to it.

use std::path::PathBuf;

use clap::Args;
use dibber_engine::doctor::{self, Need, tools};
use dibber_sandbox::{Finding, FindingState};

use crate::exit::Exit;
use crate::report::Problem;
use crate::request;
use crate::terminal::print_stdout;

/// `dibber doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Directory of the cache to check; default: $XDG_CACHE_HOME/dibber or ~/.cache/dibber.
    #[arg(long, env = "DIBBER_CACHE", value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// Prints every finding; fails if building would.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<Exit, Problem> {
    let findings = doctor::findings(&request::store_path(args.cache_dir.as_ref())?);
    let mut blocked = false;
    for finding in &findings {
        blocked |= finding.state == FindingState::Missing;
        print_stdout(line(finding));
    }
    for tool in tools() {
        let missing = tool.found.is_none();
        blocked |= missing && tool.need == Need::Building;
        let state = match (missing, tool.need) {
            (false, _) => "ok     ",
            (true, Need::Building) => "MISSING",
            (true, _) => "lacking",
        };
        let mend = if missing { format!("; apt install {}", tool.package) } else { String::new() };
        print_stdout(format!("{state}  {}: {}{mend}", tool.program, tool.purpose));
    }
    print_stdout(if blocked { "\nthis machine cannot build yet" } else { "\nthis machine can build" });
    Ok(if blocked { Exit::Machine } else { Exit::Ok })
}

fn line(finding: &Finding) -> String {
    let state = match finding.state {
        FindingState::Ok => "ok     ",
        FindingState::Degraded => "lacking",
        FindingState::Missing => "MISSING",
    };
    let mut text = format!("{state}  {}", finding.what);
    for more in [&finding.why, &finding.remedy].into_iter().filter(|more| !more.is_empty()) {
        text += &format!("\n         {more}");
    }
    text
}
