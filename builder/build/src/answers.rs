//! What the package archive said of itself when it was first asked, kept until `--refresh`.
//!
//! In: an archive's address and suites. Out: the digest and `Date:` of each Release file. Never: packages; hooks fetch them.
//! Never a password in what is kept: an archive is the same for whoever asks.

mod fetch;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dibber_model::time::EPOCHS;
use dibber_model::{Digest, Hasher};
use dibber_plan::{Plan, redact};
use serde::{Deserialize, Serialize};

use crate::interrupts::Interrupts;

/// Whether the network may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Where nothing is recorded.
    #[default]
    WhereUnknown,
    /// Never.
    Offline,
    /// Always; what it says replaces what was recorded.
    Refresh,
}

/// The Release files of an image's archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Releases {
    /// By URL, without a user in it.
    pub files: BTreeMap<String, Release>,
}

/// One Release file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Digest of the `InRelease` file.
    pub digest: Digest,
    /// Its `Date:` field, as it is.
    pub date: String,
    /// The same, in seconds since 1970.
    pub seconds: i64,
}

/// Why an archive's Release files are not known.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Offline, and never asked before.
    #[error("nothing is recorded of {url}, and --offline forbids to ask; build once without it")]
    NotRecorded {
        /// The file wanted.
        url: String,
    },
    /// The archive did not give it.
    #[error("cannot fetch {url}: {said}; check mirror, release and proxy, or leave the suite out")]
    NotFetched {
        /// The file wanted.
        url: String,
        /// What the fetching program said.
        said: String,
    },
    /// The file is not a Release file.
    #[error("{url} has no Date field that can be read; is this a Debian archive?")]
    NoDate {
        /// The file.
        url: String,
    },
    /// The person interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The program that fetches is missing.
    #[error("{0} is not installed; on Debian: apt install apt")]
    NoApt(&'static str),
    /// The store could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Releases {
    /// The newest `Date:`, which is the natural time of a tree made of these packages. `None` without an archive.
    pub fn newest(&self) -> Option<i64> {
        self.files.values().map(|release| release.seconds).max()
    }

    /// Digest over all of them.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("releases 1");
        for (url, release) in &self.files {
            hasher.part(url.as_bytes()).digest(release.digest);
        }
        hasher.finish()
    }
}

/// The Release files of the archive that this plan's operating system comes from, asked for where that is needed and allowed.
pub fn releases(
    plan: &Plan,
    dir: &Path,
    network: Network,
    stop: &Interrupts,
) -> Result<Releases, AnswerError> {
    each(plan, dir, |url, public, recorded| {
        let known = (network != Network::Refresh).then(|| read(recorded)).flatten();
        match (known, network) {
            (Some(release), _) => Ok(release),
            (None, Network::Offline) => Err(AnswerError::NotRecorded { url: public.into() }),
            (None, _) => {
                let release = parse(public, &fetch::fetch(url, plan.archive.proxy.as_deref(), stop)?)?;
                record(recorded, &release)?;
                Ok(release)
            }
        }
    })
}

/// The same, of what earlier builds have recorded.
pub fn recorded(plan: &Plan, dir: &Path) -> Result<Releases, AnswerError> {
    each(plan, dir, |_, public, recorded| {
        read(recorded).ok_or_else(|| AnswerError::NotRecorded { url: public.into() })
    })
}

/// Each Release file by its URL, by that URL without a user, and by where it is recorded: whoever asks gets the same.
fn each(
    plan: &Plan,
    dir: &Path,
    get: impl Fn(&str, &str, &Path) -> Result<Release, AnswerError>,
) -> Result<Releases, AnswerError> {
    let mut files = BTreeMap::new();
    for url in urls(plan) {
        let public = redact::without_login(&url);
        let path = dir.join(Digest::of(public.as_bytes()).to_string()).with_extension("json");
        let release = get(&url, &public, &path)?;
        files.insert(public, release);
    }
    Ok(Releases { files })
}

/// Where Debian's security suite is, unless an image says otherwise.
const SECURITY: &str = "http://security.debian.org/debian-security";

/// `InRelease` of the release, its updates, and its security suite, as far as they are used.
fn urls(plan: &Plan) -> Vec<String> {
    let variable =
        |name: &str| plan.variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if !plan.elements.iter().any(|element| element.name == "debian-minimal") {
        return Vec::new();
    }
    let mirror = plan.archive.mirror.as_deref().or(variable("DIB_DISTRIBUTION_MIRROR"));
    let mirror = mirror.unwrap_or("http://deb.debian.org/debian").trim_end_matches('/');
    let release = variable("DIB_RELEASE").unwrap_or("stable");
    let mut urls = vec![format!("{mirror}/dists/{release}/InRelease")];
    // These have no suites beside them.
    if matches!(release, "testing" | "unstable" | "sid" | "experimental") {
        return urls;
    }
    if variable("DIB_DEBIAN_UPDATES") != Some("0") {
        urls.push(format!("{mirror}/dists/{release}-updates/InRelease"));
    }
    let security =
        plan.archive.security.as_deref().or(variable("DIB_DEBIAN_SECURITY_MIRROR")).unwrap_or(SECURITY);
    if security != "none" {
        urls.push(format!("{}/dists/{release}-security/InRelease", security.trim_end_matches('/')));
    }
    urls
}

fn read(path: &Path) -> Option<Release> {
    // A record that cannot be read is asked for again.
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn record(path: &Path, release: &Release) -> Result<(), AnswerError> {
    let fault = |source| AnswerError::File { path: path.into(), source };
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(fault)?;
    }
    let json = serde_json::to_vec(release).map_err(|e| fault(e.into()))?;
    fs::write(&beside, json).and_then(|()| fs::rename(&beside, path)).map_err(fault)
}

fn parse(url: &str, bytes: &[u8]) -> Result<Release, AnswerError> {
    let text = String::from_utf8_lossy(bytes);
    let date = text.lines().find_map(|line| line.strip_prefix("Date:")).map(str::trim);
    let parsed = date.and_then(|date| Some((date, seconds(date)?)));
    let (date, seconds) = parsed.ok_or_else(|| AnswerError::NoDate { url: url.into() })?;
    Ok(Release { digest: Digest::of(bytes), date: date.into(), seconds })
}

/// Debian writes RFC 2822 dates with the zone `UTC`.
fn seconds(date: &str) -> Option<i64> {
    let date = date.replace("UTC", "+0000");
    let seconds = jiff::fmt::rfc2822::parse(&date).ok()?.timestamp().as_second();
    EPOCHS.contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_of_release_files() {
        assert_eq!(super::seconds("Sat, 06 Sep 2025 11:00:39 UTC"), Some(1_757_156_439));
        for other in ["yesterday", "Sat, 06 Sep 1959 11:00:39 UTC", "Sat, 06 Sep 2125 11:00:39 UTC"] {
            assert_eq!(super::seconds(other), None, "{other}");
        }
    }
}
