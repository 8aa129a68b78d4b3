//! What was selected, for people.
//!
//! In: picks. Out: a table of 80 columns where names allow, and the steps below it. Never: a decision.

use dibber_deploy::select::Machine;
use dibber_imageset::members::{Member, MemberSelection};
use dibber_model::columns;

use super::{Given, name};
use crate::printable::printable;

/// One node's: files, a line each, and the steps.
pub(super) fn one(selection: &MemberSelection<'_>) -> String {
    let mut text = String::new();
    for file in selection.member.iter().flat_map(|member| &member.files) {
        text += &format!("{:<9}{}\n", file.kind.role().to_string(), file.path.display());
    }
    if selection.member.is_none() {
        text += "none\n";
    }
    text + &steps("", selection)
}

/// A line for each node, then the steps of each.
pub(super) fn fleet(rows: &[(&Machine, Option<Given<'_>>)]) -> String {
    let mut cells = vec![["node", "for", "image", "agent"].map(String::from)];
    cells.extend(rows.iter().map(|(machine, given)| row(machine, given.as_ref())));
    let mut text = columns(&cells, &[]).join("\n") + "\n";
    for (machine, given) in rows {
        text += &format!("\n{}\n", name(machine));
        if let Err(why) = &machine.requirements {
            text += &format!("  {}\n", printable(why.as_bytes()));
        }
        for note in &machine.notes {
            text += &format!("  {}\n", printable(note.as_bytes()));
        }
        if let Some(given) = given {
            text += &steps("  ", &given.image);
            text += &given.agent.as_ref().map_or(String::new(), |agent| steps("  ", agent));
        }
    }
    text
}

fn row(machine: &Machine, given: Option<&Given<'_>>) -> [String; 4] {
    let wanted = match &machine.requirements {
        Ok(requirements) => {
            let mode = requirements.boot_mode.map_or(String::new(), |mode| format!(", {mode}"));
            format!("{}{mode}", requirements.target)
        }
        Err(_) => "?".into(),
    };
    let image = given.and_then(|given| given.image.member);
    let agent = match given.map(|given| &given.agent) {
        // There are no agents here at all.
        Some(None) => "-".into(),
        Some(Some(agent)) => files(agent.member),
        None => files(None),
    };
    [name(machine), wanted, files(image), agent]
}

/// `overcloud-full.{qcow2,vmlinuz,initrd}`, as shells expand it.
fn files(member: Option<&Member>) -> String {
    let Some(member) = member else { return "none".into() };
    let kinds: Vec<&str> = member.files.iter().map(|file| file.kind.extension()).collect();
    match kinds.as_slice() {
        [one] => format!("{}.{one}", member.basename),
        kinds => format!("{}.{{{}}}", member.basename, kinds.join(",")),
    }
}

fn steps(indent: &str, selection: &MemberSelection<'_>) -> String {
    let lines =
        selection.attempts.iter().map(|step| format!("{indent}{}\n", printable(step.to_string().as_bytes())));
    lines.collect()
}
