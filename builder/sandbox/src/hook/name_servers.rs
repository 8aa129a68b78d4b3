//! The machine's name servers in a tree, for as long as a program runs there. dib puts a copy of the machine's `/etc/resolv.conf` into the tree
//! after root.d, as a plain file that hooks and packages may remove, move and make a link, and takes it out at the end (`create_base` and
//! `finalise_base` of its `lib`). Here that is done around each program, because what one leaves is kept for other machines.
//!
//! In: a tree that no program runs in. Out: the file in place; afterwards, what the program made of it. Never: a line of this
//! machine's file in `/etc` of what is kept, or a mount over the file, under which `rm` and `ln` fail.
//!
//! What is lent begins with [`LENT`], so that copies of it are known as such. What a hook writes itself becomes
//! `/etc/resolv.conf.ORIG`, which is dib's published place for the image's own; later hooks are lent the machine's again.
#![expect(clippy::disallowed_methods, reason = "the sandbox's own copy of the machine's file")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dibber_fs::{Dir, file_type, os};
use rustix::fs::{FileType, Mode, OFlags, Statx, Timespec, Timestamps, futimens, openat};

use crate::OWN;
use crate::error::{Context, SandboxError};

/// The first line of the machine's `/etc/resolv.conf` wherever programs of a build find it.
pub(crate) const LENT: &str =
    "# The name servers of the machine that builds; dibber lends them while a hook runs.\n";

/// Longer files hold no name servers.
const LONGEST: u64 = 64 << 10;

/// Directories of a tree's /etc are looked through to this depth for copies.
const DEEPEST: usize = 8;

const PLACE: &str = "resolv.conf";
/// dib's name for the image's own, while the machine's has its place.
const ORIGINAL: &str = "resolv.conf.ORIG";

/// Which name servers a tree has while a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameServers {
    /// The machine's: after root.d.
    Lent,
    /// The machine's if a hook copied them there, as tools that make a root filesystem do: in root.d.
    AsCopied,
}

/// What a tree's /etc was before the machine's name servers were lent to it.
pub(crate) struct Loan {
    /// None where hooks have left no directory of that name: then nothing is lent.
    tree: Option<Dir>,
    which: NameServers,
    text: Vec<u8>,
    began: Duration,
    /// A link that leads elsewhere than into /run, whose place was taken.
    link: Option<PathBuf>,
    original: Option<Stamp>,
    /// The time of /etc, where the file was put there.
    time: Option<Timespec>,
}

/// What tells whether a file was written.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    seconds: i64,
    nanos: u32,
}

impl Stamp {
    fn of(found: &Statx) -> Stamp {
        let time = found.stx_mtime;
        Stamp { inode: found.stx_ino, size: found.stx_size, seconds: time.tv_sec, nanos: time.tv_nsec }
    }
}

/// What is to be known of a hook's tree at its end.
enum Left {
    Nothing,
    Link,
    Lent,
    /// The hook's own words, and whether they follow on those that were lent.
    Own {
        text: Vec<u8>,
        is_added: bool,
    },
}

impl Loan {
    /// Puts the machine's name servers into the tree of a build directory, if it has an /etc.
    pub(crate) fn begin(build_dir: &Path, which: NameServers) -> Result<Loan, SandboxError> {
        let tree = Dir::open(build_dir).and_then(|build| build.below("mnt")).ok();
        let text = fs::read(Path::new(OWN).join("etc").join(PLACE)).context("read resolv.conf")?;
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Files are stamped by a clock that may be some ticks behind.
        let began = began.saturating_sub(Duration::from_secs(1));
        let mut loan = Loan { tree, which, text, began, link: None, original: None, time: None };
        if let Some(etc) = loan.etc() {
            loan.lend(&etc).context("lend the tree the machine's name servers")?;
        }
        Ok(loan)
    }

    fn etc(&self) -> Option<Dir> {
        self.tree.as_ref().and_then(|tree| tree.below("etc").ok())
    }

