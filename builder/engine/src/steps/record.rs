//! What the steps of an image saw the last time that it was built, so that the next build can say why a step runs again.
//!
//! In: a job. Out: a record, and how another job differs from it, in words. Never: a decision: ids alone decide what runs.

use std::collections::BTreeSet;

use dibber_model::printable::printable;
use dibber_plan::elements::visibility::OWN_DIRECTORIES;
use serde::{Deserialize, Serialize};

use super::id::{Ids, Origin};
use super::inputs::{self, InputKind, StepInput};
use crate::worker::job::BuildJob;

/// What one step saw, and the one before it did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StepRecord {
    /// `install/10-ssh`.
    name: String,
    inputs: Vec<StepInput>,
}

/// What the planned steps of one build saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BuildRecord {
    start: Vec<StepInput>,
    steps: Vec<StepRecord>,
}

impl BuildRecord {
    /// What the steps of a job see.
    pub(crate) fn new(job: &BuildJob) -> BuildRecord {
        let ids = Ids::new(job);
        let mut before: BTreeSet<StepInput> = BTreeSet::new();
        let mut steps = Vec::new();
        for step in &job.plan.steps {
            let now: BTreeSet<StepInput> = ids.inputs(step, Origin::Planned).into_iter().collect();
            let inputs = now.difference(&before).cloned().collect();
            steps.push(StepRecord { name: format!("{}/{}", step.phase, step.name), inputs });
            before = now;
        }
        BuildRecord { start: inputs::start(job), steps }
    }

    /// As it is kept.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record has texts alone")
    }

    /// From what was kept; one that cannot be read is none.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<BuildRecord> {
        serde_json::from_slice(bytes).ok()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }

    /// What a step sees that it did not see in an earlier build, and the other way round; empty where that is nothing.
    pub(crate) fn differences(&self, earlier: &BuildRecord, name: &str) -> Vec<String> {
        let Some(now) = self.place(name) else { return vec!["a hook adds it".into()] };
        let Some(then) = earlier.place(name) else { return vec!["the step is new".into()] };
        let mut words = Vec::new();
        if now == 0 {
            words.extend(changes(&earlier.start, &self.start));
        }
        words.extend(changes(&earlier.steps[then].inputs, &self.steps[now].inputs));
        // A step that is not there any more is in the parent's id.
        let before =
            |record: &BuildRecord, at: usize| at.checked_sub(1).map(|at| record.steps[at].name.clone());
        match (before(earlier, then), before(self, now)) {
            (Some(was), Some(_) | None) if self.place(&was).is_none() => {
                words.push(format!("step {was}, which it came after, is gone"));
            }
            (_, Some(is)) if earlier.place(&is).is_none() => {
                words.push(format!("step {is} before it is new"));
            }
            _ => {}
        }
        words
    }
}

/// How two lists of inputs differ, in words.
fn changes(then: &[StepInput], now: &[StepInput]) -> Vec<String> {
    let find = |list: &[StepInput], key: &StepInput| {
        list.iter().find(|other| other.kind == key.kind && other.name == key.name).cloned()
    };
    // A file that also lies in its element's own directory is told of once.
    let is_told = |input: &StepInput| {
        let own = input.name.strip_prefix(OWN_DIRECTORIES).and_then(|rest| rest.strip_prefix('/'));
        own.is_none_or(|name| {
            !then.iter().chain(now).any(|other| other.kind == input.kind && other.name == name)
        })
    };
    let mut words = Vec::new();
    for input in now.iter().filter(|input| is_told(input)) {
        match find(then, input) {
            None => words.push(format!("{} is new", named(input))),
            Some(was) if was.value != input.value => words.push(changed(&was, input)),
            Some(_) => {}
        }
    }
    let gone = then.iter().filter(|was| is_told(was) && find(now, was).is_none());
    words.extend(gone.map(|was| format!("{} is gone", named(was))));
    words
}

