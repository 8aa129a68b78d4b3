//! Where a build stops and gives a person a shell: dib's variables `break`, `break_cmd` and `break_outside_target`.
//!
//! In: dib's words. Out: breakpoints. Never: a point that does not exist taken for one that was not reached.

use std::fmt;

use dibber_model::Phase;
use serde::{Deserialize, Serialize};

/// A point at which a build can stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Breakpoint {
    /// Before the first hook of a phase.
    Before(Phase),
    /// After its last.
    After(Phase),
    /// When a hook fails.
    AfterError,
}

impl fmt::Display for Breakpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Breakpoint::Before(phase) => write!(f, "before-{phase}"),
            Breakpoint::After(phase) => write!(f, "after-{phase}"),
            Breakpoint::AfterError => f.write_str("after-error"),
        }
    }
}

impl From<Breakpoint> for String {
    fn from(point: Breakpoint) -> String {
        point.to_string()
    }
}

impl TryFrom<String> for Breakpoint {
    type Error = UnknownBreakpoint;

    fn try_from(word: String) -> Result<Breakpoint, UnknownBreakpoint> {
        Breakpoint::from_word(&word).ok_or(UnknownBreakpoint { word })
    }
}

/// A word that names no point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no breakpoint `{word}`; write after-error, or before- or after- and a phase: {}", phases())]
pub struct UnknownBreakpoint {
    word: String,
}

fn phases() -> String {
    Phase::all().map(Phase::name).collect::<Vec<_>>().join(", ")
}

/// Where to stop, and what to do there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakpoints {
    points: Vec<Breakpoint>,
    /// Runs instead of a shell, by `sh -c`.
    pub command: Option<String>,
    /// Stops outside the tree, in phases that run inside it too.
    pub outside: bool,
}

impl Breakpoints {
    /// Reads a list of points, comma between.
    pub fn from_list(list: &str) -> Result<Breakpoints, UnknownBreakpoint> {
        let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
        let points = words.map(|word| {
            Breakpoint::from_word(word).ok_or_else(|| UnknownBreakpoint { word: word.to_string() })
        });
        Ok(Breakpoints { points: points.collect::<Result<_, _>>()?, ..Breakpoints::default() })
    }

    /// The same with one more breakpoint.
    pub fn with(mut self, point: Breakpoint) -> Breakpoints {
        self.points.push(point);
        self
    }

    /// Whether a build stops nowhere.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Whether it stops here.
    pub fn has(&self, point: Breakpoint) -> bool {
        self.points.contains(&point)
    }
}

impl Breakpoint {
    fn from_word(word: &str) -> Option<Breakpoint> {
        let phase = |name: &str| Phase::all().find(|phase| phase.name() == name);
        match (word, word.strip_prefix("before-"), word.strip_prefix("after-")) {
            ("after-error", ..) => Some(Breakpoint::AfterError),
            (_, Some(name), _) => phase(name).map(Breakpoint::Before),
            (_, _, Some(name)) => phase(name).map(Breakpoint::After),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dibs_words() {
        let breaks = Breakpoints::from_list("before-root, after-pre-install,after-error").unwrap();
        let asked =
            [Breakpoint::Before(Phase::Root), Breakpoint::After(Phase::PreInstall), Breakpoint::AfterError];
        assert!(asked.iter().all(|point| breaks.has(*point)));
        assert!(!breaks.has(Breakpoint::After(Phase::Root)));
        assert_eq!(asked.map(|point| point.to_string()), ["before-root", "after-pre-install", "after-error"]);
        assert_eq!(Breakpoints::from_list("").unwrap(), Breakpoints::default());
    }

    #[test]
    fn other_words_are_refused() {
        for word in ["install", "before-instal", "before-", "after-install.d", "before-block-device-size"] {
            let message = Breakpoints::from_list(word).unwrap_err().to_string();
            assert!(message.contains(&format!("`{word}`")) && message.contains("pre-install"), "{message}");
        }
    }
}
