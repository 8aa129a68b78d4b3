//! The few files of the host's /etc that name the host, as the sandbox has them: an image must not depend on the name of the machine that
//! built it.
//!
//! In: the host's files. Out: their text inside, and where the name servers are looked for. Never: the host's own name.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::HOSTNAME;
use crate::hook::name_servers::LENT;

/// Texts that take the place of the host's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HostFiles {
    /// Content of /etc/resolv.conf.
    pub(crate) resolv: String,
    /// Where the host's /etc/resolv.conf is when all links are followed; none if it has none.
    pub(crate) resolv_at: Option<PathBuf>,
    /// Content of /etc/hosts.
    pub(crate) hosts: String,
}

/// A file of the host's that is covered.
pub(crate) struct Cover {
    pub(crate) path: PathBuf,
    /// What is seen in its place.
    pub(crate) text: String,
}

impl HostFiles {
    /// Reads the host's.
    pub(crate) fn read() -> HostFiles {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
        HostFiles {
            resolv: lent(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
            resolv_at: fs::canonicalize("/etc/resolv.conf").ok(),
            hosts: without_host(&hosts, &name),
        }
    }

    /// The files to be covered, and what with.
    pub(crate) fn covers(&self) -> Vec<Cover> {
        let cover = |path: &str, text: String| Cover { path: path.into(), text };
        let mut covers = vec![
            cover("/etc/hosts", self.hosts.clone()),
            cover("/etc/hostname", format!("{HOSTNAME}\n")),
            cover("/etc/machine-id", "uninitialized\n".to_owned()),
        ];
        if let Some(at) = self.resolv_at.as_ref().filter(|at| !at.starts_with("/run")) {
            covers.push(Cover { path: at.clone(), text: self.resolv.clone() });
        }
        covers
    }

    /// Where under /run the name servers are looked for, if it is there.
    pub(crate) fn resolv_in_run(&self) -> Option<&Path> {
        self.resolv_at.as_deref().filter(|at| at.starts_with("/run"))
    }
}

/// The text of /etc/resolv.conf under the line by which copies of it are known; one that is lent already has it.
fn lent(text: &str) -> String {
    format!("{LENT}{}", text.replace(LENT, ""))
}

/// The lines of /etc/hosts that do not name this host, after our own. A builder's own entries for its mirrors stay.
fn without_host(hosts: &str, name: &str) -> String {
    let ours =
        format!("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 {HOSTNAME}\n");
    let short = name.split('.').next().unwrap_or(name);
    let about = |line: &&str| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace().skip(1).peekable();
        words.peek().is_some()
            && !words.any(|w| w == name || w.split('.').next() == Some(short) || w == "localhost")
    };
    let kept: String = hosts.lines().filter(about).map(|line| format!("{line}\n")).collect();
    ours + &kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_lose_the_builders_name_and_keep_its_mirrors() {
        let kept = without_host(
            "127.0.0.1 localhost\n10.0.0.9 ci17.example ci17\n10.0.0.2 mirror.example\n",
            "ci17",
        );
        assert!(kept.contains("10.0.0.2 mirror.example\n"));
        assert!(!kept.contains("ci17"));
        assert_eq!(kept.matches(" localhost\n").count(), 1);
    }
}