fn named(input: &StepInput) -> String {
    match input.name.is_empty() {
        true => input.kind.to_string(),
        false => format!("{} {}", input.kind, printable(input.name.as_bytes())),
    }
}

fn changed(was: &StepInput, is: &StepInput) -> String {
    let named = named(is);
    match is.kind {
        _ if is.kind == InputKind::Elements || is.name == "IMAGE_ELEMENT" => {
            format!("{named} changed{}", list_changes(&was.value, &is.value))
        }
        // A digest tells nobody anything but that it is another.
        InputKind::Secrets | InputKind::HostFile | InputKind::Step | InputKind::Package => {
            format!("{named} changed")
        }
        InputKind::File if is.name.starts_with('/') => format!("{named} changed"),
        InputKind::File => format!("{named} changed: {} -> {}", start_of(&was.value), start_of(&is.value)),
        InputKind::Index => format!("{named}: {} -> {}", date(&was.value), date(&is.value)),
        _ => format!("{named}: {} -> {}", quoted(&was.value), quoted(&is.value)),
    }
}

/// Names that came and went.
fn list_changes(was: &str, is: &str) -> String {
    let added = is.split(' ').filter(|name| !was.split(' ').any(|other| other == *name));
    let gone = was.split(' ').filter(|name| !is.split(' ').any(|other| other == *name));
    let words: Vec<String> =
        added.map(|name| format!("+{name}")).chain(gone.map(|name| format!("-{name}"))).collect();
    if words.is_empty() {
        ": another order".into()
    } else {
        format!(": {}", printable(words.join(" ").as_bytes()))
    }
}

/// The beginning of a digest, with what follows it.
fn start_of(value: &str) -> String {
    let (digest, rest) =
        value.split_once(' ').map_or((value, String::new()), |(d, rest)| (d, format!(" {rest}")));
    let is_digest = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    match is_digest {
        true => format!("{}{rest}", &digest[..12]),
        false => quoted(value),
    }
}

/// The date of a Release file, which its digest follows.
fn date(value: &str) -> &str {
    value.rsplit_once(' ').map_or(value, |(date, _)| date)
}

/// The longest value that is shown, in letters.
const LONGEST: usize = 60;

fn quoted(value: &str) -> String {
    let text: String = printable(value.as_bytes()).chars().take(LONGEST + 1).collect();
    match text.chars().count() > LONGEST {
        true => format!("`{}...`", text.chars().take(LONGEST).collect::<String>()),
        false => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(kind: InputKind, name: &str, value: &str) -> StepInput {
        StepInput { kind, name: name.into(), value: value.into() }
    }

    #[test]
    fn what_changed_is_named_with_both_values() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let then = [
            input(InputKind::Variable, "DIB_A", "x"),
            input(InputKind::File, "e/install.d/10-x", &one),
            input(InputKind::Package, "vim of e", ""),
            input(InputKind::Elements, "", "a b"),
            input(InputKind::Index, "http://m/InRelease", &format!("Sat, 1 Nov 2025 {one}")),
        ];
        let now = [
            input(InputKind::Variable, "DIB_A", "y"),
            input(InputKind::File, "e/install.d/10-x", &format!("{two} executable")),
            input(InputKind::Package, "nano of e", ""),
            input(InputKind::Elements, "", "a c"),
            input(InputKind::Index, "http://m/InRelease", &format!("Sun, 2 Nov 2025 {two}")),
        ];
        assert_eq!(
            changes(&then, &now),
            [
                "variable DIB_A: `x` -> `y`",
                "file e/install.d/10-x changed: 111111111111 -> 222222222222 executable",
                "package nano of e is new",
                "the list of elements changed: +c -b",
                "package index http://m/InRelease: Sat, 1 Nov 2025 -> Sun, 2 Nov 2025",
                "package vim of e is gone",
            ]
        );
        assert!(changes(&now, &now).is_empty());
    }
}
