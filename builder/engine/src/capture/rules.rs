//! What every captured tree is freed of, as data: where, how, and why.
//!
//! In: nothing. Out: rules for [`scrub`](super::scrub). Never: a rule without its reason.

use std::borrow::Cow;

/// What happens to a file that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It goes, with all below it.
    Remove,
    /// A directory loses its entries, a file its content.
    Empty,
    /// A regular file loses its content; owner and mode stay. Anything else is left.
    Truncate,
    /// A regular file gets this content. It is not made if it is missing.
    Write(Cow<'static, [u8]>),
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Path from the root, without leading slash. `*` stands for any part of a name, `**` for any directories, none included.
    pub pattern: Cow<'static, str>,
    /// What is done.
    pub treatment: Treatment,
    /// Why, for people.
    pub why: Cow<'static, str>,
}

const LOG: &str =
    "logs tell of the build, with its times; the files stay for programs that only append to them";
const LEFT: &str = "left over by the build; the running system makes its own";
const APT: &str = "apt makes it anew, and it holds the order and times of this build";
const OLD: &str = "the state before the last change, which depends on how often it was changed";
const KEYS: &str = "every machine must make its own keys; a published image must not share them";
const CLOUD: &str = "cloud-init would take the machine for one that it has set up already";
const SEED: &str = "randomness must not be shared by machines";

/// Path, treatment and reason.
const VOLATILE: &[(&str, Treatment, &str)] = &[
    ("tmp/*", Treatment::Remove, LEFT),
    ("var/tmp/*", Treatment::Remove, LEFT),
    ("run/*", Treatment::Remove, LEFT),
    ("lost+found", Treatment::Remove, "belongs to a file system, not to the tree; the writer makes its own"),
    (".dockerenv", Treatment::Remove, "would make the system think that it runs in a container"),
    ("var/log/**/*.gz", Treatment::Remove, LOG),
    ("var/log/**/*.xz", Treatment::Remove, LOG),
    ("var/log/**/*.1", Treatment::Remove, LOG),
    ("var/log/**/*.old", Treatment::Remove, LOG),
    ("var/log/journal/*", Treatment::Remove, "named by the machine id of the build"),
    ("var/log/**/*", Treatment::Truncate, LOG),
    ("root/*.log", Treatment::Remove, LOG),
    ("root/.bash_history", Treatment::Remove, LEFT),
    ("root/.wget-hsts", Treatment::Remove, LEFT),
    ("var/lib/apt/lists/*", Treatment::Remove, APT),
    ("var/lib/apt/periodic/*", Treatment::Remove, APT),
    ("var/lib/apt/extended_states.old", Treatment::Remove, OLD),
    ("var/cache/apt/*.bin", Treatment::Remove, APT),
    ("var/cache/apt/archives/*.deb", Treatment::Remove, APT),
    ("var/cache/apt/archives/partial/*", Treatment::Remove, APT),
    ("var/cache/apt/archives/lock", Treatment::Remove, APT),
    (
        "var/cache/ldconfig/aux-cache",
        Treatment::Remove,
        "holds inode numbers and change times of the build's disk",
    ),
    ("var/cache/debconf/*-old", Treatment::Remove, OLD),
    (
        "var/cache/man/**/index.db",
        Treatment::Remove,
        "holds times; man-db makes it anew, and man works without it",
    ),
    ("var/cache/fontconfig/*", Treatment::Remove, "named and stamped by times of the build's disk"),
    ("var/lib/dpkg/*-old", Treatment::Remove, OLD),
    ("var/lib/dpkg/lock", Treatment::Remove, LEFT),
    ("var/lib/dpkg/lock-frontend", Treatment::Remove, LEFT),
    ("var/lib/dpkg/triggers/Lock", Treatment::Remove, LEFT),
    ("var/backups/*", Treatment::Remove, OLD),
    ("etc/.pwd.lock", Treatment::Remove, LEFT),
    (
        "etc/machine-id",
        Treatment::Write(Cow::Borrowed(b"uninitialized\n")),
        "each machine gets its own at first boot (machine-id(5), \"First Boot Semantics\")",
    ),
    ("var/lib/dbus/machine-id", Treatment::Remove, "each machine gets its own at first boot"),
    ("etc/ssh/ssh_host_*_key", Treatment::Remove, KEYS),
    ("etc/ssh/ssh_host_*_key.pub", Treatment::Remove, KEYS),
    ("var/lib/systemd/random-seed", Treatment::Remove, SEED),
    ("var/lib/systemd/credential.secret", Treatment::Remove, SEED),
    ("var/lib/urandom/random-seed", Treatment::Remove, SEED),
    ("boot/efi/loader/random-seed", Treatment::Remove, SEED),
    ("var/lib/systemd/timesync/clock", Treatment::Remove, "its time stamp is the build's clock"),
    ("var/lib/cloud/instance", Treatment::Remove, CLOUD),
    ("var/lib/cloud/instances/*", Treatment::Remove, CLOUD),
    ("var/lib/cloud/data/*", Treatment::Remove, CLOUD),
    ("var/lib/cloud/sem/*", Treatment::Remove, CLOUD),
];

/// The rules that every image wants. The driver adds what this image's own `/etc/hostname` and `/etc/resolv.conf` are: the
/// ones in the tree are the build host's.
pub fn volatile() -> Vec<Rule> {
    let rule = |(pattern, treatment, why): &(&'static str, Treatment, &'static str)| Rule {
        pattern: (*pattern).into(),
        treatment: treatment.clone(),
        why: (*why).into(),
    };
    VOLATILE.iter().map(rule).collect()
}
