//! Problems, as people see them: what, where, and how to mend it.
//!
//! In: errors of every crate. Out: words on standard error, and an exit code. Never: only a colour to tell things apart.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use dibber_engine::failure::{Failure, FailureKind, HookFailure, is_out_of_space};
use dibber_plan::PlanError;

use crate::excerpt::Excerpt;
use crate::exit::Exit;
use crate::printable::printable;
use crate::terminal::{indented, print_stderr, print_stderr_drawn};

/// A problem that ends the program.
#[derive(Debug)]
pub(crate) struct Problem {
    /// How the program ends.
    pub(crate) exit: Exit,
    message: String,
    text: Option<Box<Excerpt>>,
    hook: Option<Box<HookFailure>>,
    log: Option<PathBuf>,
}

impl Problem {
    /// A problem that is a sentence.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Problem { exit, message: message.to_string(), text: None, hook: None, log: None }
    }

    /// A fault of dibber or of the machine: that something is full has a code of its own.
    pub(crate) fn fault(error: impl Error + 'static) -> Self {
        let exit = if is_out_of_space(&error) { Exit::Space } else { Exit::Fault };
        Problem::new(exit, error)
    }

    /// The same with another exit code.
    pub(crate) fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Tells the person about one member of a set.
    pub(crate) fn print_about(&self, member: &str) {
        print_stderr(format!("{member}:"));
        self.print();
    }

    /// Tells the person.
    pub(crate) fn print(&self) {
        match &self.text {
            Some(excerpt) => print_stderr_drawn(&excerpt.render(&self.message)),
            None => print_stderr(format!("error: {}", indented(&self.message))),
        }
        if let Some(hook) = &self.hook {
            for line in &hook.tail {
                print_stderr(format!("    {}", printable(line.trim_end_matches('\r').as_bytes())));
            }
            print_stderr(format!(
                "the hook is {}.d/{} of {} ({})",
                hook.phase, hook.name, hook.element, hook.origin
            ));
        }
        if let Some(log) = &self.log {
            print_stderr(format!("the log is {}", log.display()));
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let text = error.fault().map(|fault| Box::new(Excerpt::from_fault(fault)));
        Problem { exit: Exit::Input, message: error.to_string(), text, hook: None, log: None }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let exit = match failure.kind {
            FailureKind::Fault => Exit::Fault,
            FailureKind::Input => Exit::Input,
            FailureKind::Space => Exit::Space,
            FailureKind::Hook => Exit::Hook,
            FailureKind::Output => Exit::Output,
            FailureKind::Machine => Exit::Machine,
            FailureKind::Interrupted => Exit::Interrupted,
        };
        Problem { exit, message: failure.message, text: None, hook: failure.hook, log: failure.log }
    }
}
