//! A command line of mount(8), in every spelling that util-linux takes.
//!
//! In: words. Out: what is asked for, and how a user namespace can be asked for the same. Never: a mount.

use crate::record::{MountRequest, MountSource, Request};

/// Options whose value is their next word, or what follows on them.
const SHORT_WITH_VALUE: &str = "oOtTLUN";
const LONG_WITH_VALUE: [&str; 13] = [
    "options",
    "options-mode",
    "options-source",
    "test-opts",
    "types",
    "fstab",
    "label",
    "uuid",
    "namespace",
    "source",
    "target",
    "target-prefix",
    "mkdir",
];

/// File systems of the kernel's that no user namespace mounts, and where the sandbox has them. The first two are bound at once: a
/// network of the hook's own decides whether the kernel mounts sysfs, and a later hook may have none.
const KERNELS: [KernelFs; 12] = [
    KernelFs { kind: "sysfs", place: "/sys" },
    KernelFs { kind: "devtmpfs", place: "/dev" },
    KernelFs { kind: "securityfs", place: "/sys/kernel/security" },
    KernelFs { kind: "debugfs", place: "/sys/kernel/debug" },
    KernelFs { kind: "tracefs", place: "/sys/kernel/tracing" },
    KernelFs { kind: "configfs", place: "/sys/kernel/config" },
    KernelFs { kind: "efivarfs", place: "/sys/firmware/efi/efivars" },
    KernelFs { kind: "pstore", place: "/sys/fs/pstore" },
    KernelFs { kind: "bpf", place: "/sys/fs/bpf" },
    KernelFs { kind: "cgroup2", place: "/sys/fs/cgroup" },
    KernelFs { kind: "hugetlbfs", place: "/dev/hugepages" },
    KernelFs { kind: "proc", place: "/proc" },
];

struct KernelFs {
    kind: &'static str,
    place: &'static str,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Mount,
    Bind,
    BindAll,
    Move,
    Remount,
}

/// A command line of mount(8).
#[derive(Debug)]
pub(crate) struct MountCall {
    verb: Verb,
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    options: Vec<String>,
    /// How mounts are to spread: `--make-rslave`.
    spreading: Vec<String>,
}

/// What words say before it is put together.
#[derive(Default)]
struct Said {
    plain: Vec<String>,
    verb: Option<Verb>,
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    options: Vec<String>,
    spreading: Vec<String>,
}

impl Said {
    fn of(words: &[String]) -> Said {
        let mut said = Said::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                said.plain.extend(words.by_ref().map(str::to_owned));
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, mut value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
                if LONG_WITH_VALUE.contains(&name) && value.is_none() && name != "mkdir" {
                    value = words.next();
                }
                said.option(name, value.unwrap_or_default());
            } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
                said.cluster(cluster, &mut words);
            } else {
                said.plain.push(word.to_owned());
            }
        }
        said
    }

    /// `-nvt tmpfs`, `-oro`: flags, the last of which may have a value.
    fn cluster<'w>(&mut self, cluster: &'w str, words: &mut impl Iterator<Item = &'w str>) {
        for (at, flag) in cluster.char_indices() {
            let rest = &cluster[at + flag.len_utf8()..];
            if flag == 'm' {
                return;
            }
            if SHORT_WITH_VALUE.contains(flag) {
                let value = if rest.is_empty() { words.next().unwrap_or_default() } else { rest };
                return self.option(&flag.to_string(), value);
            }
            self.option(&flag.to_string(), "");
        }
    }

    fn option(&mut self, name: &str, value: &str) {
        match name {
            "o" | "options" => self.options.extend(value.split(',').map(str::to_owned)),
            "r" | "read-only" => self.options.push("ro".into()),
            "w" | "rw" | "read-write" => self.options.push("rw".into()),
            "t" | "types" => self.kind = Some(value.to_owned()),
            "B" | "bind" => self.verb = Some(Verb::Bind),
            "R" | "rbind" => self.verb = Some(Verb::BindAll),
            "M" | "move" => self.verb = Some(Verb::Move),
            "source" => self.source = Some(value.to_owned()),
            "target" => self.target = Some(value.to_owned()),
            spread if spread.starts_with("make-") => self.spreading.push(format!("--{spread}")),
            _ => {}
        }
    }
}

