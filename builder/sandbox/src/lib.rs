//! Where hooks run. A hook of diskimage-builder is a program that expects to be root and to mount, chroot and install as it likes;
//! here it is root of a user namespace only, in mount, pid, ipc and uts namespaces in which the host is read-only and nothing can stay
//! behind. No privilege of the host's is needed or lent.
//!
//! In: a job, two directories that it may write, hooks. Out: what the hooks printed, how they ended, what they asked
//! for. Never: the host's root inside, a mount that outlives the build, a process that does.
//!
//! Four processes, each started by the one before:
//! - the program that the person started ([`start_worker`]) keeps the host's identity;
//! - a supervisor enters the namespaces and waits: when the person's process is gone, it ends everything;
//! - process 1 of the new pid namespace makes the root, then reaps;
//! - the driver, given to [`enter`], runs the steps. Each of its hooks ([`run_hook`]) gets namespaces of its own inside.
//!
//! Programs of the host that the person's process runs itself are here as well ([`attended`]), and what ends all of them
//! ([`interrupts`]): what the kernel has for either is `unsafe` to call, and no other crate has any of that.
//!
//! The person's program and the hooks' first process are the same file, told apart by the name that it is called by.

pub mod attended;
mod channel;
mod confinement;
mod devices;
mod emulator;
mod engine;
mod error;
mod finding;
mod given;
mod grants;
mod hook;
mod host_files;
mod id_helpers;
mod ids;
pub mod interpreter;
pub mod interrupts;
mod isolation;
mod kernel;
mod limits;
mod messages;
mod mounts;
mod network;
mod probe;
mod process;
mod remedy;
mod run_dir;
mod scratch;
mod seccomp;
mod serde_path;
mod settings;
mod start;
mod subordinate_ids;
mod terminal;
mod trial;
mod without_store;
mod worker;

pub use dibber_shim::{DEVICE, LoaderRequest, MAJORS, MINORS, MountRequest, MountSource};
pub use emulator::{BinfmtMisc, Emulator};
pub use error::SandboxError;
pub use finding::{Finding, FindingState};
pub use given::Given;
pub use grants::{SandboxGrants, give_to_sandbox, is_own};
pub use hook::name_servers::{NameServers, is_lent};
pub use hook::output::OutputStream;
pub use hook::shell::run_shell;
pub use hook::{
    HookCommand, HookInvocation, HookResult, environment_reader, is_read_by_bash, read_environment, run_hook,
};
pub use interpreter::NativePrograms;
pub use isolation::{Concessions, Isolation};
pub use kernel::is_output_closed;
pub use probe::{probe, probe_by_trial};
pub use start::{Worker, start_worker};
pub use without_store::without_store;
pub use worker::{DriverInput, enter, is_visible_to_hooks};

/// The store, as the driver sees it. No hook sees it.
pub const STORE: &str = "/run/dibber/store";
/// The download cache, as the driver and host-side hooks see it.
pub const CACHE: &str = "/run/dibber/cache";
/// The stage directory, as the driver sees it. No hook sees it.
pub const STAGE: &str = "/run/dibber/stage";
/// `TMP_BUILD_DIR`, as host-side hooks see it.
pub const BUILD: &str = "/run/dibber/build";
/// Where host-side hooks work, and leave files for whoever builds: it is dib's caller's directory there.
pub const WORK: &str = "/run/dibber/build/work";
/// dib's `TMP_IMAGE_DIR`.
pub const TMP_IMAGE_DIR: &str = "/run/dibber/build/image";
/// The hooks, as hooks in the chroot see them (dib's name for it).
pub const IN_TARGET: &str = "/tmp/in_target.d";
/// What a native step hands to the program that it runs.
pub const STAGED: &str = "/run/dibber/staged";
/// Programs of ours that stand in for the host's, first in every hook's `PATH`.
pub const SHIMS: &str = "/run/dibber/shim";
/// The host name inside.
const HOSTNAME: &str = "dibber";

/// Where the sandbox's own things are, and the template of a hook's root.
const OWN: &str = "/run/dibber";
const TEMPLATE: &str = "/run/dibber/root";
/// The names by which this program knows that it was started by itself.
const WORKER: &str = "dibber-worker";
const HOOK: &str = "dibber-hook";
