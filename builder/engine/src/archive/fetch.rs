//! One file of a package archive, fetched by apt's own downloader, which knows the machine's proxies and certificates.
//!
//! In: a URL, a proxy. Out: the file's bytes. Never: a password in a process's arguments, which everybody on the machine can
//! read; more bytes than an index of an archive has; a wait that outlasts an interrupt.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use dibber_model::redact::{self, Redact};
use dibber_plan::Proxies;
use dibber_sandbox::attended::{self, ProgramEnd};
use dibber_sandbox::interrupts::Interrupts;

use super::ReleaseError;

const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// A Release file is some 200 KiB; a server that sends more than this, in bytes, has none.
const LARGEST: u64 = 16 << 20;

/// Fetches. Messages name the URL without its user.
pub(super) fn fetch(url: &str, proxies: &Proxies, stop: &Interrupts) -> Result<Vec<u8>, ReleaseError> {
    let proxy = proxies.of_url(url);
    // Nobody else can enter it.
    let scratch = dibber_fs::temporary::directory("dibber-release-")
        .map_err(|source| ReleaseError::File { path: std::env::temp_dir(), source })?;
    let at = |name: &str| {
        let path = scratch.path().join(name);
        move |source| ReleaseError::File { path, source }
    };
    let public = redact::without_login(url);
    let refused = |said: String| ReleaseError::NotFetched { url: public.clone(), said };
    let (settings, logins) = (scratch.path().join("apt.conf"), scratch.path().join("auth.conf"));
    let file = scratch.path().join("file");
    if let Some(line) = login_line(url).map_err(refused)? {
        write_private(&logins, &line).map_err(at("auth.conf"))?;
    }
    write_private(&settings, &settings_text(proxy, &logins)).map_err(at("apt.conf"))?;
    let mut command = Command::new(APT_HELPER);
    command.arg("-q").arg("-c").arg(&settings).arg("download-file").arg(&public).arg(&file);
    if let Some(hosts) = proxies.direct_hosts() {
        command.env("no_proxy", hosts);
    }
    let ended = attended::run(&mut command, LARGEST, stop).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReleaseError::NoApt(APT_HELPER),
        _ => ReleaseError::File { path: APT_HELPER.into(), source: error },
    })?;
    let Some(ended) = ended else { return Err(ReleaseError::Interrupted) };
    if !ended.status.success() {
        return Err(refused(secrets(url, proxy).public(last_line(&ended))));
    }
    let mut bytes = Vec::new();
    File::open(&file).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(at("file"))?;
    Ok(bytes)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// apt.conf(5). Given by `-c`, it is read after the machine's own settings.
fn settings_text(proxy: Option<&str>, logins: &Path) -> String {
    // Without its own user, apt-helper could not write into a directory that is ours alone.
    let mut text = String::from("APT::Sandbox::User \"\";\nAcquire::Retries \"3\";\n");
    if let Some(proxy) = proxy {
        let proxy = without_quotes(proxy);
        text += &format!("Acquire::http::Proxy \"{proxy}\";\nAcquire::https::Proxy \"{proxy}\";\n");
    }
    if logins.exists() {
        text += &format!("Dir::Etc::netrc \"{}\";\n", logins.display());
    }
    text
}

/// What would end a quoted word of apt's, percent-encoded: apt decodes it again.
fn without_quotes(url: &str) -> String {
    let ends = |c: char| c.is_control() || c.is_whitespace() || c == '"' || c == '\\';
    url.chars().fold(String::new(), |mut out, c| {
        if ends(c) {
            c.to_string().bytes().for_each(|byte| out += &format!("%{byte:02X}"));
        } else {
            out.push(c);
        }
        out
    })
}

/// A line of apt_auth.conf(5) for the user that the URL names, if it names one.
fn login_line(url: &str) -> Result<Option<String>, String> {
    let Some(login) = redact::login(url) else { return Ok(None) };
    let host = login.rest.split('/').next().unwrap_or_default();
    let (user, password) = login.user.split_once(':').unwrap_or((login.user, ""));
    let mut line = format!("machine {}{host}", login.scheme);
    for (key, value) in [("login", user), ("password", password)] {
        let value = redact::decoded(value);
        if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("apt takes no {key} with a space in it"));
        }
        if !value.is_empty() {
            line += &format!(" {key} {value}");
        }
    }
    Ok(Some(line + "\n"))
}

/// What apt's words may hold: the image's proxy, and those of the environment, which apt reads by itself.
fn secrets(url: &str, proxy: Option<&str>) -> Redact {
    let mut redact = Redact::from_url(proxy);
    redact.add_url(url);
    let ours = |name: &str| name.to_lowercase().ends_with("_proxy");
    std::env::vars().filter(|(name, _)| ours(name)).for_each(|(_, value)| redact.add_url(&value));
    redact
}

fn last_line(ended: &ProgramEnd) -> String {
    let said = String::from_utf8_lossy(&ended.stderr_tail);
    said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_urls_in_apts_words() {
        let line = |url| login_line(url).map(Option::unwrap_or_default);
        assert_eq!(line("http://h/debian"), Ok(String::new()));
        let both = "machine http://h:8080 login u password p@ss:word\n";
        assert_eq!(line("http://u:p%40ss%3Aword@h:8080/debian"), Ok(both.into()));
        assert_eq!(line("https://token@h"), Ok("machine https://h login token\n".into()));
        assert!(line("http://u:a%20b@h/").is_err());
        assert!(line("http://u:a%0Amachine@h/").is_err());
    }

    #[test]
    fn no_proxy_ends_its_quotes() {
        let text = settings_text(Some("http://u:a\";X \"b@h"), Path::new("/nowhere"));
        assert!(text.contains("Proxy \"http://u:a%22;X%20%22b@h\";\n"), "{text}");
    }
}