    fn lend(&mut self, etc: &Dir) -> io::Result<()> {
        let as_copied = self.which == NameServers::AsCopied;
        self.original = etc.stat(ORIGINAL)?.as_ref().map(Stamp::of);
        let before = etc.statx()?.stx_mtime;
        let time = Timespec { tv_sec: before.tv_sec, tv_nsec: before.tv_nsec.into() };
        match etc.stat(PLACE)?.as_ref().map(file_type) {
            Some(FileType::RegularFile) if as_copied => {
                if !is_lent(&etc.read(PLACE, LONGEST).unwrap_or_default()) {
                    return Ok(());
                }
            }
            _ if as_copied => return Ok(()),
            Some(FileType::Symlink) => {
                let target = link_target(etc)?;
                if in_run(&target).is_some() {
                    return Ok(());
                }
                self.link = Some(target);
            }
            Some(FileType::RegularFile) | None => {}
            Some(_) => return Ok(()),
        }
        etc.remove_file(PLACE)?;
        // With the time that /etc has: what a hook makes of all of /etc, as an archive, is the same whenever it is made.
        let mut lent = etc.create(PLACE, 0o644)?;
        lent.write_all(&self.text)?;
        set_time(&lent, time)?;
        set_time(etc, time)?;
        self.time = Some(time);
        Ok(())
    }

    /// Takes back what was lent. What the program made of it stays: a link where it is, text of its own under dib's name for that.
    pub(crate) fn end(self) -> Result<(), SandboxError> {
        let Some(etc) = self.etc() else { return Ok(()) };
        let has_time = |time: Timespec, now: Statx| {
            (now.stx_mtime.tv_sec, i64::from(now.stx_mtime.tv_nsec)) == (time.tv_sec, time.tv_nsec)
        };
        let untouched = self.time.is_some_and(|time| etc.statx().is_ok_and(|now| has_time(time, now)));
        self.take_back(&etc).context("take the machine's name servers out of the tree")?;
        forget_copies(&etc, &self, DEEPEST)
            .context("take copies of the machine's resolv.conf out of the tree")?;
        if let (true, Some(time)) = (untouched, self.time) {
            set_time(&etc, time).context("set the time of the tree's /etc")?;
        }
        Ok(())
    }

    fn take_back(&self, etc: &Dir) -> io::Result<()> {
        if self.time.is_none() || self.which == NameServers::AsCopied {
            // A link into /run, or root.d: what a hook made of that is the image's as it is.
            return Ok(());
        }
        match self.what_is_left(etc)? {
            Left::Nothing | Left::Link => Ok(()),
            Left::Lent => {
                etc.remove_file(PLACE)?;
                self.link.as_ref().map_or(Ok(()), |target| etc.link_to(target, PLACE))
            }
            Left::Own { text, is_added } => self.keep_as_original(etc, &text, is_added),
        }
    }

    fn what_is_left(&self, etc: &Dir) -> io::Result<Left> {
        match etc.stat(PLACE)?.as_ref().map(file_type) {
            None => return Ok(Left::Nothing),
            Some(FileType::RegularFile) => {}
            Some(_) => return Ok(Left::Link),
        }
        let Ok(text) = etc.read(PLACE, LONGEST) else { return Ok(Left::Link) };
        Ok(match text.strip_prefix(self.text.as_slice()) {
            Some(added) if !added.trim_ascii().is_empty() => {
                Left::Own { text: added.to_vec(), is_added: true }
            }
            Some(_) => Left::Lent,
            None if is_lent(&text) => Left::Lent,
            None => Left::Own { text, is_added: false },
        })
    }

    /// What a hook wrote over the machine's is the image's, unless the same hook wrote dib's file for that.
    fn keep_as_original(&self, etc: &Dir, text: &[u8], is_added: bool) -> io::Result<()> {
        let original = etc.stat(ORIGINAL)?;
        let written = original.as_ref().map(Stamp::of) != self.original;
        let is_plain = original.as_ref().is_none_or(|found| file_type(found) == FileType::RegularFile);
        // Nothing can be added to a link that leads nowhere yet.
        if written && original.is_some() || is_added && !is_plain {
            return etc.remove_file(PLACE);
        }
        if !is_added {
            return etc.rename(PLACE, etc, ORIGINAL);
        }
        let mut all = etc.read(ORIGINAL, LONGEST).unwrap_or_default();
        all.extend_from_slice(text);
        etc.remove_file(PLACE)?;
        etc.remove_file(ORIGINAL)?;
        etc.write_new(ORIGINAL, &all, 0o644)
    }
}

/// Sets when that was last modified.
fn set_time(what: impl AsFd, last_modification: Timespec) -> io::Result<()> {
    let last_access = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    Ok(futimens(what, &Timestamps { last_access, last_modification })?)
}

/// Whether a text is the machine's `/etc/resolv.conf`, or was made of it.
pub fn is_lent(text: &[u8]) -> bool {
    text.windows(LENT.len()).any(|part| part == LENT.as_bytes())
}

