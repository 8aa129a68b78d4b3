//! Where in a text something is, and what is wrong there.
//!
//! In: a source with a line and column. Out: a fault that names place, cause and mend, with the line's text for the
//! excerpt. Never: colours, which are the terminal's.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use crate::source::TextSource;

/// A place in a source. Lines and columns count from 1, columns in characters; line 0 is the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The source.
    pub source: Arc<TextSource>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl Place {
    /// The text of the line, for the excerpt; empty past the end.
    pub fn excerpt(&self) -> &str {
        let index = (self.line as usize).saturating_sub(1);
        self.source.text.lines().nth(index).unwrap_or("")
    }

    /// Byte offset of the place in its source: what a report's label wants.
    pub fn offset(&self) -> usize {
        let mut start = 0;
        for line in self.source.text.split_inclusive('\n').take((self.line as usize).saturating_sub(1)) {
            start += line.len();
        }
        let column = (self.column as usize).saturating_sub(1);
        start + self.excerpt().chars().take(column).map(char::len_utf8).sum::<usize>()
    }

    /// A fault at this place.
    pub fn fault(&self, cause: Cause) -> Fault {
        Fault { place: Box::new(self.clone()), cause, hint: None }
    }

    /// A fault about a value, in words.
    pub fn bad(&self, why: impl fmt::Display) -> Fault {
        self.fault(Cause::Value(why.to_string()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source.origin),
            line => write!(f, "{}:{line}:{}", self.source.origin, self.column),
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// It is not YAML, or breaks a rule of YAML such as one key one value.
    #[error("{0}")]
    Syntax(String),
    /// A key that nothing reads.
    #[error("unknown key `{0}`")]
    UnknownKey(String),
    /// A key that must be there.
    #[error("{what} needs the key `{key}`")]
    MissingKey {
        /// Of what.
        what: &'static str,
        /// Which.
        key: &'static str,
    },
    /// Another kind of value was expected.
    #[error("{want} is expected here, not {have}")]
    WrongType {
        /// Expected.
        want: String,
        /// Found.
        have: &'static str,
    },
    /// The value itself.
    #[error("{0}")]
    Value(String),
}

/// Something wrong at a place of a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {cause}{}", Mend(.hint.as_deref()))]
pub struct Fault {
    /// Where.
    pub place: Box<Place>,
    /// What.
    pub cause: Cause,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// The same, with advice.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

struct Mend<'a>(Option<&'a str>);

impl fmt::Display for Mend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}
