//! Problems, as people see them: what, where, and how to mend it.
//!
//! In: errors of every crate. Out: words on standard error, and an exit code. Never: only a colour to tell things apart.

use std::fmt;
use std::path::PathBuf;

use dibber_build::job::{Failure, FailureKind};
use dibber_build::steps::HookFailure;
use dibber_plan::PlanError;
use dibber_plan::yaml::Fault;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::exit::Exit;

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

/// The place in a text that is wrong.
#[derive(Debug)]
struct Excerpt {
    source: NamedSource<String>,
    offset: usize,
    cause: String,
    help: Option<String>,
}

impl Problem {
    /// A problem that is a sentence.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Problem { exit, message: message.to_string(), text: None, hook: None, log: None }
    }

    /// Tells the person about one member of a set.
    pub(crate) fn print_about(&self, member: &str) {
        eprintln!("{member}:");
        self.print();
    }

    /// Tells the person.
    pub(crate) fn print(&self) {
        match &self.text {
            Some(excerpt) => eprintln!("{}", excerpt.drawn(&self.message)),
            None => eprintln!("error: {}", self.message),
        }
        if let Some(hook) = &self.hook {
            for line in &hook.tail {
                eprintln!("    {line}");
            }
            eprintln!("the hook is {}.d/{} of {} ({})", hook.phase, hook.name, hook.element, hook.origin);
        }
        if let Some(log) = &self.log {
            eprintln!("the log is {}", log.display());
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let text = error.fault().map(|fault| Box::new(Excerpt::of(fault)));
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

impl Excerpt {
    fn of(fault: &Fault) -> Self {
        let source = &fault.place.source;
        Excerpt {
            source: NamedSource::new(&source.origin, source.text.clone()),
            offset: fault.place.offset().min(source.text.len()),
            cause: fault.cause.to_string(),
            help: fault.hint.clone(),
        }
    }

    fn drawn(&self, message: &str) -> String {
        let mut text = String::new();
        let theme = if std::env::var_os("NO_COLOR").is_some()
            || !std::io::IsTerminal::is_terminal(&std::io::stderr())
        {
            GraphicalTheme::unicode_nocolor()
        } else {
            GraphicalTheme::unicode()
        };
        let drawn = GraphicalReportHandler::new_themed(theme).with_width(100).render_report(&mut text, self);
        let headline = message.lines().next().unwrap_or_default();
        if drawn.is_ok() { format!("error: {headline}\n{text}") } else { format!("error: {message}") }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::at_offset(self.offset, "here"))))
    }
}
