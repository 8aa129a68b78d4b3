//! The Release files of the package archive, as it gave them when it was first asked; kept until `--refresh`. They say which state of the
//! archive a build is made from: two builds with the same Release files get the same packages.
//!
//! In: an archive's address and suites. Out: the digest and `Date:` of each Release file. Never: packages; hooks fetch them. A
//! file counts only if a key that this machine trusts has signed it, and is kept only by a build that succeeded. Never a
//! password in what is kept: an archive is the same for whoever asks.
#![expect(
    clippy::disallowed_methods,
    reason = "names that the cache or a directory of this run's own has, by digest; and paths that the person named"
)]

mod clock;
mod fetch;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use dibber_model::time::EPOCHS;
use dibber_model::{Digest, Hasher, redact};
use dibber_plan::Plan;
use dibber_sandbox::interrupts::Interrupts;
use serde::{Deserialize, Serialize};

/// Whether the network may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Only for what is not recorded yet.
    #[default]
    WhereNotRecorded,
    /// Not at all.
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
pub enum ReleaseError {
    /// Offline, and never asked before.
    #[error(
        "nothing is recorded of {url}, and --offline forbids asking the archive; build once without --offline"
    )]
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
    /// Nobody vouches for the file.
    #[error(
        "{url} is not signed by a key that this machine trusts: {said}; Debian's keys are in the package \
         debian-archive-keyring, the variable DIB_APT_KEYRING names others, and an archive without a signature is one with \
         [trusted=yes] in DIB_APT_SOURCES_CONF"
    )]
    NotSigned {
        /// The file.
        url: String,
        /// What apt says.
        said: String,
    },
    /// It was signed, and is older than its archive says that anybody should take it.
    #[error(
        "{url} has expired ({since}): the mirror is no longer updated, or this machine's clock is ahead; name another mirror, or set \
         DIB_APT_CHECK_VALID_UNTIL=0 if an archive of that age is what you want"
    )]
    Expired {
        /// The file.
        url: String,
        /// Since when, in apt's words: `invalid since 20d 8h`.
        since: String,
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

/// What this run has asked: all of its members are given the same answers, whether or not they are kept afterwards.
#[derive(Clone, Debug, Default)]
pub struct AskedReleases(Arc<Mutex<BTreeMap<String, Release>>>);

/// How Release files are looked up.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseLookup<'a> {
    /// Where they are recorded.
    pub dir: &'a Path,
    /// Whether the network may be asked.
    pub network: Network,
    /// What this run has asked already.
    pub asked: &'a AskedReleases,
}

impl ReleaseLookup<'_> {
    /// The Release files of the archive that this plan's operating system comes from, asked for where that is needed and allowed. What
    /// is asked now is verified, and is not kept before [`Releases::record`].
    pub fn releases(&self, plan: &Plan, stop: &Interrupts) -> Result<Releases, ReleaseError> {
        let ReleaseLookup { dir, network, asked } = *self;
        // Held while the network is asked: a member that wants the same waits for it.
        let mut asked = asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut releases = Releases::default();
        let mut fetched = Vec::new();
        for url in release_urls(plan) {
            // Whoever asks gets the same.
            let public = redact::without_login(&url);
            let kept =
                || (network != Network::Refresh).then(|| read_recorded(&recorded_at(dir, &public))).flatten();
            match (asked.get(&public).cloned().or_else(kept), network) {
                (Some(release), _) => drop(releases.files.insert(public, release)),
                (None, Network::Offline) => return Err(ReleaseError::NotRecorded { url: public }),
                (None, _) => {
                    let bytes = fetch::fetch(&url, &plan.archive.proxies, stop)?;
                    fetched.push(Fetched { url: public, bytes });
                }
            }
        }
        if let Some(name) = clock::name_of_state(plan) {
            let kept =
                || (network != Network::Refresh).then(|| read_recorded(&recorded_at(dir, &name))).flatten();
            let known = asked.get(&name).cloned().or_else(kept);
            // Who never had the network has nothing of that archive either.
            let state = known.or_else(|| (network != Network::Offline).then(|| clock::now(&name)));
            if let Some(state) = state {
                asked.insert(name.clone(), state.clone());
                releases.files.insert(name.clone(), state);
            }
        }
        verify::verify(plan, &fetched, stop)?;
        for Fetched { url, bytes } in fetched {
            let release = parse_release(&url, &bytes)?;
            asked.insert(url.clone(), release.clone());
            releases.files.insert(url, release);
        }
        Ok(releases)
    }
}

