//! The last steps of a hook's process before it is the hook: signals, descriptors, limits and variables become what dib-run-parts
//! gives a hook, then the program is executed.
//!
//! In: a spec. Out: the program, in this process. Never: a descriptor, signal or variable of ours passed on.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::hook::pty;
use crate::messages::{HookAction, HookSpec};
use crate::{BUILD, CACHE, IN_TARGET, SHIMS, TMP_IMAGE_DIR, WORK, kernel, limits, seccomp};

/// Where the shell notes which file of environment.d it reads.
pub(crate) const READING: &str = "/run/dibber/environment-file";
/// Where shims note requests, as [`dibber_shim::RECORD`] tells them.
pub(crate) const RECORD: &str = "/run/dibber/record";
/// Where the environment is written when it is asked for.
pub(crate) const ENVIRONMENT: &str = "/run/dibber/environment";

const STANDARD: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A script of bash that reads files of environment.d as dib-run-parts does, in a function under `set -eu -o pipefail`, then becomes a
/// program, which inherits variables only. Its arguments: how many files there are, the files, the program's words. `note` is a file in
/// which it says what it reads, so that an end there can be told.
///
/// The files share this shell, and may do to it what they may do to dib's: set arguments, options, `IFS`, `noclobber`, a directory to work in,
/// functions by any name. So nothing that comes after a file depends on these: the loop took its words before the first file was read, the
/// program's words are arguments of the script and not of the function, and what is called afterwards is bash's own. Options stay as a file
/// leaves them for the next one. A trap on EXIT runs when the program has ended.
pub fn environment_reader(note: &str) -> String {
    format!(
        r#"
set -eu -o pipefail
DIBBER_FILES=("${{@:2:$1}}")
dibber_read_environment() {{
    for DIBBER_FILE in "${{DIBBER_FILES[@]}}"; do
        builtin printf %s "$DIBBER_FILE" >|{note}
        source "$DIBBER_FILE"
    done
}}
dibber_read_environment
builtin unset -v DIBBER_FILES DIBBER_FILE
: >|{note}
builtin shift "$(($1 + 1))"
# To exec, an empty script is no program; to dib-run-parts it is one that does nothing.
if builtin test -f "$1" -a ! -s "$1"; then
    builtin exit 0
fi
if builtin test -n "$(builtin trap -p EXIT)"; then
    "$@"
    builtin exit
fi
builtin exec -- "$@"
"#
    )
}

/// Becomes the hook, on a terminal if it is given one. Returns only if that fails, with why.
pub(crate) fn become_hook(spec: &HookSpec, terminal: Option<&OwnedFd>) -> String {
    if let Err(error) = clean_slate().and_then(|()| limits::bound_hook(&spec.limits)) {
        return format!("cannot prepare the process: {error}");
    }
    if let Err(error) = enter_directory(spec) {
        return format!("cannot enter the directory that the hook is to work in: {error}");
    }
    if let Some(Err(error)) = terminal.map(pty::adopt) {
        return format!("cannot give the shell its terminal: {error}");
    }
    if let Err(error) = seccomp::install() {
        return format!("cannot refuse system calls, as a kernel with CONFIG_SECCOMP_FILTER does: {error}");
    }
    let (program, arguments) = program(spec);
    let variables = variables(spec);
    let mut bash = Command::new("/bin/bash");
    bash.args(["--noprofile", "--norc"]).env_clear().envs(&variables);
    if !spec.environment_files.is_empty() {
        let files = spec.environment_files.iter().map(|file| format!("{}/{file}", hooks(spec)));
        bash.args(["-c", &environment_reader(READING), "bash", &files.len().to_string()]);
        bash.args(files).arg(&program).args(&arguments);
        return format!("cannot start bash, which reads environment.d: {}", bash.exec());
    }
    // What no kernel starts dib-run-parts starts all the same, as it is itself a script of bash, which reads such a file as its own.
    if matches!(spec.action, HookAction::Script(_)) && is_read_by_bash(Path::new(&program)) {
        let error = bash.arg("--").arg(&program).args(&arguments).exec();
        return format!("{program} has no `#!` line, and bash, which reads it then, cannot start: {error}");
    }
    let error = Command::new(&program).args(&arguments).env_clear().envs(&variables).exec();
    format!("cannot start {program}: {error} (is the program of its first line there?)")
}

/// Whether a script has neither a `#!` line nor is a program. To ask the kernel would not do: the C library's execvp(3) answers for it, and
/// starts /bin/sh.
#[expect(clippy::disallowed_methods, reason = "the hook's own process opens what it is about to become")]
pub fn is_read_by_bash(script: &Path) -> bool {
    let mut start = [0; 4];
    let read = std::fs::File::open(script).and_then(|mut file| file.read(&mut start));
    read.is_ok_and(|length| !start[..length].starts_with(b"#!") && start[..length] != *b"\x7fELF")
}

fn clean_slate() -> Result<(), std::io::Error> {
    rustix::process::setsid()?;
    kernel::default_signals();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // An addition to the namespaces, where the kernel has it.
    let _ = kernel::scope_to_descendants();
    kernel::close_on_exec()
}

/// Outside the tree, where dib's hooks have the caller's directory and leave files for them, it is [`WORK`].
fn enter_directory(spec: &HookSpec) -> rustix::io::Result<()> {
    match rustix::process::chdir(if spec.chroot { "/" } else { WORK }) {
        // A hook may have taken it away.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => rustix::process::chdir("/"),
        other => other,
    }
}

fn hooks(spec: &HookSpec) -> String {
    if spec.chroot { IN_TARGET.to_owned() } else { format!("{BUILD}/hooks") }
}

fn program(spec: &HookSpec) -> (String, Vec<String>) {
    match &spec.action {
        HookAction::Script(path) => (format!("{}/{path}", hooks(spec)), Vec::new()),
        HookAction::Command(words) => {
            let mut words = words.iter().cloned();
            (words.next().unwrap_or_default(), words.collect())
        }
        HookAction::Environment => {
            (format!("{SHIMS}/{}", dibber_shim::PRINT_ENVIRONMENT), vec![ENVIRONMENT.to_owned()])
        }
        HookAction::Shell => ("/bin/sh".to_owned(), vec!["-i".to_owned()]),
    }
}

/// A hook's variables: the spec's, then those that only the sandbox knows.
fn variables(spec: &HookSpec) -> BTreeMap<String, String> {
    let mut all = spec.variables.clone();
    let mut set = |name: &str, value: String| all.insert(name.to_owned(), value);
    set("PATH", format!("{SHIMS}:{STANDARD}"));
    set("HOME", "/root".to_owned());
    set(dibber_shim::RECORD, RECORD.to_owned());
    if matches!(spec.action, HookAction::Shell) {
        set("TERM", spec.terminal.clone());
        set("PS1", "dibber:\\w# ".to_owned());
    }
    // dib's are told inside, too, where they lead nowhere: files of environment.d are read on both sides.
    set("DIB_IMAGE_CACHE", CACHE.to_owned());
    set("TMP_BUILD_DIR", BUILD.to_owned());
    set("TMP_HOOKS_PATH", format!("{BUILD}/hooks"));
    set("TMP_IMAGE_DIR", TMP_IMAGE_DIR.to_owned());
    set("TMP_MOUNT_PATH", format!("{BUILD}/mnt"));
    if spec.chroot {
        all.remove("TMPDIR");
        return all;
    }
    set("TARGET_ROOT", format!("{BUILD}/mnt"));
    all
}