/// Cuts what is a copy of the machine's file to its first line, in files that were written meanwhile: `resolv.conf.bak`, the
/// one that systemd-resolved's package puts aside. Moved back by a later hook, it is known again.
fn forget_copies(dir: &Dir, loan: &Loan, depth: usize) -> io::Result<()> {
    for name in dir.names()? {
        let here = dir.entry(&name);
        let Some(found) = here.statx()? else { continue };
        match file_type(&found) {
            FileType::Directory if depth > 0 => {
                // One that is a mount, or gone, holds none of the tree's.
                if let Ok(below) = dir.below(os(&name)) {
                    forget_copies(&below, loan, depth - 1)?;
                }
            }
            FileType::RegularFile if found.stx_size <= LONGEST && loan.is_newer(&found) => {
                let text = dir.read(os(&name), LONGEST)?;
                if is_lent(&text) && text != LENT.as_bytes() {
                    let flags = OFlags::WRONLY
                        | OFlags::TRUNC
                        | OFlags::NOFOLLOW
                        | OFlags::NONBLOCK
                        | OFlags::CLOEXEC;
                    File::from(openat(dir, &name, flags, Mode::empty())?).write_all(LENT.as_bytes())?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl Loan {
    fn is_newer(&self, found: &Statx) -> bool {
        let changed = found.stx_ctime;
        u64::try_from(changed.tv_sec)
            .is_ok_and(|seconds| Duration::new(seconds, changed.tv_nsec) >= self.began)
    }
}

fn link_target(etc: &Dir) -> io::Result<PathBuf> {
    let target = etc.entry(c"resolv.conf").read_link()?;
    Ok(PathBuf::from(std::ffi::OsStr::from_bytes(target.to_bytes())))
}

/// Where packages' links for `/etc/resolv.conf` lead: there are name servers at these places in every chroot hook, so that they
/// are found on once a package has made its link.
const IN_RUN: [&str; 6] = [
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/resolvconf/resolv.conf",
    "/run/NetworkManager/resolv.conf",
    "/run/connman/resolv.conf",
    "/run/netconfig/resolv.conf",
];

/// Writes the machine's name servers to where links in the tree expect those of a daemon of the booted system. The tree must be
/// the root, and its /run the hook's own: from here on links cannot lead outside, there is no outside.
pub(crate) fn write_in_run(text: &str) -> Result<(), SandboxError> {
    let linked = fs::read_link(Path::new("/etc").join(PLACE)).ok().and_then(|target| in_run(&target));
    for place in IN_RUN.into_iter().map(PathBuf::from).chain(linked) {
        fs::create_dir_all(place.parent().unwrap_or(Path::new("/run")))
            .and_then(|()| fs::write(&place, text))
            .context(format_args!("write {}", place.display()))
            .map_err(SandboxError::of_hooks)?;
    }
    Ok(())
}

/// Where below /run a link in /etc leads, if it does.
fn in_run(target: &Path) -> Option<PathBuf> {
    let mut path = PathBuf::from("/");
    for part in Path::new("/etc").join(target).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    // Links that distributions have: /var/run, and resolvconf's own.
    let known = [("/var/run", "/run"), ("/etc/resolvconf/run", "/run/resolvconf")];
    let path = known
        .iter()
        .find_map(|(from, to)| Some(Path::new(to).join(path.strip_prefix(from).ok()?)))
        .unwrap_or(path);
    let is_file = path.components().count() > 2;
    (path.starts_with("/run") && is_file && !path.starts_with(OWN)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_packages_lead_into_run() {
        for (target, expected) in [
            ("../run/systemd/resolve/stub-resolv.conf", Some("/run/systemd/resolve/stub-resolv.conf")),
            ("/var/run/NetworkManager/resolv.conf", Some("/run/NetworkManager/resolv.conf")),
            ("resolvconf/run/resolv.conf", Some("/run/resolvconf/resolv.conf")),
            ("../run/dibber/store", None),
            ("../run", None),
            ("../usr/lib/systemd/resolv.conf", None),
            ("../../../etc/passwd", None),
        ] {
            assert_eq!(in_run(Path::new(target)).as_deref(), expected.map(Path::new), "{target}");
        }
    }

    #[test]
    fn a_text_made_of_the_lent_one_is_known() {
        let lent = format!("{LENT}nameserver 192.0.2.1\n");
        assert!(is_lent(lent.as_bytes()));
        assert!(is_lent(format!("options edns0\n{lent}").as_bytes()));
        assert!(!is_lent(b"nameserver 192.0.2.1\n"));
    }
}
