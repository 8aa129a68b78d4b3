//! `dibber-divert add|take-back`: our stand-ins at the places of boot loader programs, in a tree that has dpkg. Scripts of packages call
//! `/usr/sbin/grub-install` by its path, so a stand-in in `PATH` does not suffice there.
//!
//! In: the tree as the root. Out: links to the stand-ins with dpkg diversions under them, or the tree as its packages left it.
//! Never: a diversion of somebody else's touched, or `dpkg-divert` run: a tree of a foreign architecture need not run it.
//!
//! `/var/lib/dpkg/diversions` has three lines for each diversion (dpkg, `lib/dpkg/db-fsys-divert.c`): the path, where it goes
//! instead, and the package that may still use the path, `:` for none.

use std::ffi::OsString;
use std::fs::{self, FileTimes};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use dibber_fs::{PathContext, PathError};

use crate::loader;

/// Ends the name under which dpkg keeps a diverted program.
const DIVERTED_SUFFIX: &str = ".dibber-diverted";
/// Where the stand-ins are in every chroot.
const SHIMS: &str = "/run/dibber/shim";
const DATABASE: &str = "var/lib/dpkg/diversions";
/// The database as it was before us.
const BEFORE: &str = "var/lib/dpkg/diversions.dibber-before";
/// What stands there if there was none: no diversion has one line.
const NO_DATABASE: &str = "none\n";

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    let root = Path::new("/");
    let done = match arguments.first().and_then(|word| word.to_str()) {
        Some("add") if arguments.len() == 1 => add(root),
        Some("take-back") if arguments.len() == 1 => take_back(root),
        _ => {
            eprintln!("usage: {name} add|take-back");
            return 2;
        }
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{name}: {error}");
            1
        }
    }
}

