//! What a build tells while it runs: the only way in which progress leaves this crate.

use dibber_model::Network;
use serde::{Deserialize, Serialize};

/// Something that happened. One JSON object a line in `--json`, under these names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Work on an image begins.
    ImageStarted {
        /// Image name.
        image: String,
        /// Target, such as `x86_64`.
        target: String,
        /// How many steps there are, cached ones included.
        steps: usize,
        /// Seconds that the last build of it took, if known.
        estimate: Option<f64>,
    },
    /// A step's result was found.
    StepCached {
        /// Phase name.
        phase: String,
        /// Step name.
        name: String,
        /// Element.
        element: String,
    },
    /// A step begins.
    StepStarted {
        /// Phase name.
        phase: String,
        /// Step name.
        name: String,
        /// Element.
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
        /// Phase name.
        phase: String,
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
    /// The build stopped at a break point: what is typed goes to a shell until [`Event::ShellClosed`].
    ShellOpened {
        /// The point, such as `before-install`.
        point: String,
    },
    /// It goes on, or ends.
    ShellClosed,
    /// A step ended.
    StepFinished {
        /// Phase name.
        phase: String,
        /// Step name.
        name: String,
        /// Seconds.
        seconds: f64,
    },
    /// Work outside of steps begins: `capture`, `layout`, `boot loader`, `pour`.
    StageStarted {
        /// Its name.
        stage: String,
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
        /// Its name.
        stage: String,
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
        /// Target.
        target: String,
        /// Seconds.
        seconds: f64,
    },
    /// A member of a set ended, one way or another; the last event about it.
    MemberEnded {
        /// Image name.
        image: String,
        /// Target.
        target: String,
        /// `built`, `kept`, `failed`, `skipped` or `unbuildable`.
        outcome: String,
        /// Why, where it was not built.
        why: Option<String>,
        /// Seconds.
        seconds: f64,
    },
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
    /// Takes one.
    fn emit(&self, event: Event);
}

impl<F: Fn(Event) + Sync> Events for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}
