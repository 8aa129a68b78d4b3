//! The files that no image may have, as data: where they are, what is done with them, and why.
//!
//! In: nothing. Out: rules for [`sanitize`](super::sanitize). Never: a rule without its reason.

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

/// What is done with the files that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Path from the root, without leading slash. `*` stands for any part of a name, `**` for any directories, none included.
    pub pattern: Cow<'static, str>,
    /// What is done with them.
    pub treatment: Treatment,
    /// Why, for people.
    pub why: Cow<'static, str>,
}

impl Rule {
    const fn fixed(pattern: &'static str, treatment: Treatment, why: &'static str) -> Rule {
        Rule { pattern: Cow::Borrowed(pattern), treatment, why: Cow::Borrowed(why) }
    }
}

const LOG: &str =
    "logs tell of the build, with its times; the files stay for programs that only append to them";
const LEFT: &str = "left over by the build; the running system makes its own";
const APT: &str = "apt makes it anew, and it holds the order and times of this build";
const OLD: &str = "the state before the last change, which depends on how often it was changed";
const KEYS: &str = "every machine must make its own keys; a published image must not share them";
const CLOUD: &str = "cloud-init would take the machine for one that it has set up already";
const SEED: &str = "randomness must not be shared by machines";

/// What no image may have.
const VOLATILE: &[Rule] = &[
    Rule::fixed("tmp/*", Treatment::Remove, LEFT),
    Rule::fixed("var/tmp/*", Treatment::Remove, LEFT),
    Rule::fixed("run/*", Treatment::Remove, LEFT),
    Rule::fixed(
        "lost+found",
        Treatment::Remove,
        "belongs to a file system, not to the tree; the writer makes its own",
    ),
    Rule::fixed(".dockerenv", Treatment::Remove, "would make the system think that it runs in a container"),
    Rule::fixed("var/log/**/*.gz", Treatment::Remove, LOG),
    Rule::fixed("var/log/**/*.xz", Treatment::Remove, LOG),
    Rule::fixed("var/log/**/*.1", Treatment::Remove, LOG),
    Rule::fixed("var/log/**/*.old", Treatment::Remove, LOG),
    Rule::fixed("var/log/journal/*", Treatment::Remove, "named by the machine id of the build"),
    Rule::fixed("var/log/**/*", Treatment::Truncate, LOG),
    Rule::fixed("root/*.log", Treatment::Remove, LOG),
    Rule::fixed("root/.bash_history", Treatment::Remove, LEFT),
    Rule::fixed("root/.wget-hsts", Treatment::Remove, LEFT),
    Rule::fixed("var/lib/apt/lists/*", Treatment::Remove, APT),
    Rule::fixed("var/lib/apt/periodic/*", Treatment::Remove, APT),
    Rule::fixed("var/lib/apt/extended_states.old", Treatment::Remove, OLD),
    Rule::fixed("var/cache/apt/*.bin", Treatment::Remove, APT),
    Rule::fixed("var/cache/apt/archives/*.deb", Treatment::Remove, APT),
    Rule::fixed("var/cache/apt/archives/partial/*", Treatment::Remove, APT),
    Rule::fixed("var/cache/apt/archives/lock", Treatment::Remove, APT),
    Rule::fixed(
        "var/cache/ldconfig/aux-cache",
        Treatment::Remove,
        "holds inode numbers and change times of the build's disk",
    ),
    Rule::fixed("var/cache/debconf/*-old", Treatment::Remove, OLD),
    Rule::fixed(
        "var/cache/man/**/index.db",
        Treatment::Remove,
        "holds times; man-db makes it anew, and man works without it",
    ),
    Rule::fixed(
        "var/cache/fontconfig/*",
        Treatment::Remove,
        "named and stamped by times of the build's disk",
    ),
    Rule::fixed("var/lib/dpkg/*-old", Treatment::Remove, OLD),
    Rule::fixed("var/lib/dpkg/lock", Treatment::Remove, LEFT),
    Rule::fixed("var/lib/dpkg/lock-frontend", Treatment::Remove, LEFT),
    Rule::fixed("var/lib/dpkg/triggers/Lock", Treatment::Remove, LEFT),
    Rule::fixed("var/backups/*", Treatment::Remove, OLD),
    Rule::fixed("etc/.pwd.lock", Treatment::Remove, LEFT),
    Rule::fixed(
        "etc/machine-id",
        Treatment::Write(Cow::Borrowed(b"uninitialized\n")),
        "each machine gets its own at first boot (machine-id(5), \"First Boot Semantics\")",
    ),
    Rule::fixed("var/lib/dbus/machine-id", Treatment::Remove, "each machine gets its own at first boot"),
    Rule::fixed("etc/ssh/ssh_host_*_key", Treatment::Remove, KEYS),
    Rule::fixed("etc/ssh/ssh_host_*_key.pub", Treatment::Remove, KEYS),
    Rule::fixed("var/lib/systemd/random-seed", Treatment::Remove, SEED),
    Rule::fixed("var/lib/systemd/credential.secret", Treatment::Remove, SEED),
    Rule::fixed("var/lib/urandom/random-seed", Treatment::Remove, SEED),
    Rule::fixed("boot/efi/loader/random-seed", Treatment::Remove, SEED),
    Rule::fixed("var/lib/systemd/timesync/clock", Treatment::Remove, "its time stamp is the build's clock"),
    Rule::fixed("var/lib/cloud/instance", Treatment::Remove, CLOUD),
    Rule::fixed("var/lib/cloud/instances/*", Treatment::Remove, CLOUD),
    Rule::fixed("var/lib/cloud/data/*", Treatment::Remove, CLOUD),
    Rule::fixed("var/lib/cloud/sem/*", Treatment::Remove, CLOUD),
];

/// The rules that every image wants.
pub fn volatile() -> Vec<Rule> {
    VOLATILE.to_vec()
}
