//! What of the host hooks may see: the directories of its system, as host-side hooks of dib run the host's programs, less what only some
//! users may read there.
//!
//! In: the host's root. Out: mounts, read-only, and the places among them that must be covered. Never: a directory because
//! nobody thought of leaving it out: what is not listed here is not there.
#![expect(
    clippy::disallowed_methods,
    reason = "the host's system directories, and names of a root that holds nothing of a hook's yet"
)]

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::{Context, SandboxError};
use crate::mounts;

/// Directories of a system, with what programs of it need: hier(7), and the stores of Nix and Guix, to which /usr of such a
/// system leads. `/var/lib/dpkg` is what dpkg of the host asks about itself, `/var/lib/ca-certificates` what /etc/ssl of openSUSE
/// leads to.
const SYSTEM: [&str; 13] = [
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "etc",
    "sys",
    "nix/store",
    "gnu/store",
    "var/lib/dpkg",
    "var/lib/ca-certificates",
];

/// Directories that every system has, and that are empty in the sandbox.
const EMPTY: [&str; 12] =
    ["dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "tmp", "var/cache", "var/tmp"];

/// Directories that programs of the host write of their own accord, each hook in memory of its own: package managers of other distributions
/// keep a log and what they know of archives.
pub(crate) const WRITTEN: [&str; 2] = ["var/log", "var/lib/dnf"];

/// Directories whose owner, as an ordinary user, may have files there that nobody else may read.
const MIXED: [&str; 2] = ["/etc", "/usr/local"];

/// Settings of the host's programs that would have them keep what they do for the host. Debian's dnf adds each package that it installs to an
/// archive of the machine's (`_dnf_local`), which is asked for keys that nobody has as soon as it has none: covered, it is off.
const COVERED: [&str; 1] = ["/etc/dnf/plugins/local.conf"];

/// Mounts and links for a new root.
pub(crate) struct HostDirs {
    mounts: Vec<(PathBuf, OwnedFd)>,
    links: Vec<(PathBuf, PathBuf)>,
}

impl HostDirs {
    /// Takes them from the root of this namespace.
    pub(crate) fn copy() -> Result<HostDirs, SandboxError> {
        let mut host = HostDirs { mounts: Vec::new(), links: Vec::new() };
        for name in SYSTEM.map(PathBuf::from) {
            let path = Path::new("/").join(&name);
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            if found.is_symlink() {
                let target = fs::read_link(&path).context(format_args!("read {}", path.display()))?;
                host.links.push((name, target));
            } else if found.is_dir() {
                let mount = mounts::copy(&path)?;
                mounts::restrict(&mount, mounts::READ_ONLY | mounts::NO_SUID | mounts::NO_DEV)?;
                host.mounts.push((name, mount));
            }
        }
        Ok(host)
    }

    /// Makes the places in an empty root.
    pub(crate) fn make_places(&self) -> Result<(), SandboxError> {
        let root = Path::new("/");
        let dirs = self.mounts.iter().map(|(name, _)| root.join(name));
        for dir in dirs.chain(EMPTY.iter().chain(&WRITTEN).map(|name| root.join(name))) {
            fs::create_dir_all(&dir).context(format_args!("make {}", dir.display()))?;
        }
        for (name, target) in &self.links {
            let at = root.join(name);
            symlink(target, &at).context(format_args!("link {}", at.display()))?;
        }
        for dir in ["/tmp", "/var/tmp"] {
            fs::set_permissions(dir, PermissionsExt::from_mode(0o1777))
                .context(format_args!("open {dir}"))?;
        }
        Ok(())
    }

    /// Mounts what was taken on its places.
    pub(crate) fn mount(&self) -> Result<(), SandboxError> {
        self.mounts
            .iter()
            .try_for_each(|(name, mount)| mounts::place(mount, &Path::new("/").join(name).to_string_lossy()))
    }
}

/// Directories that each hook has of its own. The host's would lie over them, and what hooks write there have no place: `TMP_DIR=/tmp` says
/// where to write, and not what to read.
const HOOKS_OWN: [&str; 8] =
    ["/dev", "/proc", "/run", "/run/lock", "/tmp", "/var/cache", "/var/log", "/var/tmp"];

/// Whether hooks have something at a path of the host's anyway: the host's own, or one of theirs.
pub fn is_visible_to_hooks(path: &Path) -> bool {
    SYSTEM.iter().any(|name| path.starts_with(Path::new("/").join(name)))
        || HOOKS_OWN.iter().any(|own| path == Path::new(own))
}

/// Covers settings of [`COVERED`], and what others than its owner and group may not read: root inside may stand for the person, who could.
/// `empty` is a file without content.
pub(crate) fn cover_closed(empty: &Path) -> Result<(), SandboxError> {
    let covered = COVERED.into_iter().map(PathBuf::from);
    let mut closed: Vec<PathBuf> = covered.filter(|path| path.is_file()).collect();
    for dir in MIXED {
        find_closed(Path::new(dir), &mut closed);
    }
    for path in closed {
        let cover = if path.is_dir() { mounts::memory("0555")? } else { mounts::copy(empty)? };
        mounts::restrict(&cover, mounts::READ_ONLY)?;
        mounts::place(&cover, &path.to_string_lossy())?;
    }
    Ok(())
}

/// Files that others may not read, directories that they may not list or enter, and all that is neither, but for links: a socket
/// or a pipe leads to a process of the host. What cannot be read here, no hook can.
fn find_closed(dir: &Path, closed: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        let mode = found.permissions().mode();
        if found.is_dir() && mode & 0o005 == 0o005 {
            find_closed(&path, closed);
        } else if !found.is_symlink() && (!found.is_file() || mode & 0o004 == 0) {
            closed.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, mknodat};

    #[test]
    fn only_what_others_may_read_stays_open() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str, mode: u32| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        make("open", 0o644);
        make("key", 0o600);
        make("group", 0o640);
        make("sub/key", 0o400);
        make("private/open", 0o644);
        mknodat(CWD, dir.path().join("pipe"), FileType::Fifo, 0o666.into(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        // Whatever the umask of who runs this.
        fs::set_permissions(dir.path().join("sub"), PermissionsExt::from_mode(0o755)).unwrap();
        fs::set_permissions(dir.path().join("private"), PermissionsExt::from_mode(0o710)).unwrap();
        symlink("key", dir.path().join("link")).unwrap();
        let mut closed = Vec::new();
        find_closed(dir.path(), &mut closed);
        closed.sort();
        assert_eq!(
            closed,
            ["group", "key", "pipe", "private", "socket", "sub/key"].map(|name| dir.path().join(name))
        );
    }

    #[test]
    fn homes_and_services_are_not_of_the_system() {
        for path in ["/home/me/key", "/srv/x", "/var/lib/mysql", "/opt/x", "/usr2", "/root/.ssh"] {
            assert!(!is_visible_to_hooks(Path::new(path)), "{path}");
        }
        assert!(is_visible_to_hooks(Path::new("/usr/share/keyrings")));
        assert!(is_visible_to_hooks(Path::new("/tmp/")) && !is_visible_to_hooks(Path::new("/tmp/key")));
    }
}