impl MountCall {
    pub(crate) fn parse(words: &[String]) -> MountCall {
        let Said { mut plain, verb, kind, source, mut target, options, spreading } = Said::of(words);
        let has = |option: &str| options.iter().any(|known| known == option);
        let verb = match verb {
            _ if has("remount") => Verb::Remount,
            Some(verb) => verb,
            None if has("rbind") => Verb::BindAll,
            None if has("bind") => Verb::Bind,
            None if has("move") => Verb::Move,
            None => Verb::Mount,
        };
        // Of two words the last is the target; one alone is what is not named otherwise.
        target = target.or_else(|| {
            (plain.len() > 1 || source.is_some() || verb == Verb::Remount || !spreading.is_empty())
                .then(|| plain.pop())
                .flatten()
        });
        let source = source.or_else(|| (!plain.is_empty()).then(|| plain.remove(0)));
        MountCall { verb, kind, source, target, options, spreading }
    }

    /// Whether it asks for a loop device.
    pub(crate) fn is_loop(&self) -> bool {
        self.options.iter().any(|option| option == "loop" || option.starts_with("loop="))
    }

    /// Of one that asks for a loop device: the image, its place, and whether it may be written.
    pub(crate) fn image(&self) -> Option<(&str, &str, bool)> {
        let is_writable = !self.options.iter().any(|option| option == "ro");
        Some((self.source.as_deref()?, self.target.as_deref()?, is_writable))
    }

    /// Words that are used at once in place of the caller's.
    pub(crate) fn instead(&self) -> Option<Vec<String>> {
        let kernels = &KERNELS[..2];
        kernels.iter().find(|known| self.is_of(known.kind)).and_then(|known| self.bound_words(known.place))
    }

    /// Words by which a user namespace may grant what it refused: a bind with all that is mounted below, as the kernel lets nobody
    /// see what lies under mounts of another namespace; and what of the kernel's is there already.
    pub(crate) fn otherwise(&self) -> Option<Vec<String>> {
        match self.verb {
            Verb::Bind => self.bound_words(self.source.as_deref()?),
            Verb::Mount => {
                let known = KERNELS.iter().find(|known| self.is_of(known.kind));
                known.map_or_else(|| self.without_ids(), |known| self.bound_words(known.place))
            }
            _ => None,
        }
    }

    fn is_of(&self, kind: &str) -> bool {
        self.verb == Verb::Mount && self.kind.as_deref() == Some(kind)
    }

    /// The same, of ids that are there: what the kernel tells of the options of a file system (findmnt(8), proc(5)) are the machine's ids,
    /// which it does not take back in a user namespace. dib's `mount_dev_pts_options` gives them to mount as they are.
    fn without_ids(&self) -> Option<Vec<String>> {
        let kind = self.kind.as_deref().filter(|kind| matches!(*kind, "devpts" | "tmpfs"))?;
        let is_id = |option: &&String| option.starts_with("uid=") || option.starts_with("gid=");
        self.options.iter().find(is_id)?;
        let mut options: Vec<&str> = self.options.iter().filter(|o| !is_id(o)).map(String::as_str).collect();
        // The group of terminals, as the sandbox's own have it.
        if kind == "devpts" {
            options.push("gid=5");
        }
        let mut words = vec!["-t".to_owned(), kind.to_owned()];
        if !options.is_empty() {
            words.extend(["-o".to_owned(), options.join(",")]);
        }
        words.extend([self.source.clone()?, self.target.clone()?]);
        Some(words)
    }

    /// The same target, where a place is bound with all below it.
    fn bound_words(&self, place: &str) -> Option<Vec<String>> {
        let mut words = vec!["--rbind".to_owned()];
        let options: Vec<&str> = self
            .options
            .iter()
            .map(String::as_str)
            .filter(|option| *option == "ro" || *option == "rw")
            .collect();
        // A kernel's own is read-only as it is, or must not become so: /dev.
        if self.verb == Verb::Bind && !options.is_empty() {
            words.extend(["-o".to_owned(), options.join(",")]);
        }
        words.extend(self.spreading.iter().cloned());
        words.extend([place.to_owned(), self.target.clone()?]);
        Some(words)
    }

    /// What was done, as another process can do it again: nothing by a line of /etc/fstab, or where only the spreading changed.
    pub(crate) fn request(&self, absolute: impl Fn(&str) -> String) -> Option<Request> {
        let target = absolute(self.target.as_deref()?);
        let options = self.options.iter().filter(|option| !option.is_empty()).cloned().collect::<Vec<_>>();
        if self.verb == Verb::Remount {
            return Some(Request::Remount { target, options });
        }
        let source = self.source.as_deref()?;
        let what = match self.verb {
            Verb::Move => return Some(Request::Move { from: absolute(source), to: target }),
            Verb::Bind | Verb::BindAll => {
                MountSource::Bind { source: absolute(source), recursive: self.verb == Verb::BindAll }
            }
            _ => MountSource::New { kind: self.kind.clone()?, source: source.to_owned() },
        };
        Some(Request::Mount(MountRequest { what, options, target }))
    }

