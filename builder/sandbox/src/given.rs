//! Files and directories of the host that a build was given by name, such as a key in the person's home.
//!
//! In: paths that a variable or a key of the image names. Out: each of them, read-only, in the hooks whose step ids know of it.
//! Never: what lies beside it.
#![expect(
    clippy::disallowed_methods,
    reason = "paths that the person named, and names of a root that holds nothing of a hook's yet"
)]

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dibber_fs::{FileId, open_with_id};
use dibber_model::Digest;
use serde::{Deserialize, Serialize};

use crate::error::{Context, SandboxError};
use crate::{OWN, mounts, serde_path};

/// A file or a directory of the host that a build was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The path under which hooks find it: as it was named.
    #[serde(with = "serde_path")]
    pub at: PathBuf,
    /// Where it is, all links followed.
    #[serde(with = "serde_path")]
    pub source: PathBuf,
    /// Which file was looked at there: somebody may put something else in its place.
    pub id: FileId,
}

/// What the sandbox's ids cannot read is copied, up to this many bytes: keys are short, and disk images can be opened up.
const COPIED: u64 = 1 << 20;

/// What was given, taken while its owner is still there to be asked.
pub(crate) enum TakenFile {
    Mount(OwnedFd),
    Copy(Vec<u8>),
}

/// Takes what was given. `as_root` says that this process is the host's root, who will not be there inside.
pub(crate) fn take_all(all: &[Given], as_root: bool) -> Result<Vec<TakenFile>, SandboxError> {
    all.iter().map(|given| take_one(given, as_root)).collect()
}

fn take_one(given: &Given, as_root: bool) -> Result<TakenFile, SandboxError> {
    let name = given.source.display();
    let open = open(given).context(format_args!("open {name}"))?;
    let found = open.metadata().context(format_args!("look at {name}"))?;
    let closed = as_root && found.is_file() && found.permissions().mode() & 0o004 == 0;
    if !closed {
        return Ok(TakenFile::Mount(mounts::copy_of(&open, &name.to_string())?));
    }
    if found.len() > COPIED {
        let text = format!(
            "hooks cannot read {name}: it is closed to others, and with {} bytes too long to be copied for them; chmod o+r {name}",
            found.len()
        );
        return Err(SandboxError::Inside { text, of_hooks: false });
    }
    let mut bytes = Vec::new();
    open.take(COPIED).read_to_end(&mut bytes).context(format_args!("read {name}"))?;
    Ok(TakenFile::Copy(bytes))
}

/// Opens what was looked at, and nothing else.
fn open(given: &Given) -> io::Result<File> {
    let (open, id) = open_with_id(&given.source)?;
    match id == given.id {
        true => Ok(open),
        false => Err(io::Error::other("somebody has put something else in its place meanwhile")),
    }
}

/// Where the driver sees the one that hooks find at a path.
fn driver_path(at: &Path) -> PathBuf {
    Path::new(OWN).join("given").join(Digest::of(at.as_os_str().as_bytes()).to_string())
}

/// Puts them where the driver sees them.
pub(crate) fn keep(all: &[Given], taken: &[TakenFile]) -> Result<(), SandboxError> {
    fs::create_dir_all(Path::new(OWN).join("given")).context("make a directory in /run")?;
    for (given, taken) in all.iter().zip(taken) {
        let at = driver_path(&given.at);
        match taken {
            TakenFile::Copy(bytes) => {
                fs::write(&at, bytes).context(format_args!("write {}", at.display()))?;
                fs::set_permissions(&at, PermissionsExt::from_mode(0o600)).context("close a copied file")?;
            }
            TakenFile::Mount(mount) => {
                mounts::restrict(mount, mounts::READ_ONLY | mounts::NO_SUID | mounts::NO_DEV)?;
                make_place(&at, is_dir(mount)?)?;
                mounts::place(mount, &at.to_string_lossy())?;
            }
        }
    }
    Ok(())
}

fn is_dir(mount: &OwnedFd) -> Result<bool, SandboxError> {
    let stat = rustix::fs::fstat(mount).context("look at what was given")?;
    Ok(rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory)
}

/// Something to mount on.
fn make_place(at: &Path, dir: bool) -> Result<(), SandboxError> {
    let make = || match dir {
        true => fs::create_dir_all(at),
        false => {
            at.parent().map_or(Ok(()), fs::create_dir_all)?;
            File::options().create(true).append(true).open(at).map(drop)
        }
    };
    if at.exists() { Ok(()) } else { make().context(format_args!("make {}", at.display())) }
}

/// Makes their places in a root that can still be written. Those in directories that each hook has of its own are made later.
pub(crate) fn make_places(all: &[Given], taken: &[TakenFile]) -> Result<(), SandboxError> {
    for (given, taken) in all.iter().zip(taken) {
        let dir = match taken {
            TakenFile::Mount(mount) => is_dir(mount)?,
            TakenFile::Copy(_) => false,
        };
        make_place(&given.at, dir)?;
    }
    Ok(())
}

/// What a hook is given of it, as copies of mounts.
pub(crate) struct HookShare(Vec<(PathBuf, OwnedFd)>);

impl HookShare {
    /// Copies those at these paths from where the driver sees them.
    pub(crate) fn copy(wanted: &[PathBuf]) -> Result<HookShare, SandboxError> {
        let copy = |at: &PathBuf| {
            let mount = mounts::copy(&driver_path(at))?;
            mounts::restrict(&mount, mounts::READ_ONLY)?;
            Ok((at.clone(), mount))
        };
        wanted.iter().map(copy).collect::<Result<_, SandboxError>>().map(HookShare)
    }

    /// Puts them in place, in a root of the hook's own.
    pub(crate) fn place(&self) -> Result<(), SandboxError> {
        for (at, mount) in &self.0 {
            make_place(at, is_dir(mount)?)?;
            mounts::place(mount, &at.to_string_lossy())?;
        }
        Ok(())
    }
}
