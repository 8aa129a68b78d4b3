//! Secrets in URLs: a user, a password, a token in a query.
//!
//! Mirrors, proxies and repositories are written as URLs, and many carry a login. People write them with passwords that are not encoded, and
//! without a scheme, and they stand in the midst of messages; so they are found by what they look like, and rather too often than too rarely.
//!
//! In: texts. Out: where URLs in them hold secrets, and texts without those. Never: an error; a text that is no URL has none.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use super::MASK;
use super::names::is_secret;

/// Names in the query of a URL whose values let in whoever has the URL, besides those of variables.
const SECRET_QUERY: [&str; 3] = ["sig", "signature", "x-amz-signature"];

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

/// A text without the users of URLs, and without the values in their queries that let in whoever has them.
pub fn mask_urls(text: &str) -> Cow<'_, str> {
    let mut spans: Vec<Range<usize>> = secrets_in_urls(text).map(|part| range_of(text, part)).collect();
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
pub fn secrets_in_urls(text: &str) -> impl Iterator<Item = &str> {
    logins_in(text).map(|found| found.user).chain(query_secrets(text))
}

/// Where a slice of a text is in it.
pub(super) fn range_of(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// URLs in a text whose user is a secret: with a password, or of a scheme where a token stands for one.
pub(super) fn logins_in(text: &str) -> impl Iterator<Item = Login<'_>> {
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

/// Values in the queries of URLs that let in whoever has them.
pub(super) fn query_secrets(text: &str) -> impl Iterator<Item = &str> {
    text.split(['?', '&']).skip(1).filter_map(|part| {
        let (name, rest) = part.split_once('=')?;
        let end = rest.find(|c: char| c.is_whitespace() || "#'\"<>,;".contains(c)).unwrap_or(rest.len());
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_known = SECRET_QUERY.iter().any(|known| name.eq_ignore_ascii_case(known));
        (is_name && (is_known || is_secret(name))).then(|| &rest[..end])
    })
}
