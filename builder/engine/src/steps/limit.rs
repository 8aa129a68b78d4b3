//! Which limit a hook met, in words: the number, and the key of the image file that raises it.
//!
//! In: how a hook ended, what it printed last, its limits. Out: the rest of a sentence. Never: a limit named where nothing points
//! to it.

use dibber_model::Limits;

use dibber_sandbox::HookResult;

/// `SIGXFSZ` of signal(7), the same on every architecture that dibber runs on: a file grew beyond its limit.
const FILE_TOO_LARGE: i32 = 25;

/// What the C library says of the errors that limits lead to (EAGAIN of fork, EMFILE, EFBIG).
const NO_PROCESS: [&str; 2] = ["fork: Resource temporarily unavailable", "fork: retry: Resource temporarily"];
const NO_FILE: &str = "Too many open files";
const NO_SIZE: &str = "File too large";

/// What chown(1), tar(1), cpio(1), rsync(1) and install(1) say when the kernel knows no such owner (EINVAL of chown(2)).
fn is_of_an_unknown_owner(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let is_about_owners = ["chown", "ownership", "owner", "uid"].iter().any(|word| line.contains(word));
    is_about_owners && line.contains("invalid argument")
}

/// The limit that a failed hook met, if it met one.
pub(super) fn met(end: &HookResult, tail: &[String], limits: &Limits) -> Option<String> {
    let printed = |text: &str| tail.iter().any(|line| line.contains(text));
    let Limits { processes, open_files, file_size, timeout } = limits;
    if let (true, Some(time)) = (end.overran, timeout) {
        return Some(format!(
            "it was ended after {time}, its time limit; `timeout:` in the image file gives each hook more, `timeout: none` all the time"
        ));
    }
    if end.code == 128 + FILE_TOO_LARGE || printed(NO_SIZE) {
        return Some(format!(
            "a file grew to {file_size}, the limit; `limits: {{file_size: ...}}` in the image file allows more"
        ));
    }
    if printed(NO_FILE) {
        return Some(format!(
            "a process had {open_files} files open, the limit; `limits: {{open_files: ...}}` in the image file allows more"
        ));
    }
    if let Some(line) = tail.iter().find(|line| is_of_an_unknown_owner(line)) {
        return Some(format!(
            "`{}`: the sandbox has no such user or group id; grant the person who builds more of them in /etc/subuid and /etc/subgid \
             (usermod --add-subuids, --add-subgids), or leave the owner out, as tar --no-same-owner does",
            line.trim()
        ));
    }
    NO_PROCESS.iter().any(|text| printed(text)).then(|| {
        format!(
            "it had {processes} processes, the limit; `limits: {{processes: ...}}` in the image file allows more"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::is_of_an_unknown_owner;

    #[test]
    fn owners_beyond_the_sandboxs_ids_are_known_by_the_words_of_programs() {
        for line in [
            "chown: changing ownership of 'f': Invalid argument",
            "tar: x: Cannot change ownership to uid 1000620000, gid 0: Invalid argument",
            "rsync: [receiver] chown \"/srv/x\" failed: Invalid argument (22)",
            "cpio: usr/x: Cannot change mode or owner: Invalid argument",
        ] {
            assert!(is_of_an_unknown_owner(line), "{line}");
        }
        for line in ["chown: invalid user: 'x'", "dd: invalid argument", "mount: wrong owner"] {
            assert!(!is_of_an_unknown_owner(line), "{line}");
        }
    }
}
