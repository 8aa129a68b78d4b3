//! Whether Release files are signed by keys that this machine trusts, as apt judges it: signature, weak digests, expiry.
//!
//! In: files as they were fetched, from anybody. Out: nothing, or apt's own words against one of them. Never: the network, or a
//! key that apt would not take for this archive.
//!
//! apt has no command that verifies one file, so it is given the files as archives of this machine (`file:`) to update from,
//! without any index. Keys are those that mmdebstrap uses for the bootstrap: the machine's own and `DIB_APT_KEYRING`, or else
//! Debian's, where Debian's keyring is installed and the machine trusts other ones.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use dibber_model::redact;
use dibber_plan::Plan;
use dibber_sandbox::attended;
use dibber_sandbox::interrupts::Interrupts;

use super::{Fetched, ReleaseError};

const APT_GET: &str = "/usr/bin/apt-get";

/// apt's own caches of a few files are not larger, in bytes.
const LARGEST: u64 = 256 << 20;

/// Fails for the first file that is not signed, or no longer valid.
pub(super) fn verify(plan: &Plan, files: &[Fetched], stop: &Interrupts) -> Result<(), ReleaseError> {
    let unsaid: Vec<&Fetched> = files.iter().filter(|file| !is_trusted(plan, &file.url)).collect();
    let variable = |name: &str| plan.variables.get(name).map_or("", String::as_str);
    let keyring = variable("DIB_APT_KEYRING");
    let settings = Settings { keyring, checks_expiry: variable("DIB_APT_CHECK_VALID_UNTIL") != "0", stop };
    let Err(said) = update(&unsaid, &settings, None)? else { return Ok(()) };
    let usual = plan.distro().map(|distro| distro.archive.keyring);
    let usual = usual.filter(|keys| keyring.is_empty() && Path::new(keys).exists());
    if usual.is_some() && update(&unsaid, &settings, usual)?.is_ok() {
        return Ok(());
    }
    // One by one, to tell which.
    for file in unsaid {
        if let Err(said) = update(&[file], &settings, None)? {
            return Err(refused(&file.url, said));
        }
    }
    Err(ReleaseError::NotSigned { url: "the archive".into(), said })
}

/// What apt says against a file.
fn refused(url: &str, said: String) -> ReleaseError {
    let since = said.split_once(" is expired (").and_then(|(_, rest)| rest.split_once(')'));
    match since {
        Some((since, _)) => ReleaseError::Expired { url: url.into(), since: since.into() },
        None => ReleaseError::NotSigned { url: url.into(), said },
    }
}

/// Whether the image says itself that an archive needs no signature: `[trusted=yes]` in `DIB_APT_SOURCES_CONF`.
fn is_trusted(plan: &Plan, url: &str) -> bool {
    let sources = plan.variables.get("DIB_APT_SOURCES_CONF").map_or("", String::as_str);
    let Some(SuiteAddress { mirror, suite }) = SuiteAddress::parse(url) else { return false };
    sources.lines().any(|line| {
        let options = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        options.is_some_and(|(options, rest)| {
            let mut words = rest.split_whitespace();
            options.split_whitespace().any(|option| option == "trusted=yes")
                && words.next().map(redact::without_login).as_deref().map(|url| url.trim_end_matches('/'))
                    == Some(mirror)
                && words.next() == Some(suite)
        })
    })
}

/// The parts of the address of an `InRelease`.
#[derive(Debug, PartialEq, Eq)]
struct SuiteAddress<'a> {
    mirror: &'a str,
    suite: &'a str,
}

impl<'a> SuiteAddress<'a> {
    fn parse(url: &'a str) -> Option<SuiteAddress<'a>> {
        let (mirror, suite) = url.strip_suffix("/InRelease")?.rsplit_once("/dists/")?;
        Some(SuiteAddress { mirror, suite })
    }
}

struct Settings<'a> {
    keyring: &'a str,
    checks_expiry: bool,
    stop: &'a Interrupts,
}