    /// The place whose options are changed, and what is asked for it.
    pub(crate) fn remounted(&self) -> Option<(&str, &[String])> {
        (self.verb == Verb::Remount).then_some((self.target.as_deref()?, self.options.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> MountCall {
        MountCall::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_mount_is_told_as_it_can_be_made_again() {
        let told = |text: &str| {
            call(text).request(str::to_owned).map(|request| match request {
                Request::Mount(MountRequest { what, options, target }) => {
                    let what = match what {
                        MountSource::Bind { source, recursive: false } => format!("bind {source}"),
                        MountSource::Bind { source, recursive: true } => format!("rbind {source}"),
                        MountSource::New { kind, source } => format!("{kind} {source}"),
                    };
                    format!("{what} [{}] {target}", options.join(" "))
                }
                Request::Move { from, to } => format!("move {from} {to}"),
                Request::Remount { target, options } => format!("[{}] {target}", options.join(" ")),
                other => format!("{other:?}"),
            })
        };
        let cases = [
            ("-o ro,bind /a /b", Some("bind /a [ro bind] /b")),
            ("-t none -o bind /a /b", Some("bind /a [bind] /b")),
            ("--rbind /a /b", Some("rbind /a [] /b")),
            ("-R /a /b", Some("rbind /a [] /b")),
            ("-nvB /a /b", Some("bind /a [] /b")),
            ("/a /b -o rbind", Some("rbind /a [rbind] /b")),
            ("--rbind --make-rslave /a /b", Some("rbind /a [] /b")),
            ("--bind -o ro --source /a --target /b", Some("bind /a [ro] /b")),
            ("--bind --target /b /a", Some("bind /a [] /b")),
            ("-t tmpfs -o size=1m none /b", Some("tmpfs none [size=1m] /b")),
            ("-vttmpfs none /b", Some("tmpfs none [] /b")),
            ("-t tmpfs -r -onoexec tmpfs /b", Some("tmpfs tmpfs [ro noexec] /b")),
            ("--types=proc -- proc /b", Some("proc proc [] /b")),
            ("--mkdir -t proc proc /b", Some("proc proc [] /b")),
            ("-o remount,ro /b", Some("[remount ro] /b")),
            ("-o bind,remount,ro /a /b", Some("[bind remount ro] /b")),
            ("--move /a /b", Some("move /a /b")),
            ("-M /a /b", Some("move /a /b")),
            ("--make-rprivate /b", None),
            ("/b", None),
            ("/dev/sda1 /b", None),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_user_namespace_refuses_is_asked_for_otherwise() {
        let otherwise =
            |text: &str| call(text).instead().or(call(text).otherwise()).map(|words| words.join(" "));
        for (text, expected) in [
            ("-t sysfs none /t/sys", Some("--rbind /sys /t/sys")),
            ("-t devtmpfs -o mode=0755 udev /t/dev", Some("--rbind /dev /t/dev")),
            ("--bind /dev /t/dev", Some("--rbind /dev /t/dev")),
            ("-B --make-rslave /sys /t/sys", Some("--rbind --make-rslave /sys /t/sys")),
            ("-o bind,ro /sys /t/sys", Some("--rbind -o ro /sys /t/sys")),
            ("-t securityfs none /t/x", Some("--rbind /sys/kernel/security /t/x")),
            ("-t proc none /t/proc", Some("--rbind /proc /t/proc")),
            (
                "-t devpts -o rw,gid=1878982661,mode=620 devpts /t/pts",
                Some("-t devpts -o rw,mode=620,gid=5 devpts /t/pts"),
            ),
            ("-t tmpfs -o gid=1878982661 t /t", Some("-t tmpfs t /t")),
            ("-t tmpfs -o size=1m t /t", None),
            ("--rbind /dev /t/dev", None),
            ("-o remount,ro,bind /t", None),
        ] {
            assert_eq!(otherwise(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn loop_devices_are_seen_in_options_only() {
        assert!(call("-o ro,loop x /b").is_loop() && call("-oloop=/dev/loop0 x /b").is_loop());
        assert!(!call("--bind /srv/loop /b").is_loop());
    }
}
