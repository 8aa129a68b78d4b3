//! What must be kept secret: passwords of proxies, mirrors and repositories, and of variables that are named after secrets.
//!
//! A build is given secrets that its hooks need, and prints much: logs of hooks, errors with the line that is wrong, manifests, sidecars. So
//! whatever leaves the program goes through a [`Redact`], which knows the secrets of the run in every spelling in which programs print
//! them. What is not known beforehand is found by its looks: a login in a URL, a value behind a name that says `PASSWORD`.
//!
//! In: variables and URLs that hold secrets, and texts. Out: the texts without them. Never: a secret in a message, a log, an
//! event, a manifest, a sidecar or a step's id.

mod encoding;
mod lines;
mod names;
mod urls;

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use encoding::spellings;
pub use encoding::{decoded, encoded, quoted};
pub use lines::{secret_lines, secret_spans};
pub use names::is_secret;
pub use urls::{Login, login, mask_urls, secrets_in_urls, without_login};
use urls::{logins_in, query_secrets};

/// What stands where a secret stood.
const MASK: &str = "***";

/// Shorter passwords than this are left where they stand alone: they would be found in ordinary words. With their user,
/// and behind the name of their variable, they are taken out all the same.
const SHORTEST: usize = 4;
/// A secret of this length stands in no name or version by chance.
const DISTINCTIVE: usize = 8;
/// A user without a password is a secret if it is as long as this: forges take a token so.
const TOKEN: usize = 16;
/// Lines of a secret of several lines that are secret by themselves.
const LONG_LINE: usize = 8;

/// Secrets that are known, to be taken out of texts.
#[derive(Clone, Debug, Default)]
pub struct Redact {
    /// Longest first, so that no part of one is left by another.
    secrets: Vec<String>,
}

impl Redact {
    /// Keeps the user and password of this URL to itself.
    pub fn from_url(url: Option<&str>) -> Redact {
        let mut redact = Redact::default();
        url.into_iter().for_each(|url| redact.add_url(url));
        redact
    }

    /// Keeps what these variables hold to itself: values of secret names, and what URLs in any of them carry.
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Redact {
        let mut redact = Redact::default();
        for (name, value) in variables {
            if is_secret(name) {
                redact.add(spellings(value));
                redact.add(value.lines().filter(|l| l.len() >= LONG_LINE).map(ToString::to_string));
            }
            logins_in(value).for_each(|found| redact.add_user(found.user));
            redact.add(query_secrets(value).map(ToString::to_string));
        }
        redact
    }

    /// The secrets among these that no ordinary word has in it, for texts that are data: a version of a package must not be changed
    /// because somebody's password is `root`.
    pub fn distinctive(&self) -> Redact {
        let secrets = self.secrets.iter().filter(|secret| secret.len() >= DISTINCTIVE).cloned().collect();
        Redact { secrets }
    }

    /// Keeps the user and password of this URL to itself as well. Proxies are written without a scheme, too.
    pub fn add_url(&mut self, url: &str) {
        if let Some(found) = login(url) {
            self.add_user(found.user);
        }
        self.add(query_secrets(url).map(ToString::to_string));
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

    /// The text as it may be shown: without these secrets, and without the users of any URL.
    pub fn public(&self, text: String) -> String {
        let text = self.secrets.iter().fold(text, |text, secret| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), MASK),
            false => text,
        });
        match mask_urls(&text) {
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

    /// The value of a variable as it may be shown. In values that list variables as `declare -x` prints them (`DIB_ENV`), those
    /// of secret names go whatever their length.
    pub fn variable(&self, name: &str, value: &str, all: &BTreeMap<String, String>) -> String {
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

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
