//! What a build tells while it runs: the only way in which progress leaves this crate.
//!
//! In: what happens. Out: values, which `--json` prints as JSON, one a line. Never: a word for people; those are the command line's.

use dibber_model::{Network, Phase, Target};
use serde::{Deserialize, Serialize};

use crate::breakpoints::Breakpoint;

/// Something that happened. One JSON object a line in `--json`, under these names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Work on an image begins.
    ImageStarted {
        /// Image name.
        image: String,
        /// What it is built for; in JSON a text, such as `x86_64`.
        #[serde(with = "target_text")]
        target: Target,
        /// How many steps there are, cached ones included.
        steps: usize,
        /// Seconds that the last build of it took, if known.
        estimate: Option<f64>,
    },
    /// A step's result was found.
    StepCached {
        /// Its phase.
        phase: Phase,
        /// Step name.
        name: String,
        /// The element that the step is from.
        element: String,
    },
    /// A step begins.
    StepStarted {
        /// Its phase.
        phase: Phase,
        /// Step name.
        name: String,
        /// The element that the step is from.
        element: String,
        /// What its hook, or the fetching that it does, reaches: `host` or `none`.
        network: Network,
        /// Why it was not found: the first step, `hook changed`, `after <step>` ...
        why: String,
        /// Seconds that it took the last time, if known.
        estimate: Option<f64>,
    },
    /// Another build runs this very step, and its result is waited for.
    StepWaiting {
        /// Its phase.
        phase: Phase,
        /// Step name.
        name: String,
    },
    /// A line that a hook printed.
    Output {
        /// The line, without its end.
        line: String,
        /// Its bytes, where they are no UTF-8: for the log, and none where the event goes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bytes: Vec<u8>,
    },
    /// The build stopped at a breakpoint: what is typed goes to a shell until [`Event::ShellClosed`].
    ShellOpened {
        /// Which; in JSON a text, such as `before-install`.
        point: Breakpoint,
    },
    /// It goes on, or ends.
    ShellClosed,
    /// A step ended.
    StepFinished {
        /// Its phase.
        phase: Phase,
        /// Step name.
        name: String,
        /// Seconds.
        seconds: f64,
    },
    /// Work outside of steps begins.
    StageStarted {
        /// Which work it is.
        stage: BuildStage,
        /// Bytes to be done, if known.
        bytes: Option<u64>,
    },
    /// Some more of the stage's bytes are done.
    StageProgress {
        /// Bytes done so far.
        bytes: u64,
    },
    /// The stage ended.
    StageFinished {
        /// Which work it is.
        stage: BuildStage,
        /// Seconds.
        seconds: f64,
    },
    /// Something that people should know and that stops nothing.
    Warning {
        /// The text.
        text: String,
    },
    /// A file of the set is in place.
    OutputReady {
        /// Its path.
        path: String,
        /// Its length in bytes.
        bytes: u64,
    },
    /// The image is done.
    ImageFinished {
        /// Image name.
        image: String,
        /// What it is built for.
        #[serde(with = "target_text")]
        target: Target,
        /// Seconds.
        seconds: f64,
    },
    /// A member of a set ended, one way or another; the last event about it.
    MemberEnded {
        /// Image name.
        image: String,
        /// What it is built for.
        #[serde(with = "target_text")]
        target: Target,
        /// How it ended.
        outcome: MemberOutcome,
        /// Why, where it was not built.
        why: Option<String>,
        /// Seconds.
        seconds: f64,
    },
}

/// Work of a build outside of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuildStage {
    /// A tree of this machine's architecture is made, or found: its programs stand in for foreign ones.
    #[serde(rename = "native programs")]
    NativePrograms,
    /// The tree is read into data.
    #[serde(rename = "capture")]
    Capture,
    /// GRUB's images are made.
    #[serde(rename = "boot loader")]
    BootLoader,
    /// The disk is laid out, and its filesystems are made.
    #[serde(rename = "disk")]
    Disk,
    /// The files are written.
    #[serde(rename = "pour")]
    Pour,
}

