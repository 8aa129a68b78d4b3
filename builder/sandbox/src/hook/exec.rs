//! The last steps of a hook's process before it is the hook: signals, descriptors, limits and variables become what dib-run-parts
//! gives a hook, then the program is executed.
//!
//! In: a spec. Out: the program, in this process. Never: a descriptor, signal or variable of ours passed on.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::hook::pty;
use crate::messages::{HookAction, HookSpec};
use crate::{BUILD, CACHE, IN_TARGET, SHIMS, kernel, limits, seccomp};

/// Where the shell notes which file of environment.d it reads.
pub(crate) const READING: &str = "/run/dibber/environment-file";
/// Where shims note requests, as [`dibber_shim::RECORD`] tells them.
pub(crate) const RECORD: &str = "/run/dibber/record";
/// Where the environment is written when it is asked for.
pub(crate) const ENVIRONMENT: &str = "/run/dibber/environment";

const STANDARD: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Reads the files of environment.d as dib-run-parts does, under `set -eu -o pipefail`, then becomes the program. The
/// program inherits variables only.
const READER: &str = r#"
while [ "$1" != -- ]; do
    printf %s "$1" >"$DIBBER_READING"
    set -eu -o pipefail
    source "$DIBBER_HOOKS/$1"
    shift
done
shift
: >"$DIBBER_READING"
unset DIBBER_READING DIBBER_HOOKS
exec "$@"
"#;

/// Becomes the hook, on a terminal if it is given one. Returns only if that fails, with why.
pub(crate) fn become_hook(spec: &HookSpec, terminal: Option<&OwnedFd>) -> String {
    if let Err(error) = clean_slate().and_then(|()| limits::bound_hook(&spec.limits)) {
        return format!("cannot prepare the process: {error}");
    }
    if let Some(Err(error)) = terminal.map(pty::adopt) {
        return format!("cannot give the shell its terminal: {error}");
    }
    if let Err(error) = seccomp::install() {
        return format!("cannot refuse system calls, as a kernel with CONFIG_SECCOMP_FILTER does: {error}");
    }
    let (program, arguments) = program(spec);
    let variables = variables(spec);
    let mut command = if spec.environment_files.is_empty() {
        Command::new(&program)
    } else {
        let mut shell = Command::new("/bin/bash");
        shell.args(["--noprofile", "--norc", "-c", READER, "bash"]).args(&spec.environment_files);
        shell.arg("--").arg(&program);
        shell.env_clear().env("DIBBER_READING", READING).env("DIBBER_HOOKS", hooks(spec));
        shell.args(&arguments).envs(variables);
        return format!("cannot start bash, which reads environment.d: {}", shell.exec());
    };
    command.args(&arguments).env_clear().envs(variables);
    format!("cannot start {program}: {} (is the program of its first line there?)", command.exec())
}

fn clean_slate() -> Result<(), std::io::Error> {
    rustix::process::setsid()?;
    kernel::default_signals();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::chdir("/")?;
    // An addition to the namespaces, where the kernel has it.
    let _ = kernel::scope_to_descendants();
    kernel::close_on_exec()
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
    if spec.chroot {
        all.remove("TMPDIR");
        return all;
    }
    set("TMP_BUILD_DIR", BUILD.to_owned());
    set("TMP_HOOKS_PATH", format!("{BUILD}/hooks"));
    set("TMP_MOUNT_PATH", format!("{BUILD}/mnt"));
    set("TARGET_ROOT", format!("{BUILD}/mnt"));
    set("DIB_IMAGE_CACHE", CACHE.to_owned());
    all
}
