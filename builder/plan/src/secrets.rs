//! What a plan holds that must be kept secret.
//!
//! In: a plan. Out: its secrets. Never: a word of what they are for.

use alloc::vec::Vec;
use dibber_model::redact::{Redact, is_secret, login, secrets_in_urls};

use crate::plan::Plan;

impl Plan {
    /// Keeps everything secret to itself that the plan holds.
    pub fn redact(&self) -> Redact {
        let mut redact = Redact::from_variables(&self.variables);
        let archive = &self.archive;
        [&archive.mirror, &archive.security].into_iter().flatten().for_each(|url| redact.add_url(url));
        archive.proxies.variables().for_each(|(_, url)| redact.add_url(url));
        redact
    }

    /// Secrets that somebody sees to whom these variables are not given: values of secret variables, and users and passwords of URLs, of
    /// the archive too. Those of proxies are none of them: they are the machine's, and lead to the same whoever has them.
    pub fn secrets_seen(&self, not_given: &[&str]) -> Vec<&str> {
        let archive = &self.archive;
        let urls = [&archive.mirror, &archive.security].into_iter().flatten();
        let mut secrets: Vec<&str> = urls.filter_map(|url| login(url)).map(|found| found.user).collect();
        let is_seen =
            |name: &str| !not_given.contains(&name) && !name.to_ascii_lowercase().ends_with("_proxy");
        for (name, value) in self.variables.iter().filter(|(name, _)| is_seen(name)) {
            match is_secret(name) {
                true => secrets.push(value),
                false => secrets.extend(secrets_in_urls(value)),
            }
        }
        secrets
    }
}