/// Does nothing in a tree without dpkg: there `PATH` suffices.
fn add(root: &Path) -> Result<(), PathError> {
    let (database, before) = (root.join(DATABASE), root.join(BEFORE));
    let admin = root.join("var/lib/dpkg");
    if !admin.is_dir() || before.exists() {
        return Ok(());
    }
    let mut lines = String::new();
    keeping_time(&admin, || match fs::read_to_string(&database) {
        Ok(text) => {
            lines = text;
            // Renamed, not copied: it comes back with its time, owner and mode.
            fs::rename(&database, &before)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::write(&before, NO_DATABASE),
        Err(error) => Err(error),
    })
    .with_path("change", &database)?;
    for program in loader::program_paths() {
        if stand_in(root, program).with_path("divert", Path::new(program))? {
            lines += &format!("{program}\n{program}{DIVERTED_SUFFIX}\n:\n");
        }
    }
    keeping_time(&admin, || fs::write(&database, &lines)).with_path("change", &database)
}

/// Puts a link to the stand-in in a program's place, if its directory is there.
fn stand_in(root: &Path, program: &str) -> io::Result<bool> {
    let place = root.join(program.trim_start_matches('/'));
    let (Some(dir), Some(name)) = (place.parent().filter(|dir| dir.is_dir()), place.file_name()) else {
        return Ok(false);
    };
    keeping_time(dir, || {
        if place.symlink_metadata().is_ok() {
            fs::rename(&place, diverted_path(&place))?;
        }
        symlink(Path::new(SHIMS).join(name), &place)
    })?;
    Ok(true)
}

fn take_back(root: &Path) -> Result<(), PathError> {
    let (database, before) = (root.join(DATABASE), root.join(BEFORE));
    let Ok(earlier) = fs::read_to_string(&before) else { return Ok(()) };
    let text = fs::read_to_string(&database).with_path("read", &database)?;
    let (mut others, mut ours) = (String::new(), Vec::new());
    let lines: Vec<&str> = text.lines().collect();
    for entry in lines.chunks(3) {
        match entry {
            [path, instead, ":"] if *instead == format!("{path}{DIVERTED_SUFFIX}") => ours.push(*path),
            _ => entry.iter().for_each(|line| others += &format!("{line}\n")),
        }
    }
    for program in ours {
        put_back(root, program).with_path("put back", Path::new(program))?;
    }
    let admin = root.join("var/lib/dpkg");
    keeping_time(&admin, || {
        if others == earlier {
            return fs::rename(&before, &database);
        }
        if earlier == NO_DATABASE && others.is_empty() {
            fs::remove_file(&database)?;
        } else {
            fs::write(&database, &others)?;
        }
        fs::remove_file(&before)
    })
    .with_path("change", &database)
}

/// Gives a program its place again. A package that was removed meanwhile took its diverted program with it.
fn put_back(root: &Path, program: &str) -> io::Result<()> {
    let place = root.join(program.trim_start_matches('/'));
    let Some(dir) = place.parent().filter(|dir| dir.is_dir()) else { return Ok(()) };
    keeping_time(dir, || {
        let ours = fs::read_link(&place).is_ok_and(|target| target.starts_with(SHIMS));
        if ours {
            fs::remove_file(&place)?;
        }
        match fs::rename(diverted_path(&place), &place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    })
}

fn diverted_path(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(DIVERTED_SUFFIX);
    PathBuf::from(name)
}

/// Does something to a directory's names and leaves its time as it was.
fn keeping_time(dir: &Path, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let time = fs::metadata(dir)?.modified()?;
    work()?;
    fs::File::open(dir)?.set_times(FileTimes::new().set_modified(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Tree {
            let root = std::env::temp_dir().join(format!("dibber-divert-{}-{name}", std::process::id()));
            for dir in ["usr/sbin", "usr/bin", "var/lib/dpkg"] {
                fs::create_dir_all(root.join(dir)).unwrap();
            }
            Tree(root)
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.0.join(path), text).unwrap();
        }

        /// Every path with its content or target, and the time of every directory.
        fn all(&self) -> Vec<String> {
            let mut all = Vec::new();
            let mut left = vec![self.0.clone()];
            while let Some(path) = left.pop() {
                let meta = path.symlink_metadata().unwrap();
                if meta.is_dir() {
                    all.push(format!("{} {:?}", path.display(), meta.modified().unwrap()));
                    left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                } else if meta.is_symlink() {
                    all.push(format!("{} -> {}", path.display(), fs::read_link(&path).unwrap().display()));
                } else {
                    let time = meta.modified().unwrap();
                    all.push(format!("{} {time:?} {}", path.display(), fs::read_to_string(&path).unwrap()));
                }
            }
            all.sort();
            all
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn nothing_is_left() {
        for (name, database) in
            [("none", None), ("empty", Some("")), ("some", Some("/bin/sh\n/bin/sh.distrib\ndash\n"))]
        {
            let tree = Tree::new(name);
            tree.write("usr/sbin/grub-install", "GRUB's own");
            if let Some(text) = database {
                tree.write(DATABASE, text);
            }
            let before = tree.all();
            add(&tree.0).unwrap();
            let link = fs::read_link(tree.0.join("usr/sbin/grub-install")).unwrap();
            assert_eq!(link, Path::new("/run/dibber/shim/grub-install"));
            assert!(
                fs::read_to_string(tree.0.join(DATABASE))
                    .unwrap()
                    .starts_with(database.unwrap_or("/usr/sbin/grub-install\n"))
            );
            // A hook that adds twice changes nothing.
            add(&tree.0).unwrap();
            take_back(&tree.0).unwrap();
            assert_eq!(tree.all(), before, "{name}");
        }
    }

    #[test]
    fn what_packages_did_meanwhile_stays() {
        let tree = Tree::new("meanwhile");
        tree.write("usr/sbin/grub-probe", "old");
        add(&tree.0).unwrap();
        // dpkg: one package is installed under the diverted name, one is removed, one diverts something.
        tree.write(&format!("usr/sbin/grub-install{DIVERTED_SUFFIX}"), "new");
        fs::remove_file(tree.0.join(format!("usr/sbin/grub-probe{DIVERTED_SUFFIX}"))).unwrap();
        let database = fs::read_to_string(tree.0.join(DATABASE)).unwrap();
        tree.write(DATABASE, &format!("{database}/a\n/a.x\np\n"));
        take_back(&tree.0).unwrap();
        assert_eq!(fs::read_to_string(tree.0.join("usr/sbin/grub-install")).unwrap(), "new");
        let names: Vec<_> =
            fs::read_dir(tree.0.join("usr/sbin")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["grub-install"]);
        assert_eq!(fs::read_to_string(tree.0.join(DATABASE)).unwrap(), "/a\n/a.x\np\n");
    }

    #[test]
    fn a_tree_without_dpkg_is_left_alone() {
        let tree = Tree::new("plain");
        fs::remove_dir(tree.0.join("var/lib/dpkg")).unwrap();
        let before = tree.all();
        add(&tree.0).unwrap();
        take_back(&tree.0).unwrap();
        assert_eq!(tree.all(), before);
    }
}
