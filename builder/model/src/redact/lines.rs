//! Secrets in lines of YAML, JSON and shell, which are quoted to their author when something is wrong with them.
//!
//! In: a line, or a whole text in YAML. Out: where secrets stand in it. Never: a parser: what is quoted is what could not be parsed.

use alloc::vec::Vec;
use core::ops::Range;

use super::names::is_secret;
use super::urls::{login, range_of, secrets_in_urls};

/// Ends of names, in small letters, behind which an address stands that may have no scheme.
const ADDRESS_END: [&str; 6] = ["proxy", "mirror", "security", "url", "location", "endpoint"];

/// Where secrets stand in a line of YAML, JSON or shell: users of URLs, and values behind names that are secret.
pub fn secret_spans(line: &str) -> Vec<Range<usize>> {
    let place = |part: &str| range_of(line, part);
    let mut spans: Vec<Range<usize>> = secrets_in_urls(line).map(place).collect();
    for (name, behind) in names(line) {
        let Some(value) = behind.strip_prefix([':', '=']) else { continue };
        let value = value_of(value.trim_start(), line.contains('{'));
        let lower = name.to_lowercase();
        if is_secret(name) && !value.is_empty() {
            spans.push(place(value));
        } else if let Some(found) =
            login(value).filter(|_| ADDRESS_END.iter().any(|end| lower.ends_with(end)))
        {
            spans.push(place(found.user));
        }
    }
    // A proxy's user is found as a URL's and as a proxy's.
    spans.sort_by_key(|span| (span.start, span.end));
    spans.dedup();
    spans
}

/// Which lines of a text in YAML go on with a value behind a secret name: it may be folded, quoted over lines, or stand by itself.
pub fn secret_lines(text: &str) -> impl Iterator<Item = bool> + '_ {
    // How far the line of the name was indented, and the quotation mark that is open.
    let mut secret: Option<usize> = None;
    let mut quote: Option<char> = None;
    text.lines().map(move |line| {
        if let Some(mark) = quote {
            quote = quote.filter(|_| !line.contains(mark));
            return true;
        }
        let behind = line.trim_start();
        let indent = line.len() - behind.len();
        let goes_on =
            |of: usize| behind.is_empty() || indent > of || (indent == of && behind.starts_with(':'));
        if secret.is_some_and(goes_on) {
            return true;
        }
        secret = secret_value(line).map(|_| indent);
        quote = secret_value(line).and_then(|value| {
            let mark = value.chars().next().filter(|first| matches!(first, '"' | '\''))?;
            closing(&value[1..], mark).is_none().then_some(mark)
        });
        false
    })
}

/// What stands behind the first secret name of a line that has one for a key.
fn secret_value(line: &str) -> Option<&str> {
    for (name, behind) in names(line) {
        let is_key = line.trim_start().starts_with('?') && behind.is_empty();
        match behind.strip_prefix([':', '=']) {
            Some(value) if is_secret(name) => return Some(value.trim_start()),
            None if is_key && is_secret(name) => return Some(""),
            _ => {}
        }
    }
    None
}

/// Words of a line that may be names, each with what stands behind it and its quotation mark.
fn names(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = line;
    core::iter::from_fn(move || {
        let word = &rest[rest.find(is_of_name)?..];
        let (name, after) = word.split_at(word.find(|c| !is_of_name(c)).unwrap_or(word.len()));
        rest = after;
        Some((name, after.trim_start_matches(['"', '\'', ' '])))
    })
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// A value up to its end: in quotes, in a mapping of one line, or the rest of the line; that too where braces are within it.
fn value_of(text: &str, flow: bool) -> &str {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let (text, end) = match quote {
        Some(quote) => (&text[1..], closing(&text[1..], quote)),
        None if flow && !text.contains(['{', '[']) => (text, text.find([',', '}', ']'])),
        None => (text, None),
    };
    text[..end.unwrap_or(text.len())].trim_end()
}

/// Where the quotation mark is that ends a value: one that is neither escaped nor doubled.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == '\'' && quote == '\'').is_none() {
            return Some(at);
        }
    }
    None
}
