//! What must not be told: passwords of proxies, mirrors and repositories, and of variables that are named after secrets.
//!
//! In: variables and URLs that hold secrets, and texts. Out: the texts without them. Never: a secret in a message, a log, an
//! event, a manifest, a sidecar or a step's id.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

/// What stands where a secret stood.
const MASK: &str = "***";

/// Shorter passwords than this are left where they stand alone: they would be found in ordinary words. With their user,
/// and behind the name of their variable, they are taken out all the same.
const SHORTEST: usize = 4;
/// A secret of this length stands in no name or version by chance.
const TELLING: usize = 8;
/// A user without a password is a secret if it is as long as this: forges take a token so.
const TOKEN: usize = 16;
/// Lines of a secret of several lines that are secret by themselves.
const TELLING_LINE: usize = 8;

/// Parts of names of variables that hold secrets.
const SECRET: [&str; 19] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "ACTIVATION_KEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
    "LUKS_KEY",
    "KEYPASS",
    "AUTHORIZATION",
    "BEARER",
    "COOKIE",
    "JWT",
];
/// Ends of such names.
const SECRET_END: [&str; 8] = ["_PASS", "_PWD", "_PW", "ROOTPWD", "_PSK", "_PAT", "_PIN", "_AUTH"];
/// Names in the query of a URL whose values let in whoever has the URL, besides those of variables.
const SECRET_QUERY: [&str; 3] = ["sig", "signature", "x-amz-signature"];

/// Ends of names, in small letters, behind which an address stands that may have no scheme.
const ADDRESS_END: [&str; 6] = ["proxy", "mirror", "security", "url", "location", "endpoint"];

/// Whether a variable of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET.iter().any(|word| name.contains(word)) || SECRET_END.iter().any(|end| name.ends_with(end))
}

/// Secrets that are known, to be taken out of texts.
#[derive(Clone, Debug, Default)]
pub struct Redact {
    /// Longest first, so that no part of one is left by another.
    secrets: Vec<String>,
}

impl Redact {
    /// Keeps the user and password of this URL to itself.
    pub fn of(url: Option<&str>) -> Redact {
        let mut redact = Redact::default();
        url.into_iter().for_each(|url| redact.add_url(url));
        redact
    }

    /// Keeps what these variables hold to itself: values of secret names, and what URLs in any of them carry.
    pub fn of_variables(variables: &BTreeMap<String, String>) -> Redact {
        let mut redact = Redact::default();
        for (name, value) in variables {
            if is_secret(name) {
                redact.add(written(value));
                redact.add(value.lines().filter(|l| l.len() >= TELLING_LINE).map(ToString::to_string));
            }
            logins_in(value).for_each(|found| redact.add_user(found.user));
            redact.add(query(value).map(ToString::to_string));
        }
        redact
    }

    /// The secrets among these that no ordinary word has in it, for texts that are data: a version of a package must not be changed
    /// because somebody's password is `root`.
    pub fn telling(&self) -> Redact {
        let secrets = self.secrets.iter().filter(|secret| secret.len() >= TELLING).cloned().collect();
        Redact { secrets }
    }

    /// Keeps the user and password of this URL to itself as well. Proxies are written without a scheme, too.
    pub fn add_url(&mut self, url: &str) {
        if let Some(found) = login(url) {
            self.add_user(found.user);
        }
        self.add(query(url).map(ToString::to_string));
    }

    /// Keeps these words to itself as well.
    pub fn add(&mut self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.extend(secrets.into_iter().filter(|secret| secret.len() >= SHORTEST));
        self.secrets.sort_by_key(|secret| core::cmp::Reverse(secret.len()));
        self.secrets.dedup();
    }

    /// `user:password`, as it is written and as it is meant.
    fn add_user(&mut self, user: &str) {
        let meant = decoded(user);
        match user.split_once(':') {
            Some((_, password)) => {
                let meant_password = meant.split_once(':').map(|(_, password)| password.to_string());
                self.add([user.to_string(), password.to_string()]);
                self.add(meant_password);
                self.add([meant]);
            }
            None if user.len() >= TOKEN => self.add([user.to_string(), meant]),
            None => {}
        }
    }

    /// The text as it can be told: without these secrets, and without the users of any URL.
    pub fn public(&self, text: String) -> String {
        let text = self.secrets.iter().fold(text, |text, secret| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), MASK),
            false => text,
        });
        match urls(&text) {
            Cow::Owned(public) => public,
            Cow::Borrowed(_) => text,
        }
    }

    /// The same of a line of any bytes. Runs of UTF-8 are looked at one by one: a secret is text.
    pub fn public_bytes(&self, line: &[u8]) -> Vec<u8> {
        let mut public = Vec::with_capacity(line.len());
        for run in line.utf8_chunks() {
            public.extend_from_slice(self.public(run.valid().to_string()).as_bytes());
            public.extend_from_slice(run.invalid());
        }
        public
    }

    /// Where a text that goes on may be cut: near its end, and within no secret.
    pub fn cut(&self, text: &[u8]) -> usize {
        // Longest first.
        let longest = self.secrets.first().map_or(0, String::len);
        let mut cut = text.len().saturating_sub(longest);
        while let Some(start) = self.secrets.iter().find_map(|secret| {
            let from = cut.saturating_sub(secret.len().saturating_sub(1));
            (from..cut).find(|start| text[*start..].starts_with(secret.as_bytes()))
        }) {
            cut = start;
        }
        if cut == 0 { text.len() } else { cut }
    }

    /// The value of a variable as it can be told. In values that list variables as `declare -x` prints them (`DIB_ENV`), those
    /// of secret names go whatever their length.
    pub fn variable(&self, (name, value): (&str, &str), all: &BTreeMap<String, String>) -> String {
        if is_secret(name) {
            return MASK.to_string();
        }
        let secret = all.iter().filter(|(name, _)| is_secret(name));
        let value = secret.fold(value.to_string(), |text, (name, value)| {
            text.replace(
                &format!("declare -x {name}=\"{}\"", quoted(value)),
                &format!("declare -x {name}=\"{MASK}\""),
            )
        });
        self.public(value)
    }
}

