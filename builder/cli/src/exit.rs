//! Exit codes, as documented in `docs/exit-codes.md` and tested.
//!
//! In: why the program ends. Out: a number. Never: a number with two meanings that a script would tell apart.

/// Why the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Ok = 0,
    /// A fault of the program or of the machine that has no code of its own.
    Fault = 1,
    /// The command line is wrong.
    Usage = 2,
    /// An image file, element or layout is wrong.
    Input = 3,
    /// Something does not fit: a disk, or the space for it.
    Space = 4,
    /// A hook failed.
    Hook = 5,
    /// An output is in the way, or in use.
    Output = 6,
    /// The machine lacks something: user namespaces, a tool.
    Machine = 7,
    /// What `boot --expect` waited for was not seen.
    NotSeen = 8,
    /// A cloud refused, did not answer, or does not hold what it was sent.
    Cloud = 9,
    /// No image fits a node, or a flavor does not fit an image and `--strict` was given.
    Unfit = 10,
    /// `lint` found something.
    Found = 11,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
