//! Passwords taken out of what programs print.
//!
//! In: a URL that may hold a password, and texts. Out: the texts without it. Never: a secret kept in a message or a log.

/// What must not be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redact {
    /// Longest first, so that no part of one is left by another.
    secrets: Vec<String>,
}

/// Shorter passwords than this are left where they stand alone: they would be found in ordinary words. With their user
/// they are taken out all the same.
const SHORTEST: usize = 4;

impl Redact {
    /// Keeps the user and password of this URL to itself.
    pub(crate) fn of(url: Option<&str>) -> Redact {
        let rest = url.map(|url| url.split_once("://").map_or(url, |(_, rest)| rest));
        let authority = rest.map(|rest| rest.split('/').next().unwrap_or(rest));
        let Some((user, _)) = authority.and_then(|authority| authority.rsplit_once('@')) else {
            return Redact::default();
        };
        let mut secrets = vec![user.to_string()];
        let password = user.split_once(':').map(|(_, password)| password.to_string());
        secrets.extend(password.filter(|password| password.len() >= SHORTEST));
        Redact { secrets }
    }

    /// Keeps these words to itself as well.
    pub(crate) fn add(&mut self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.extend(secrets.into_iter().filter(|secret| secret.len() >= SHORTEST));
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The text as it can be told.
    pub(crate) fn public(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), "***"),
            false => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_all_else_stays() {
        let redact = Redact::of(Some("http://me:hunter2@proxy.example:3128/"));
        let public = |text: &str| redact.public(text.to_string());
        assert_eq!(public("via http://me:hunter2@proxy.example:3128/"), "via http://***@proxy.example:3128/");
        assert_eq!(public("password hunter2"), "password ***");
        assert_eq!(public("me"), "me");
        for plain in [None, Some("http://proxy.example:3128"), Some("proxy:3128/a@b")] {
            assert_eq!(Redact::of(plain).public("a@b".into()), "a@b");
        }
    }
}
