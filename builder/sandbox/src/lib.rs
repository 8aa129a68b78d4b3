//! Where hooks run: namespaces in which the host is read-only and nothing can stay behind.
//!
//! In: a job, three directories that it may write, hooks. Out: what the hooks printed, how they ended, what they asked
//! for. Never: the host's root inside, a mount that outlives the build, a process that does.
//!
//! Four processes, each started by the one before:
//! - the program that the person started ([`start`]) keeps the host's identity;
//! - a keeper enters the namespaces and waits: when the person's process is gone, it ends everything;
//! - process 1 of the new pid namespace makes the root, then reaps;
//! - the driver, given to [`enter`], runs the steps. Each of its hooks ([`run`]) gets namespaces of its own inside.
//!
//! Programs of the host that the person's process runs itself are here as well ([`attended`]), and what ends all of them ([`interrupts`]): what
//! the kernel has for either is `unsafe` to call, and no other crate has any of that.
//!
//! The person's program and the hooks' first process are the same file, told apart by the name that it is called by.

mod apart;
pub mod attended;
mod devices;
mod emulator;
mod error;
mod exec;
mod given;
mod hook;
mod host;
mod ids;
pub mod interpreter;
pub mod interrupts;
mod kernel;
mod limits;
mod mend;
mod mounts;
mod network;
mod probe;
mod pty;
mod records;
mod replay;
mod root;
mod seccomp;
mod shell;
mod stage;
mod start;
mod terminal;
mod traces;
mod tree;
mod wire;
mod words;
mod worker;

pub use apart::apart;
pub use dibber_shim::{LoaderRequest, MountRequest, Mounted, Request};
pub use emulator::Emulator;
pub use emulator::Instance;
pub use error::SandboxError;
pub use given::Given;
pub use hook::{HookCall, HookEnd, Native, Stream, What, environment, run};
pub use host::is_visible;
pub use ids::{IDS, ROOT_RANGE};
pub use kernel::is_output_closed;
pub(crate) use kernel::{die_with_caller, is_ignored, unblock};
pub use probe::{Finding, State, attempt, probe};
pub use shell::shell;
pub use start::{Grants, Worker, hand_over, is_own, start};
pub use worker::{Inside, enter};

/// The store, as the driver sees it. No hook sees it.
pub const STORE: &str = "/run/dibber/store";
/// The download cache, as the driver and host-side hooks see it.
pub const CACHE: &str = "/run/dibber/cache";
/// The stage directory, as the driver sees it. No hook sees it.
pub const STAGE: &str = "/run/dibber/stage";
/// `TMP_BUILD_DIR`, as host-side hooks see it.
pub const BUILD: &str = "/run/dibber/build";
/// The hooks, as hooks in the chroot see them (dib's name for it).
pub const IN_TARGET: &str = "/tmp/in_target.d";
/// What a native step hands to the program that it runs.
pub const STAGED: &str = "/run/dibber/staged";
/// Programs of ours that stand in for the host's, first in every hook's `PATH`.
pub const SHIMS: &str = "/run/dibber/shim";
/// The host name inside.
pub const HOSTNAME: &str = "dibber";

/// Where the sandbox's own things are, and the template of a hook's root.
const OWN: &str = "/run/dibber";
const TEMPLATE: &str = "/run/dibber/root";
/// The names by which this program knows that it was started by itself.
const WORKER: &str = "dibber-worker";
const HOOK: &str = "dibber-hook";
