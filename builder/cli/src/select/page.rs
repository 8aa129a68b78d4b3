//! What was selected, for people.
//!
//! In: picks. Out: a table of 80 columns where names allow, and the steps below it. Never: a decision.

use dibber_imageset::members::{Member, MemberSelection};
use dibber_model::columns;

use super::{NodeChoice, name};
use crate::printable::printable;

/// One node's: files, a line each, and the steps.
pub(super) fn node(pick: &MemberSelection<'_>) -> String {
    let mut text = String::new();
    for file in pick.member.iter().flat_map(|member| &member.files) {
        text += &format!("{:<9}{}\n", file.kind.role().to_string(), file.path.display());
    }
    if pick.member.is_none() {
        text += "none\n";
    }
    text + &steps("", pick)
}

/// A line for each node, then the steps of each.
pub(super) fn fleet(rows: &[NodeChoice<'_>]) -> String {
    let mut cells = vec![["node", "for", "image", "agent"].map(String::from)];
    cells.extend(rows.iter().map(row));
    let mut text = columns(&cells, &[]).join("\n") + "\n";
    for NodeChoice { machine, chosen } in rows {
        text += &format!("\n{}\n", name(machine));
        if let Err(why) = &machine.requirements {
            text += &format!("  {}\n", printable(why.as_bytes()));
        }
        for note in &machine.notes {
            text += &format!("  {}\n", printable(note.as_bytes()));
        }
        if let Some(chosen) = chosen {
            text += &steps("  ", &chosen.image);
            text += &chosen.agent.as_ref().map_or(String::new(), |agent| steps("  ", agent));
        }
    }
    text
}

fn row(row: &NodeChoice<'_>) -> [String; 4] {
    let (machine, chosen) = (row.machine, row.chosen.as_ref());
    let wanted = match &machine.requirements {
        Ok(wants) => {
            let mode = wants.boot_mode.map_or(String::new(), |mode| format!(", {mode}"));
            format!("{}{mode}", wants.target)
        }
        Err(_) => "?".into(),
    };
    let image = chosen.and_then(|chosen| chosen.image.member);
    let agent = match chosen.map(|chosen| &chosen.agent) {
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

fn steps(indent: &str, pick: &MemberSelection<'_>) -> String {
    let lines =
        pick.attempts.iter().map(|step| format!("{indent}{}\n", printable(step.to_string().as_bytes())));
    lines.collect()
}