impl BuildStage {
    /// Its name, as people and programs read it.
    pub fn name(self) -> &'static str {
        match self {
            BuildStage::NativePrograms => "native programs",
            BuildStage::Capture => "capture",
            BuildStage::BootLoader => "boot loader",
            BuildStage::Disk => "disk",
            BuildStage::Pour => "pour",
        }
    }
}

/// How a member of a set ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberOutcome {
    /// Its files were made.
    Built,
    /// The files in place were right.
    Kept,
    /// Something in it went wrong.
    Failed,
    /// This machine, or the archive, cannot give what it needs.
    Unbuildable,
    /// It was interrupted, or not begun.
    Skipped,
}

impl MemberOutcome {
    /// Its word, as people and programs read it.
    pub fn name(self) -> &'static str {
        match self {
            MemberOutcome::Built => "built",
            MemberOutcome::Kept => "kept",
            MemberOutcome::Failed => "failed",
            MemberOutcome::Unbuildable => "unbuildable",
            MemberOutcome::Skipped => "skipped",
        }
    }
}

/// A target as the text that people write.
mod target_text {
    use dibber_model::Target;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(target: &Target, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(target)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Target, D::Error> {
        dibber_plan::image::target(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Event {
    /// A line that a hook printed.
    pub fn output(line: Vec<u8>) -> Event {
        match String::from_utf8(line) {
            Ok(line) => Event::Output { line, bytes: Vec::new() },
            Err(error) => {
                let line = String::from_utf8_lossy(error.as_bytes()).into_owned();
                Event::Output { line, bytes: error.into_bytes() }
            }
        }
    }
}

/// Where events go. Called from several threads.
pub trait Events: Sync {
    /// Takes an event.
    fn emit(&self, event: Event);
}

impl<F: Fn(Event) + Sync> Events for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and texts that programs read.
    #[test]
    fn json_of_events() {
        let target: Target = dibber_plan::image::target("p9-ppc64le").unwrap();
        let json = |event: &Event| {
            let text = serde_json::to_string(event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), *event);
            text
        };
        let started =
            Event::ImageStarted { image: "a".into(), target: target.clone(), steps: 2, estimate: None };
        let text = r#"{"event":"image-started","image":"a","target":"p9-ppc64le","steps":2,"estimate":null}"#;
        assert_eq!(json(&started), text);
        let waiting = Event::StepWaiting { phase: Phase::PreInstall, name: "10-x".into() };
        assert_eq!(json(&waiting), r#"{"event":"step-waiting","phase":"pre-install","name":"10-x"}"#);
        let shell = Event::ShellOpened { point: Breakpoint::Before(Phase::Install) };
        assert_eq!(json(&shell), r#"{"event":"shell-opened","point":"before-install"}"#);
        for stage in [
            BuildStage::NativePrograms,
            BuildStage::Capture,
            BuildStage::BootLoader,
            BuildStage::Disk,
            BuildStage::Pour,
        ] {
            let text = format!(r#"{{"event":"stage-finished","stage":"{}","seconds":1.0}}"#, stage.name());
            assert_eq!(json(&Event::StageFinished { stage, seconds: 1.0 }), text);
        }
        for outcome in [
            MemberOutcome::Built,
            MemberOutcome::Kept,
            MemberOutcome::Failed,
            MemberOutcome::Unbuildable,
            MemberOutcome::Skipped,
        ] {
            let (image, target) = ("a".into(), target.clone());
            let ended = Event::MemberEnded { image, target, outcome, why: None, seconds: 0.5 };
            let text = format!(
                r#"{{"event":"member-ended","image":"a","target":"p9-ppc64le","outcome":"{}","why":null,"seconds":0.5}}"#,
                outcome.name()
            );
            assert_eq!(json(&ended), text);
        }
    }
}
