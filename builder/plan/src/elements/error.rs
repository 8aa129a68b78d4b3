//! What can be wrong with elements, in words that name place, cause and mend.
//!
//! In: what the readers of this module found. Out: one error, or a list of warnings. Never: a bare "invalid".

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A file of an element, and a line in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileLine {
    /// Path for people: the element's origin and the file in it.
    pub file: String,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: usize,
}

impl FileLine {
    /// A line of a file.
    pub fn new(file: impl Into<String>, line: usize) -> Self {
        FileLine { file: file.into(), line }
    }
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// `; did you mean ...?` or nothing.
pub(crate) fn hint(near: Option<&str>) -> String {
    near.map(|name| alloc::format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn comma(names: &[String]) -> String {
    names.join(", ")
}

/// Why elements cannot be used as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElementError {
    /// Nothing of that name, native, on the path or provided.
    #[error("{place}: no element is called `{name}`, and none of the chosen ones provides it{hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where: the image file, or the `element-deps` of the element that needs it.
        place: FileLine,
        /// `; did you mean ...?`, or empty.
        hint: String,
    },
    /// Two elements provide one name.
    #[error("`{name}` is provided by both `{first}` and `{second}`; leave one of them out")]
    ProvidedTwice {
        /// The virtual name.
        name: String,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// Asked for by name, and provided by another element that was chosen.
    #[error("{place}: `{name}` is asked for, but `{by}` already provides it; leave one of them out")]
    AskedAndProvided {
        /// The name.
        name: String,
        /// The element that provides it.
        by: String,
        /// Where it was asked for.
        place: FileLine,
    },
    /// No operating system.
    #[error(
        "{place}: none of the elements ({}) provides `operating-system`; add one that does, such as debian-minimal",
        comma(chosen)
    )]
    NoOperatingSystem {
        /// What was chosen.
        chosen: Vec<String>,
        /// Where they were asked for.
        place: FileLine,
    },
    /// A line of `element-deps` or `element-provides` that is more than a name.
    #[error("{place}: `{text}` is not an element's name; write one name a line, without blanks and comments")]
    NotAName {
        /// The line.
        place: FileLine,
        /// Its text.
        text: String,
    },
    /// A file that planning must read, but that is not UTF-8 text of at most 1 MiB.
    #[error("{place}: cannot be read as text; it must be a UTF-8 file of at most 1 MiB")]
    Unreadable {
        /// The file.
        place: FileLine,
    },
    /// Two files that become one in the hooks directory.
    #[error("{first} and {second} would be the same file {path} of the build; rename one of them")]
    DuplicateHook {
        /// The path in the hooks directory.
        path: String,
        /// One file.
        first: FileLine,
        /// The other.
        second: FileLine,
    },
    /// A hook whose interpreter's name ends in a carriage return.
    #[error(
        "{place}: this line ends in a carriage return (CRLF), which is taken for the last letter of the interpreter's name, so that the \
         hook cannot start; save the file with LF line ends, as dos2unix does"
    )]
    CarriageReturn {
        /// The first line.
        place: FileLine,
    },
    /// A hook with something in front of its `#!`.
    #[error(
        "{place}: a byte order mark stands in front of the hook's first line, so that its `#!` is not found; save the file as UTF-8 \
         without one"
    )]
    ByteOrderMark {
        /// The first line.
        place: FileLine,
    },
    /// A file whose content does not follow its format.
    #[error("{place}: {what}")]
    Format {
        /// Where.
        place: FileLine,
        /// What is wrong, and how to write it.
        what: String,
    },
    /// An expression about a variable that has no value.
    #[error(
        "{place}: variable {name} is not set; set it in the image's environment or in an environment.d file"
    )]
    Unset {
        /// Where it is used.
        place: FileLine,
        /// The variable.
        name: String,
    },
}

impl ElementError {
    /// Where it is, if it is in one place.
    pub fn place(&self) -> Option<&FileLine> {
        use ElementError as E;
        match self {
            E::Unknown { place, .. }
            | E::AskedAndProvided { place, .. }
            | E::NoOperatingSystem { place, .. }
            | E::NotAName { place, .. }
            | E::Unreadable { place }
            | E::CarriageReturn { place }
            | E::ByteOrderMark { place }
            | E::Format { place, .. }
            | E::Unset { place, .. } => Some(place),
            E::DuplicateHook { second, .. } => Some(second),
            E::ProvidedTwice { .. } => None,
        }
    }

    pub(crate) fn format(place: FileLine, what: impl fmt::Display) -> Self {
        ElementError::Format { place, what: what.to_string() }
    }
}

