//! One thing that is wrong, and where.
//!
//! In: a rule, a file of an element, a place in it. Out: a sentence as a build says it. Never: a place in a file that was not read.

use alloc::format;
use alloc::string::String;
use core::fmt;

use dibber_plan::ElementSource;

use crate::fix::Change;
use crate::rule::{Rule, Severity, rule};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing it is.
    pub rule: &'static Rule,
    /// The file or directory, as messages name it.
    pub file: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// Column, from 1, in characters; 0 where the whole line is meant.
    pub column: usize,
    /// What it is and how it is mended, in one sentence.
    pub message: String,
    /// What mends it without a person's thought.
    pub change: Option<Change>,
}

impl Finding {
    /// A finding about a file of an element; an empty path is the element itself.
    pub(crate) fn new(
        name: &str,
        element: &ElementSource,
        path: &str,
        message: impl fmt::Display,
    ) -> Finding {
        let file =
            if path.is_empty() { element.origin.clone() } else { format!("{}/{path}", element.origin) };
        Finding { rule: rule(name), file, line: 0, column: 0, message: format!("{message}"), change: None }
    }

    /// A file that could not be read as what elements hold.
    pub fn unreadable(file: String, why: impl fmt::Display) -> Finding {
        Finding {
            rule: rule("unreadable"),
            file,
            line: 0,
            column: 0,
            message: format!("{why}"),
            change: None,
        }
    }

    pub(crate) fn at(self, line: usize) -> Finding {
        Finding { line, ..self }
    }

    pub(crate) fn column(self, column: usize) -> Finding {
        Finding { column, ..self }
    }

    pub(crate) fn mended_by(self, change: Change) -> Finding {
        Finding { change: Some(change), ..self }
    }

    /// Whether something breaks or is passed over.
    pub fn is_error(&self) -> bool {
        self.rule.severity == Severity::Error
    }

    /// `FILE:LINE:COLUMN`, as far as it is known.
    pub fn place(&self) -> String {
        match (self.line, self.column) {
            (0, _) => self.file.clone(),
            (line, 0) => format!("{}:{line}", self.file),
            (line, column) => format!("{}:{line}:{column}", self.file),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}
