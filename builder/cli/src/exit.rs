//! Exit codes, as documented in `docs/exit-codes.md` and tested.
//!
//! In: why the program ends. Out: a number. Never: a number with two meanings that a script would tell apart.

/// Why the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Ok,
    /// A fault of the program or of the machine that has no code of its own.
    Fault,
    /// The command line is wrong.
    Usage,
    /// An image file, element or layout is wrong.
    Input,
    /// Something does not fit: a disk, or the space for it.
    Space,
    /// A hook failed.
    Hook,
    /// An output is in the way, or in use.
    Output,
    /// The machine lacks something: user namespaces, a tool.
    Machine,
    /// What `boot --expect` waited for was not seen.
    NotSeen,
    /// A cloud refused, did not answer, or does not hold what it was sent.
    Cloud,
    /// No image fits a node, or a flavor does not fit an image and `--strict` was given.
    Unfit,
    /// `lint` found something.
    Found,
    /// Ctrl-C.
    Interrupted,
    /// A code of somebody else's: of a hook, where dib's commands end with it.
    Other(u8),
}

impl Exit {
    /// Its number.
    fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Fault => 1,
            Exit::Usage => 2,
            Exit::Input => 3,
            Exit::Space => 4,
            Exit::Hook => 5,
            Exit::Output => 6,
            Exit::Machine => 7,
            Exit::NotSeen => 8,
            Exit::Cloud => 9,
            Exit::Unfit => 10,
            Exit::Found => 11,
            Exit::Interrupted => 130,
            Exit::Other(code) => code,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit.code())
    }
}
