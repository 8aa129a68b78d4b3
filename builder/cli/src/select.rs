//! `dibber select`: chooses the files of a set that a node, or each node of a fleet, is deployed with.
//!
//! In: an image's name, a directory, and a node or a fleet. Out: the files that each gets, and why. Never: a word of a nodes file
//! that is not about architecture, platform or boot mode.

mod page;

use std::path::{Path, PathBuf};

use clap::Args;
use dibber_deploy::select::{BootMode, Fleet, Machine, NodeRequirements, NodesFormat};
use dibber_fs::text;
use dibber_imageset::members::{MemberSelection, Members, MembersError, Trust};
use dibber_model::{Arch, Platform, Target};
use dibber_plan::Role;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::json::pretty_json;
use crate::printable::printable;
use crate::report::Problem;
use crate::terminal::{print_stderr, print_stdout};

/// `dibber select`.
#[derive(Debug, Args)]
pub(crate) struct SelectArgs {
    /// The image's name, such as overcloud-full.
    pub(crate) name: String,
    /// Directory of the images: a set with images.json, or files that other tools made.
    #[arg(long = "in", value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Architecture of the node; default: x86_64.
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
    /// Platform of the node within the architecture, such as p9.
    #[arg(long, requires = "arch")]
    pub(crate) platform: Option<Platform>,
    /// Boot mode of the node: bios or uefi.
    #[arg(long, value_name = "MODE", value_parser = str::parse::<BootMode>)]
    pub(crate) boot_mode: Option<BootMode>,
    /// Select for every node of a file, and select the agent's ramdisk as well: an instackenv in JSON, YAML or CSV, or what
    /// `openstack baremetal node list --fields uuid name properties extra` prints in one of them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arch", "platform", "boot_mode"])]
    pub(crate) nodes: Option<PathBuf>,
    /// Name of the agent's ramdisk image; default: ironic-python-agent, if the directory has one.
    #[arg(long, value_name = "NAME", requires = "nodes")]
    pub(crate) agent: Option<String>,
    /// Check file sizes only; skip checksums.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the agent's image is called unless said.
const AGENT: &str = "ironic-python-agent";

/// A node, and what was chosen for it; nothing where it cannot be told what it is.
struct NodeChoice<'a> {
    machine: &'a Machine,
    chosen: Option<ChosenFiles<'a>>,
}

/// What is chosen for one node.
struct ChosenFiles<'a> {
    image: MemberSelection<'a>,
    agent: Option<MemberSelection<'a>>,
}

impl ChosenFiles<'_> {
    fn is_whole(&self) -> bool {
        self.image.member.is_some() && self.agent.as_ref().is_none_or(|agent| agent.member.is_some())
    }
}

/// Selects.
pub(crate) fn select(args: &SelectArgs) -> Result<Exit, Problem> {
    let trust = if args.quick { Trust::Lengths } else { Trust::Digests };
    let images = Members::read(&args.dir, &args.name, trust).map_err(problem)?;
    match &args.nodes {
        None => select_for_node(args, &images),
        Some(file) => select_for_fleet(args, &images, file, trust),
    }
}

pub(crate) fn problem(error: MembersError) -> Problem {
    Problem::new(Exit::Input, error)
}

/// What a node is that is told on the command line.
pub(crate) fn target(arch: Option<Arch>, platform: Option<&Platform>) -> Result<Target, Problem> {
    let arch = arch.or(Arch::untagged());
    let arch =
        arch.ok_or_else(|| Problem::new(Exit::Usage, "of which architecture is the node? say --arch"))?;
    Ok(Target { arch, platform: platform.cloned() })
}

fn select_for_node(args: &SelectArgs, images: &Members) -> Result<Exit, Problem> {
    let target = target(args.arch, args.platform.as_ref())?;
    let pick = images.select(&NodeRequirements { target, boot_mode: args.boot_mode }, &args.name);
    print_stdout(if args.json { pretty_json(&described(&pick)) } else { page::node(&pick) });
    Ok(if pick.member.is_some() { Exit::Ok } else { Exit::Unfit })
}

fn select_for_fleet(args: &SelectArgs, images: &Members, file: &Path, trust: Trust) -> Result<Exit, Problem> {
    let wrong = |why: &dyn std::fmt::Display| Problem::new(Exit::Input, format!("{}: {why}", file.display()));
    let text = text::read(file).map_err(|error| wrong(&error))?;
    let format = NodesFormat::of(&file.to_string_lossy(), &text);
    let fleet = Fleet::read(&text, format).map_err(|error| wrong(&error))?;
    let agent = args.agent.as_deref().unwrap_or(AGENT);
    let agents = match Members::read(&args.dir, agent, trust) {
        Ok(agents) => Some(agents),
        // It may be in another place, unless it was asked for.
        Err(MembersError::Unknown { .. }) if args.agent.is_none() => None,
        Err(error) => return Err(problem(error)),
    };
    let rows: Vec<NodeChoice<'_>> = fleet
        .machines
        .iter()
        .map(|machine| {
            let chosen = machine.requirements.as_ref().ok().map(|wants| ChosenFiles {
                image: images.select(wants, &args.name),
                agent: agents.as_ref().map(|agents| agents.select(wants, agent)),
            });
            NodeChoice { machine, chosen }
        })
        .collect();
    if args.json {
        let nodes: Vec<Value> = rows.iter().map(described_node).collect();
        print_stdout(pretty_json(
            &json!({"image": args.name, "agent": agents.is_some().then_some(agent), "nodes": nodes}),
        ));
    } else {
        print_stdout(page::fleet(&rows));
        if agents.is_none() {
            print_stderr(format!(
                "note: {} has no {AGENT}; name the agent's image with --agent",
                args.dir.display()
            ));
        }
    }
    let whole = rows.iter().all(|row| row.chosen.as_ref().is_some_and(ChosenFiles::is_whole));
    Ok(if whole { Exit::Ok } else { Exit::Unfit })
}

fn described_node(row: &NodeChoice<'_>) -> Value {
    let (machine, chosen) = (row.machine, row.chosen.as_ref());
    let wants = machine.requirements.as_ref().ok();
    json!({
        "node": machine.name,
        "arch": wants.map(|wants| wants.target.arch),
        "platform": wants.and_then(|wants| wants.target.platform.clone()),
        "boot_mode": wants.and_then(|wants| wants.boot_mode).map(|mode| mode.to_string()),
        "problem": machine.requirements.as_ref().err(),
        "notes": machine.notes,
        "image": chosen.map(|chosen| described(&chosen.image)),
        "agent": chosen.and_then(|chosen| chosen.agent.as_ref()).map(described),
    })
}

/// A pick for programs.
fn described(pick: &MemberSelection<'_>) -> Value {
    let files = |role| -> Vec<String> {
        let files = pick.member.into_iter().flat_map(|member| member.of_role(role));
        files.map(|file| file.path.display().to_string()).collect()
    };
    let tried: Vec<Value> = pick
        .attempts
        .iter()
        .map(|step| json!({"name": step.basename, "outcome": step.outcome.to_string()}))
        .collect();
    json!({
        "chosen": pick.member.map(|member| &member.basename),
        "disks": files(Role::Disk),
        "kernel": files(Role::Kernel).first(),
        "ramdisk": files(Role::Ramdisk).first(),
        "archives": files(Role::Tree),
        "tried": tried,
    })
}

/// A name out of somebody's file.
fn name(machine: &Machine) -> String {
    printable(machine.name.as_bytes())
}
