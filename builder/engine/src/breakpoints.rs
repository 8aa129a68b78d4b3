//! Where a build stops for a person: dib's `break`, `break_cmd` and `break_outside_target`.
//!
//! In: dib's words. Out: points of the build. Never: a point that does not exist taken for one that was not reached.

use std::fmt;

use dibber_model::Phase;
use serde::{Deserialize, Serialize};

/// A point at which a build can stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Point {
    /// Before the first hook of a phase.
    Before(Phase),
    /// After its last.
    After(Phase),
    /// Where a hook failed.
    AfterError,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::Before(phase) => write!(f, "before-{phase}"),
            Point::After(phase) => write!(f, "after-{phase}"),
            Point::AfterError => f.write_str("after-error"),
        }
    }
}

/// A word that names no point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no break point `{word}`; write after-error, or before- or after- and a phase: {}",
    phases()
)]
pub struct UnknownPoint {
    word: String,
}

fn phases() -> String {
    Phase::all().map(Phase::name).collect::<Vec<_>>().join(", ")
}

/// Where to stop, and what to do there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaks {
    points: Vec<Point>,
    /// Runs instead of a shell, by `sh -c`.
    pub command: Option<String>,
    /// Stops outside the tree, in phases that run inside it too.
    pub outside: bool,
}

impl Breaks {
    /// Reads a list of points, comma between.
    pub fn at(list: &str) -> Result<Breaks, UnknownPoint> {
        let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
        let points = words.map(|word| point(word).ok_or_else(|| UnknownPoint { word: word.to_string() }));
        Ok(Breaks { points: points.collect::<Result<_, _>>()?, ..Breaks::default() })
    }

    /// Adds a point.
    pub fn and(mut self, point: Point) -> Breaks {
        self.points.push(point);
        self
    }

    /// Whether to stop there.
    /// Whether a build stops nowhere.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Whether it stops here.
    pub fn has(&self, point: Point) -> bool {
        self.points.contains(&point)
    }
}

fn point(word: &str) -> Option<Point> {
    let phase = |name: &str| Phase::all().find(|phase| phase.name() == name);
    match (word, word.strip_prefix("before-"), word.strip_prefix("after-")) {
        ("after-error", ..) => Some(Point::AfterError),
        (_, Some(name), _) => phase(name).map(Point::Before),
        (_, _, Some(name)) => phase(name).map(Point::After),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dibs_words() {
        let breaks = Breaks::at("before-root, after-pre-install,after-error").unwrap();
        let asked = [Point::Before(Phase::Root), Point::After(Phase::PreInstall), Point::AfterError];
        assert!(asked.iter().all(|point| breaks.has(*point)));
        assert!(!breaks.has(Point::After(Phase::Root)));
        assert_eq!(asked.map(|point| point.to_string()), ["before-root", "after-pre-install", "after-error"]);
        assert_eq!(Breaks::at("").unwrap(), Breaks::default());
    }

    #[test]
    fn other_words_are_refused() {
        for word in ["install", "before-instal", "before-", "after-install.d", "before-block-device-size"] {
            let message = Breaks::at(word).unwrap_err().to_string();
            assert!(message.contains(&format!("`{word}`")) && message.contains("pre-install"), "{message}");
        }
    }
}
