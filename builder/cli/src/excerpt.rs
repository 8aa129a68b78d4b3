//! The place in a text that is wrong, drawn with the lines around it.
//!
//! In: a fault. Out: a few lines of at most some columns each. Never: the whole of a line that has no end; a control character
//! of the text, or a secret that stands beside the place.

use std::fmt;
use std::iter;

use dibber_model::redact;
use dibber_plan::yaml::{Fault, Place};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use crate::printable::printable;
use crate::terminal;

/// Columns of the report.
const WIDTH: usize = 100;
/// Letters of a line that are shown before the place, and from it on. Hidden ones take several columns each.
const BEFORE: usize = 50;
const AFTER: usize = 40;
/// Letters of a cause or a hint: both may quote the text.
const LONGEST: usize = 400;

/// The place in a text that is wrong.
#[derive(Debug)]
pub(crate) struct Excerpt {
    around: SurroundingLines,
    cause: String,
    help: Option<String>,
}

impl Excerpt {
    pub(crate) fn from_fault(fault: &Fault) -> Self {
        Excerpt {
            around: SurroundingLines::new(&fault.place),
            cause: shortened(&fault.cause.to_string()),
            help: fault.hint.as_deref().map(shortened),
        }
    }

    /// The report below its headline.
    pub(crate) fn render(&self, message: &str) -> String {
        let mut text = String::new();
        let theme = match terminal::has_colours(true) {
            true => GraphicalTheme::unicode(),
            false => GraphicalTheme::unicode_nocolor(),
        };
        let drawn =
            GraphicalReportHandler::new_themed(theme).with_width(WIDTH).render_report(&mut text, self);
        let headline = shortened(message.lines().next().unwrap_or_default());
        if drawn.is_ok() { format!("error: {headline}\n{text}\n") } else { format!("error: {headline}\n") }
    }
}

/// A text that may quote what is wrong, at a length that can be read.
fn shortened(text: &str) -> String {
    let text = terminal::shown(text);
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
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
        Some(&self.around)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(iter::once(LabeledSpan::at_offset(self.around.offset, "here"))))
    }
}

/// The line of the place and its neighbours, cut to what is shown.
#[derive(Debug)]
struct SurroundingLines {
    name: String,
    text: String,
    /// Of the place, in `text`, in bytes.
    offset: usize,
    /// Line of the source that `text` begins with, from 0.
    first: usize,
    /// Where the place is in the source, from 0.
    line: usize,
    column: usize,
}

impl SurroundingLines {
    fn new(place: &Place) -> SurroundingLines {
        let line = (place.line as usize).saturating_sub(1);
        let column = (place.column as usize).saturating_sub(1);
        let first = line.saturating_sub(1);
        let from = column.saturating_sub(BEFORE);
        let mut around = SurroundingLines {
            name: shortened(&place.source.origin),
            text: String::new(),
            offset: 0,
            first,
            line,
            column,
        };
        let hidden = redact::secret_lines(&place.source.text);
        let lines = place.source.text.lines().zip(hidden).enumerate();
        for (number, (source, is_hidden)) in lines.skip(first).take(line + 2 - first) {
            let source = if is_hidden { "***" } else { source };
            let cut = if number == line { column } else { from };
            let (before, _) = letters(source, from, cut);
            let (after, more) = letters(source, cut, column + AFTER);
            let dots = if from > 0 { "..." } else { "" };
            if number == line {
                around.offset = around.text.len() + dots.len() + before.len();
            }
            around.text += &format!("{dots}{before}{after}{}\n", if more { "..." } else { "" });
        }
        around
    }
}

/// Letters `from` to `to` of a line as they are shown, secrets left out, and whether it goes on.
fn letters(line: &str, from: usize, to: usize) -> (String, bool) {
    let secrets = redact::secret_spans(line);
    let mut text = String::new();
    let mut all = line.char_indices().skip(from);
    for (at, letter) in all.by_ref().take(to - from) {
        match secrets.iter().find(|span| span.contains(&at)) {
            None => text += &printable(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Some(span) if span.start == at => text += "***",
            Some(_) => {}
        }
    }
    (text, all.next().is_some())
}

impl SourceCode for SurroundingLines {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.text.as_bytes();
        let (text, at, line, column) = match before {
            0 => (&text[..0], *span, self.line, self.column),
            _ => (text, SourceSpan::from((0, text.len())), self.first, 0),
        };
        let count = self.text.lines().count();
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), text, at, line, column, count)))
    }
}