/// What is legal in dib, does less than its author may think, and does not stop a build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ElementWarning {
    /// An executable file whose name dib-run-parts skips.
    #[error(
        "{place}: will not run, because hook names have only letters, digits, `_` and `-`; rename it to `{mend}`"
    )]
    IgnoredName {
        /// The file.
        place: FileLine,
        /// A name that runs.
        mend: String,
    },
    /// A file that is named as a hook, but not executable.
    #[error(
        "{place}: named as a hook, but not executable: it is passed over; if it should run, chmod +x it, else move it out of {directory}"
    )]
    NotExecutable {
        /// The file.
        place: FileLine,
        /// The phase's directory.
        directory: String,
    },
    /// A directory whose name is nearly a phase's.
    #[error("{place}: nothing reads this directory; did you mean `{meant}`?")]
    MisspeltPhase {
        /// The directory.
        place: FileLine,
        /// The phase's directory.
        meant: String,
    },
    /// A line of a shell's script that ends in a carriage return.
    #[error(
        "{place}: this line ends in a carriage return (CRLF), which the shell takes for the last letter of the line's last word; save \
         the file with LF line ends, as dos2unix does"
    )]
    CarriageReturn {
        /// The first such line.
        place: FileLine,
    },
    /// Two elements with a file of one name.
    #[error(
        "{loser} is hidden by {winner} in the hooks directory; hooks that read {path} there see only the latter"
    )]
    Hidden {
        /// Path in the hooks directory.
        path: String,
        /// The file that is seen.
        winner: FileLine,
        /// The file that is not.
        loser: FileLine,
    },
    /// A key of a package list that nothing reads.
    #[error("{place}: `{key}` is no key of package lists, so it is passed over{hint}; known are {known}")]
    UnknownKey {
        /// The key.
        place: FileLine,
        /// Its name.
        key: String,
        /// `; did you mean ...?`, or empty.
        hint: String,
        /// The keys that there are.
        known: String,
    },
    /// A package of a phase in which none are installed.
    #[error(
        "{place}: no packages are installed in a phase `{phase}`, so this one never is; write pre-install.d, install.d or post-install.d"
    )]
    UnknownPhase {
        /// The key.
        place: FileLine,
        /// What it says.
        phase: String,
    },
    /// `uninstall: false`, which is as good as `true` to dib.
    #[error(
        "{place}: `{key}` holds in diskimage-builder whatever its value, so the package is removed there; leave the key out"
    )]
    FalseFlag {
        /// The key.
        place: FileLine,
        /// Its name.
        key: String,
    },
    /// Architectures in a form that dib reads otherwise.
    #[error("{place}: `{key}` {what}, and only dibber reads all of it; write `{key}: {mend}`")]
    ListOfArches {
        /// The key.
        place: FileLine,
        /// Its name.
        key: String,
        /// What is odd about it.
        what: &'static str,
        /// How it is read everywhere.
        mend: String,
    },
    /// A section of a `pkg-map` that nothing reads.
    #[error("{place}: nothing reads the {what} `{section}`{hint}; known are {known}")]
    UnknownSection {
        /// The section.
        place: FileLine,
        /// `section`, or `family`.
        what: &'static str,
        /// Its name.
        section: String,
        /// `; did you mean ...?`, or empty.
        hint: String,
        /// The ones that there are.
        known: String,
    },
    /// A line of a `source-repository-*` file at which fetching will end.
    #[error("{place}: {what}")]
    RepositoryLine {
        /// The line.
        place: FileLine,
        /// What is wrong, and how to write it.
        what: String,
    },
    /// Files for plumbing that is not among the elements.
    #[error("{place}: not used, because `{native}` is not among the elements; add it to element-deps")]
    WithoutPlumbing {
        /// The file or directory.
        place: FileLine,
        /// The native element.
        native: &'static str,
    },
}

impl ElementWarning {
    /// Where it is.
    pub fn place(&self) -> &FileLine {
        use ElementWarning as W;
        match self {
            W::IgnoredName { place, .. }
            | W::NotExecutable { place, .. }
            | W::MisspeltPhase { place, .. }
            | W::CarriageReturn { place }
            | W::UnknownKey { place, .. }
            | W::UnknownPhase { place, .. }
            | W::FalseFlag { place, .. }
            | W::ListOfArches { place, .. }
            | W::UnknownSection { place, .. }
            | W::RepositoryLine { place, .. }
            | W::WithoutPlumbing { place, .. } => place,
            W::Hidden { loser, .. } => loser,
        }
    }
}
