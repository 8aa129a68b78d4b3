//! Values of variables that were meant to name a file of this machine, and under which hooks find none. A hook that tests for the file goes on
//! without it: the build ends well, in an image that nobody can enter.
//!
//! In: a plan, and this machine. Out: the first such value, with its mend. Never: an error about a path that may be the image's own: where no
//! hook outside the tree reads the variable, or where nothing says that it is a file of the person's.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use dibber_fs::passwd;
use dibber_model::Side;
use dibber_plan::{Action, HostPath, Plan};
use dibber_sandbox::is_visible_to_hooks;

/// Why hooks find no file under a variable's value.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// There is none, and the variable is one for a person's file.
    #[error(
        "{named_by} names {path}, and there is no such file on this machine; correct the path, or leave {named_by} out"
    )]
    Missing {
        /// The variable.
        named_by: String,
        /// Its value.
        path: String,
    },
    /// It cannot be seen whether there is one.
    #[error(
        "{named_by} names {path}, which cannot be reached: {source}; let the person who builds read it, or name another file"
    )]
    OutOfReach {
        /// The variable.
        named_by: String,
        /// Its value.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A pipe or a socket.
    #[error(
        "{named_by} names {path}, which is neither a file nor a directory, and the sandbox hides all else; name a file"
    )]
    NoFile {
        /// The variable.
        named_by: String,
        /// Its value.
        path: String,
    },
    /// A file of the system's that others may not read.
    #[error(
        "{named_by} names {path}, which the sandbox hides: of the system's directories hooks see what everybody may read; \
         make it readable (chmod o+r), or name a copy elsewhere, such as in your home"
    )]
    Hidden {
        /// The variable.
        named_by: String,
        /// Its value.
        path: String,
    },
    /// A path that means something to the shell or the directory of the person alone.
    #[error(
        "{variable} names {written}, which hooks do not find: the sandbox has another home and working directory; write {path}"
    )]
    Unexpanded {
        /// The variable.
        variable: String,
        /// Its value.
        written: String,
        /// The file that is meant.
        path: String,
    },
}

/// Ends of the names of variables that name a file of the person's, as elements have them.
const FILES: [&str; 9] =
    ["_KEY", "_KEYS", "_KEYRING", "_KEYFILE", "_FILE", "_CERT", "_CERTIFICATE", "_CA_BUNDLE", "_PUBKEY"];

/// Looks at all of a plan's variables.
pub(super) fn check(plan: &Plan) -> Result<(), NotFound> {
    for path in plan.host_paths.iter().filter(|path| path.unless.is_none() && is_read_outside(plan, path)) {
        check_path(path)?;
    }
    plan.variables.iter().try_for_each(|(name, value)| check_text(name, value))
}

/// Whether a hook outside the tree is the first to read it.
fn is_read_outside(plan: &Plan, path: &HostPath) -> bool {
    let first = plan.steps.get(path.from);
    first.is_some_and(|step| step.phase.side() == Side::Host && matches!(step.action, Action::Script { .. }))
}

fn check_path(host: &HostPath) -> Result<(), NotFound> {
    let HostPath { path, named_by, .. } = host;
    let (path, named_by) = (path.clone(), named_by.clone());
    // What a shell writes for `<(...)`: open in the person's process alone.
    if path.starts_with("/dev/fd/") || path.starts_with("/proc/self/") {
        return Err(NotFound::NoFile { named_by, path });
    }
    let found = match fs::metadata(&path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            // The whole of a list is none; each of its paths is looked at by itself.
            let is_list = path.contains(|c: char| c.is_whitespace() || c == ',' || c == ':');
            let is_for_a_file = !is_list && FILES.iter().any(|end| named_by.ends_with(end));
            return if is_for_a_file { Err(NotFound::Missing { named_by, path }) } else { Ok(()) };
        }
        Err(source) => return Err(NotFound::OutOfReach { named_by, path, source }),
    };
    let kind = found.file_type();
    if kind.is_fifo() || kind.is_socket() {
        return Err(NotFound::NoFile { named_by, path });
    }
    let source = fs::canonicalize(&path).unwrap_or_else(|_| PathBuf::from(&path));
    match kind.is_file()
        && is_visible_to_hooks(Path::new(&path))
        && !super::is_reached_by_all(&source, &found)
    {
        true => Err(NotFound::Hidden { named_by, path }),
        false => Ok(()),
    }
}

/// A path with `~`, or one that begins in the person's directory, and that leads to a file there.
fn check_text(variable: &str, value: &str) -> Result<(), NotFound> {
    let is_path_like = value.contains(['/', '.']) && !value.starts_with('/') && !value.contains(['\0', '\n']);
    if !is_path_like || value.len() > 4096 {
        return Ok(());
    }
    let meant = match value.strip_prefix('~') {
        Some(rest) => in_home(rest),
        None => std::env::current_dir().ok().map(|dir| dir.join(value)),
    };
    let Some(meant) = meant.filter(|path| path.is_file()) else { return Ok(()) };
    let path = fs::canonicalize(&meant).unwrap_or(meant).display().to_string();
    Err(NotFound::Unexpanded { variable: variable.to_string(), written: value.to_string(), path })
}

/// What comes after `~`: `/key.pub`, or `name/key.pub`.
fn in_home(rest: &str) -> Option<PathBuf> {
    let (name, path) = rest.split_once('/')?;
    let home = match name {
        "" => PathBuf::from(std::env::var_os("HOME")?),
        name => passwd::homes().into_iter().find(|home| home.ends_with(name))?,
    };
    Some(home.join(path))
}