/// `apt-get update` from copies of these files; the inner error is what apt says against them.
fn update(
    files: &[&Fetched],
    settings: &Settings<'_>,
    keys: Option<&str>,
) -> Result<Result<(), String>, ReleaseError> {
    if files.is_empty() {
        return Ok(Ok(()));
    }
    let scratch = dibber_fs::temporary::directory("dibber-verify-")
        .map_err(|source| ReleaseError::File { path: std::env::temp_dir(), source })?;
    let dir = scratch.path();
    let fault = |source: io::Error| ReleaseError::File { path: dir.into(), source };
    let option = keys.map_or(String::new(), |keys| format!("[signed-by={keys}] "));
    let mut sources = String::new();
    for (number, Fetched { url, bytes }) in files.iter().enumerate() {
        let Some(SuiteAddress { suite, .. }) = SuiteAddress::parse(url).filter(|at| is_plain(at.suite))
        else {
            return Ok(Err("its address is not one that sources.list could have".into()));
        };
        let place = dir.join(number.to_string());
        fs::create_dir_all(place.join("dists").join(suite)).map_err(fault)?;
        fs::write(place.join("dists").join(suite).join("InRelease"), bytes).map_err(fault)?;
        sources += &format!("deb {option}file:{} {suite} main\n", percent(&place));
    }
    fs::create_dir_all(dir.join("lists/partial")).map_err(fault)?;
    fs::write(dir.join("sources.list"), sources).map_err(fault)?;
    fs::write(dir.join("apt.conf"), config(dir, settings)).map_err(fault)?;
    let mut command = Command::new(APT_GET);
    command.args(["-q", "update"]).env("APT_CONFIG", dir.join("apt.conf")).env("LC_ALL", "C");
    let ended = attended::run(&mut command, LARGEST, settings.stop).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReleaseError::NoApt(APT_GET),
        _ => ReleaseError::File { path: APT_GET.into(), source: error },
    })?;
    let Some(ended) = ended else { return Err(ReleaseError::Interrupted) };
    if ended.status.success() {
        return Ok(Ok(()));
    }
    let said = String::from_utf8_lossy(&ended.stderr_tail);
    let word = |prefix: &str| said.lines().find_map(|line| line.strip_prefix(prefix));
    let said = word("W: GPG error: ").or(word("E: ")).unwrap_or("no reason given");
    Ok(Err(said.split_once(" InRelease: ").map_or(said, |(_, why)| why).trim().to_string()))
}

/// Nothing of the machine's own sources and settings, but its keys.
fn config(dir: &Path, settings: &Settings<'_>) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut all = vec![
        ("Dir::Etc::main", "/dev/null".to_string()),
        ("Dir::Etc::parts", "/dev/null".into()),
        ("Dir::Etc::sourcelist", at("sources.list")),
        ("Dir::Etc::sourceparts", "/dev/null".into()),
        ("Dir::State", at("state")),
        ("Dir::State::lists", at("lists")),
        ("Dir::State::status", "/dev/null".into()),
        ("Dir::Cache", at("cache")),
        // Without its own user, apt could not read a directory that is ours alone.
        ("APT::Sandbox::User", String::new()),
        ("APT::Update::Error-Mode", "any".into()),
        ("Acquire::Languages", "none".into()),
        ("Acquire::IndexTargets::deb::Packages::DefaultEnabled", "false".into()),
        ("Acquire::IndexTargets::deb::Translations::DefaultEnabled", "false".into()),
        ("Acquire::Check-Valid-Until", settings.checks_expiry.to_string()),
    ];
    if !settings.keyring.is_empty() {
        // As mmdebstrap --keyring has it.
        let is_dir = Path::new(settings.keyring).is_dir();
        let name = if is_dir { "Dir::Etc::trustedparts" } else { "Dir::Etc::trusted" };
        all.push((name, settings.keyring.replace('"', "")));
    }
    all.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name} \"{value}\";");
        text
    })
}

fn is_plain(suite: &str) -> bool {
    !suite.is_empty() && suite.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+~".contains(c))
}

/// A path as sources.list takes it: without spaces, brackets and percent signs.
fn percent(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./".contains(byte);
    path.as_os_str().as_encoded_bytes().iter().fold(String::new(), |mut text, byte| {
        match plain(byte) {
            true => text.push(char::from(*byte)),
            false => text += &format!("%{byte:02X}"),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_mirror_and_a_suite() {
        let parsed = SuiteAddress::parse;
        assert_eq!(
            parsed("http://h/debian/dists/sid/InRelease"),
            Some(SuiteAddress { mirror: "http://h/debian", suite: "sid" })
        );
        assert_eq!(
            parsed("http://h/dists/s/dists/buster/updates/InRelease"),
            Some(SuiteAddress { mirror: "http://h/dists/s", suite: "buster/updates" })
        );
        assert_eq!(parsed("http://h/debian/Release"), None);
        assert!(is_plain("bookworm-security") && !is_plain("a main\ndeb x") && !is_plain("[trusted=yes]"));
        assert_eq!(percent(Path::new("/tmp/a b[%")), "/tmp/a%20b%5B%25");
    }
}
