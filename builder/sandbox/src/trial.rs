//! The driver of a worker that is started by `dibber doctor` alone: it tries what every build needs, and does nothing else.
//!
//! In: the store, as the driver sees it. Out: an exit code. Never: anything left in the store.
#![expect(clippy::disallowed_methods, reason = "a directory that the trial made")]

use std::fs;

use dibber_model::Arch;
use rustix::mount::MountFlags;

use crate::emulator::BinfmtMisc;
use crate::{SHIMS, STORE};

/// Exit code of a trial in which everything works.
pub(crate) const WORKS: i32 = 0;
/// Exit code of a trial in which overlays cannot be mounted.
const NO_OVERLAY: i32 = 1;
/// Exit code of a trial in which overlays work, and binfmt_misc does not.
pub(crate) const NO_BINFMT_MISC: i32 = 2;

/// Mounts an overlay on the store, as layers are mounted, then registers an interpreter. The driver's exit code.
pub(crate) fn run_trial() -> i32 {
    let dir = |name: &str| format!("{STORE}/{name}");
    let made = ["lower", "upper", "work", "merged"].map(|name| fs::create_dir_all(dir(name)));
    let options = format!(
        "lowerdir={},upperdir={},workdir={},userxattr,volatile",
        dir("lower"),
        dir("upper"),
        dir("work")
    );
    let options = std::ffi::CString::new(options).expect("paths of ours have no NUL");
    let mounted =
        rustix::mount::mount("overlay", dir("merged"), "overlay", MountFlags::empty(), options.as_c_str());
    let written = fs::write(dir("merged/file"), "written");
    // An overlay's work directory belongs to the sandbox's root, so it goes from inside.
    let _ = rustix::mount::unmount(dir("merged"), rustix::mount::UnmountFlags::DETACH);
    let _ = ["lower", "upper", "work", "merged"].map(|name| fs::remove_dir_all(dir(name)));
    if made.iter().any(Result::is_err) || mounted.is_err() || written.is_err() {
        return NO_OVERLAY;
    }
    // The program itself stands for an emulator: no program of that architecture is run here.
    let foreign = Arch::all().find(|arch| arch.kernel_name() != std::env::consts::ARCH);
    let own = BinfmtMisc::open().and_then(|own| match foreign {
        Some(arch) => own.register("trial", arch, &format!("{SHIMS}/dibber")),
        None => Ok(()),
    });
    if own.is_ok() { WORKS } else { NO_BINFMT_MISC }
}
