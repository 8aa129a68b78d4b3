//! Comments by which a file asks to be spared: `# dib-lint: disable=sete setpipefail` for the whole of it, `# dib-lint: safe_sudo` at the
//! end of a line for that line. Names are those of rules or dib-lint's for them.
//!
//! In: a text and a finding in it. Out: whether it is to be told. Never: a comment that spares another file.

use alloc::collections::BTreeSet;

use crate::finding::Finding;

const MARK: &str = "# dib-lint:";

/// What a file asks for.
#[derive(Debug, Default)]
pub(crate) struct Spared<'a> {
    everywhere: BTreeSet<&'a str>,
    text: &'a str,
}

impl<'a> Spared<'a> {
    pub(crate) fn of(text: &'a str) -> Spared<'a> {
        let disabled =
            text.lines().filter_map(|line| line.strip_prefix(MARK)?.trim_start().strip_prefix("disable="));
        let everywhere = disabled.flat_map(|names| names.split([' ', ',', '\t', '\r']));
        Spared { everywhere: everywhere.filter(|name| !name.is_empty()).collect(), text }
    }

    /// Whether the finding is not to be told.
    pub(crate) fn spares(&self, finding: &Finding) -> bool {
        if self.everywhere.iter().any(|name| finding.rule.is_called(name)) {
            return true;
        }
        let line = finding.line.checked_sub(1).and_then(|index| self.text.lines().nth(index));
        // A comment at the end of a line that goes on stands in a later one.
        let rest = self.text.lines().skip(finding.line);
        let going_on = line.is_some_and(|line| line.ends_with('\\'));
        let mut lines = line.into_iter().chain(rest.take_while(|line| going_on && line.ends_with('\\')));
        lines.any(|line| {
            let asked = line.split_once(MARK).map(|(_, names)| names);
            asked.is_some_and(|names| names.split_whitespace().any(|name| finding.rule.is_called(name)))
        })
    }
}