/// A URL that names a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// Up to the user: `http://`, or nothing.
    pub scheme: &'a str,
    /// `user`, or `user:password`, percent-encoded as it was written.
    pub user: &'a str,
    /// Host, port, path.
    pub rest: &'a str,
}

/// Takes a URL apart that names a user. A password may hold `@`, and, where no port stands in front of it, `/`.
pub fn login(url: &str) -> Option<Login<'_>> {
    // `http:/u:p@host` and `//u:p@host` are no addresses, and are told nonetheless, in an error.
    let slashes = url.len() - url.trim_start_matches('/').len();
    let start = url.find(":/").map_or(slashes, |at| at + 1);
    let start = start + (url[start..].len() - url[start..].trim_start_matches('/').len());
    let (scheme, rest) = url.split_at(start);
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..authority].rfind('@').or_else(|| {
        // `user:pass/word@host`: what stands behind the colon is no port.
        let (_, port) = rest[..authority].split_once(':')?;
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) || rest.starts_with('[');
        if is_port { None } else { rest.rfind('@') }
    })?;
    Some(Login { scheme, user: &rest[..at], rest: &rest[at + 1..] })
}

/// The URL without user and password.
pub fn without_login(url: &str) -> String {
    login(url).map_or_else(|| url.to_string(), |found| format!("{}{}", found.scheme, found.rest))
}

/// A text in which no URL tells its user, or what in its query lets in.
pub fn urls(text: &str) -> Cow<'_, str> {
    let mut spans: Vec<Range<usize>> = told_by_urls(text).map(|part| place_in(text, part)).collect();
    spans.sort_by_key(|span| span.start);
    let mut public = String::new();
    let mut done = 0;
    for span in spans.into_iter().filter(|span| !span.is_empty()) {
        // A query that begins in a user is none: the user goes whole.
        if span.start >= done {
            public += &text[done..span.start];
            public += MASK;
            done = span.end;
        }
    }
    if done == 0 { Cow::Borrowed(text) } else { Cow::Owned(public + &text[done..]) }
}

/// Parts of a text that are secret because a URL has them: users, and values in queries.
pub fn told_by_urls(text: &str) -> impl Iterator<Item = &str> {
    logins_in(text).map(|found| found.user).chain(query(text))
}

/// Where a slice of a text is in it.
fn place_in(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// URLs in a text whose user is not to be told: with a password, or of a scheme where a token stands for one.
fn logins_in(text: &str) -> impl Iterator<Item = Login<'_>> {
    let mut from = 0;
    core::iter::from_fn(move || {
        loop {
            let start = from + text.get(from..)?.find("://")?;
            from = start + 3;
            let scheme = text[..start].rfind(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
            let scheme = scheme.map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
            let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'`<>|;".contains(c);
            let end = text[from..].find(ends).map_or(text.len(), |at| from + at);
            let Some(found) = login(&text[scheme..end]) else { continue };
            let web = ["http://", "https://", "ftp://"];
            if found.user.contains(':') || web.iter().any(|web| found.scheme.eq_ignore_ascii_case(web)) {
                from += found.user.len();
                return Some(found);
            }
        }
    })
}

/// Where secrets stand in a line of YAML, JSON or shell: users of URLs, and values behind names that are secret.
pub fn spans(line: &str) -> Vec<Range<usize>> {
    let place = |part: &str| place_in(line, part);
    let mut spans: Vec<Range<usize>> = told_by_urls(line).map(place).collect();
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
pub fn hidden_lines(text: &str) -> impl Iterator<Item = bool> + '_ {
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

/// Percent-decoded (RFC 3986, section 2.1); what is no encoding stays.
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| core::str::from_utf8(digits).ok());
        match digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(meant) => {
                out.push(meant);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encoding of everything that is not unreserved (RFC 3986, section 2.3).
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// As bash quotes within double quotes.
pub fn quoted(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// A value as programs print it: as it is, in a URL, and quoted as by this project's manifests, bash's `set -x`, its `printf %q`, and JSON.
fn written(value: &str) -> [String; 7] {
    let escaped = |special: &dyn Fn(char) -> bool| {
        value.chars().fold(String::new(), |mut text, letter| {
            match letter {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                letter if special(letter) => text.extend(['\\', letter]),
                letter => text.push(letter),
            }
            text
        })
    };
    [
        value.to_string(),
        quoted(value),
        encoded(value),
        value.replace('\'', "'\\''"),
        escaped(&|letter| matches!(letter, '\'' | '\\')),
        escaped(&|letter| matches!(letter, '"' | '\\')),
        escaped(&|letter| {
            letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"-_./:%+=@".contains(letter)
        }),
    ]
}

/// Values in the queries of URLs that let in whoever has them.
fn query(text: &str) -> impl Iterator<Item = &str> {
    text.split(['?', '&']).skip(1).filter_map(|part| {
        let (name, rest) = part.split_once('=')?;
        let end = rest.find(|c: char| c.is_whitespace() || "#'\"<>,;".contains(c)).unwrap_or(rest.len());
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_known = SECRET_QUERY.iter().any(|known| name.eq_ignore_ascii_case(known));
        (is_name && (is_known || is_secret(name))).then(|| &rest[..end])
    })
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
