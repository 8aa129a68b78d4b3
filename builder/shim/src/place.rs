//! `dibber-place FROM TO [private]`: copies a directory into the tree, from inside the tree.
//!
//! In: a directory of the hooks, and where it goes. Out: the same files with their modes, owned by root, in the tree; private ones for
//! root alone. Never: a file outside the tree: it runs in the chroot, so every link leads to a place of the tree.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use dibber_fs::{PathContext, PathError};

/// Copies. Directories that are there, or links to directories, are kept; files and links are replaced.
pub(crate) fn main(_: &str, arguments: &[OsString]) -> i32 {
    let (from, to, private) = match arguments {
        [from, to] => (from, to, false),
        [from, to, word] if word == "private" => (from, to, true),
        _ => {
            eprintln!("usage: dibber-place FROM TO [private]");
            return 2;
        }
    };
    // Programs that are put on the PATH can be run, whatever their mode was where they came from (install-bin of dib).
    let mode = match (private, Path::new(from).file_name().is_some_and(|name| name == "bin")) {
        (true, _) => Some(0o600),
        (false, true) => Some(0o755),
        (false, false) => None,
    };
    let done = match Path::new(from).symlink_metadata() {
        // Nothing was handed over: the directory alone is wanted.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(to).with_path("make", Path::new(to))
        }
        _ => copy_directory(Path::new(from), Path::new(to), mode),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("dibber-place: {error}");
            1
        }
    }
}

/// Copies; without a mode for all files, each keeps its own.
fn copy_directory(from: &Path, to: &Path, mode: Option<u32>) -> Result<(), PathError> {
    make_directory(from, to)?;
    let from_here = Place::of(from).with_path("open", from)?;
    let to_here = Place::of(to).with_path("open", to)?;
    for entry in fs::read_dir(&from_here.path).with_path("read", from)? {
        let entry = entry.with_path("read", from)?;
        let (source, target) = (entry.path(), to_here.path.join(entry.file_name()));
        let kind = entry.file_type().with_path("read", &source)?;
        if kind.is_dir() {
            copy_directory(&source, &target, mode)?;
            continue;
        }
        match fs::remove_file(&target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PathError::new("remove", &target, error));
            }
            _ => {}
        }
        if kind.is_symlink() {
            let link = fs::read_link(&source).with_path("read", &source)?;
            symlink(link, &target).with_path("make", &target)?;
        } else {
            fs::copy(&source, &target).with_path("write", &target)?;
            let own = fs::metadata(&source).with_path("read", &source)?.permissions().mode() & 0o7777;
            let mode = mode.unwrap_or(own);
            fs::set_permissions(&target, fs::Permissions::from_mode(mode))
                .with_path("set the mode of", &target)?;
        }
    }
    Ok(())
}

/// A path that is longer than this is not added to: the kernel takes 4095 bytes (`PATH_MAX` of its limits.h), and a name has up to 255.
const LONGEST: usize = 3500;

/// A directory, by a path to which names can be added.
struct Place {
    path: PathBuf,
    /// What the path leads to where it is one of `/proc`.
    _open: Option<File>,
}

impl Place {
    fn of(path: &Path) -> io::Result<Place> {
        if path.as_os_str().len() <= LONGEST {
            return Ok(Place { path: path.to_path_buf(), _open: None });
        }
        let open = File::open(path)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
        Ok(Place { path, _open: Some(open) })
    }
}

/// A directory that is missing gets the mode of the one that is copied; one that is there keeps its own, as rsync has it.
fn make_directory(from: &Path, to: &Path) -> Result<(), PathError> {
    if to.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to).with_path("make", to)?;
    let mode = fs::metadata(from).with_path("read", from)?.permissions().mode();
    fs::set_permissions(to, fs::Permissions::from_mode(mode & 0o7777)).with_path("set the mode of", to)
}