/// The same, of what earlier builds have recorded.
pub fn recorded(plan: &Plan, dir: &Path) -> Result<Releases, ReleaseError> {
    let mut releases = Releases::default();
    for url in release_urls(plan).iter().map(|url| redact::without_login(url)) {
        let release = read_recorded(&recorded_at(dir, &url))
            .ok_or_else(|| ReleaseError::NotRecorded { url: url.clone() })?;
        releases.files.insert(url, release);
    }
    let state =
        clock::name_of_state(plan).and_then(|name| Some((read_recorded(&recorded_at(dir, &name))?, name)));
    releases.files.extend(state.map(|(state, name)| (name, state)));
    Ok(releases)
}

/// A file as the archive gave it, by its URL without a user.
struct Fetched {
    url: String,
    bytes: Vec<u8>,
}

impl Releases {
    /// Keeps them for later builds. To be called when a build with them has succeeded.
    pub fn record(&self, dir: &Path) -> Result<(), ReleaseError> {
        for (url, release) in &self.files {
            let path = recorded_at(dir, url);
            if read_recorded(&path).as_ref() != Some(release) {
                write_recorded(&path, release)?;
            }
        }
        Ok(())
    }
}

fn recorded_at(dir: &Path, url: &str) -> PathBuf {
    dir.join(Digest::of(url.as_bytes()).to_string()).with_extension("json")
}

/// `InRelease` of the release, its updates, and its security suite, as far as they are used.
fn release_urls(plan: &Plan) -> Vec<String> {
    let variable =
        |name: &str| plan.variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let Some(archive) = plan.distro().map(|distro| distro.archive) else { return Vec::new() };
    let mirror = plan.archive.mirror.as_deref().or(variable("DIB_DISTRIBUTION_MIRROR"));
    let mirror = mirror.unwrap_or(archive.mirror).trim_end_matches('/');
    let release = variable("DIB_RELEASE").unwrap_or(archive.release);
    let mut urls = vec![format!("{mirror}/dists/{release}/InRelease")];
    if archive.rolling.contains(&release) {
        return urls;
    }
    if variable(archive.updates_variable) != Some("0") {
        urls.push(format!("{mirror}/dists/{release}-updates/InRelease"));
    }
    let security = plan.archive.security.as_deref().or(variable(archive.security_variable));
    let security = security.unwrap_or(archive.security);
    if security != "none" {
        urls.push(format!("{}/dists/{release}-security/InRelease", security.trim_end_matches('/')));
    }
    urls
}

/// A Release file as it is kept. One that was kept before they were verified has no seal, and does not count.
#[derive(Serialize, Deserialize)]
struct RecordedRelease {
    release: Release,
    seal: Digest,
}

impl RecordedRelease {
    fn new(release: &Release) -> RecordedRelease {
        let mut hasher = Hasher::new("release 1");
        hasher.digest(release.digest).part(release.date.as_bytes()).part(&release.seconds.to_le_bytes());
        RecordedRelease { release: release.clone(), seal: hasher.finish() }
    }
}

fn read_recorded(path: &Path) -> Option<Release> {
    // A record that cannot be read, or is not what was written, is asked for again.
    let kept: RecordedRelease = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (RecordedRelease::new(&kept.release).seal == kept.seal).then_some(kept.release)
}

fn write_recorded(path: &Path, release: &Release) -> Result<(), ReleaseError> {
    let fault = |source| ReleaseError::File { path: path.into(), source };
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(fault)?;
    }
    let json = serde_json::to_vec(&RecordedRelease::new(release)).map_err(|e| fault(e.into()))?;
    fs::write(&beside, json).and_then(|()| fs::rename(&beside, path)).map_err(fault)
}

fn parse_release(url: &str, bytes: &[u8]) -> Result<Release, ReleaseError> {
    let text = String::from_utf8_lossy(bytes);
    let date = text.lines().find_map(|line| line.strip_prefix("Date:")).map(str::trim);
    let parsed = date.and_then(|date| Some((date, seconds(date)?)));
    let (date, seconds) = parsed.ok_or_else(|| ReleaseError::NoDate { url: url.into() })?;
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
