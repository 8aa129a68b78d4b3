//! What hooks may expect of dib's driver: its variables, one row for each that it exports.
//!
//! Hooks are written for `disk-image-create`, many of them with `set -u`: a variable that dib's driver always has must be there. What a
//! row says is done by whoever knows the value: the plan, the steps of a build (places), or the sandbox. `tests/machine/dib_environment.rs` asks
//! dib itself what a hook of each phase is given, and finds every difference in this table.
//!
//! In: nothing. Out: rows. Never: a value that one build has and another has not; ids of steps need not cover what stands here.

/// Where a variable's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    /// This text, unless another is declared.
    Text(&'static str),
    /// A place in the sandbox, which the steps of a build know.
    Place,
    /// The plan: it follows from the image, its elements and its disk.
    Planned,
    /// The process itself, as any shell has it.
    Process,
    /// Not given, for this reason.
    Withheld(&'static str),
}

/// A variable or exported function of dib's driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverVariable {
    /// Its name.
    pub name: &'static str,
    /// Where its value comes from.
    pub provision: Provision,
}

const fn text(name: &'static str, value: &'static str) -> DriverVariable {
    DriverVariable { name, provision: Provision::Text(value) }
}

const fn place(name: &'static str) -> DriverVariable {
    DriverVariable { name, provision: Provision::Place }
}

const fn planned(name: &'static str) -> DriverVariable {
    DriverVariable { name, provision: Provision::Planned }
}

const fn process(name: &'static str) -> DriverVariable {
    DriverVariable { name, provision: Provision::Process }
}

const fn withheld(name: &'static str, why: &'static str) -> DriverVariable {
    DriverVariable { name, provision: Provision::Withheld(why) }
}

/// By which systemctl works on files and does nothing else, with success, as it does in dib's chroot (systemd's docs/ENVIRONMENT.md). Here a hook's first
/// process has the tree as its root as well, so systemd cannot tell.
pub const SYSTEMD_OFFLINE: &str = "SYSTEMD_OFFLINE";

/// Why a hook is not told who called the builder.
const CALLER: &str = "it tells of whoever calls the builder, on whom no image depends";

/// Every variable that a hook of dib finds and that dib's driver, or the `sudo` that it calls, has set.
pub const DRIVER: [DriverVariable; 52] = [
    planned("ARCH"),
    planned("DIB_ARGS"),
    planned("DIB_BOOT_LABEL"),
    planned("DIB_ENV"),
    planned("DIB_MANIFEST_SAVE_DIR"),
    planned("DIB_MOUNTPOINTS"),
    planned("DIB_ROOT_FSTYPE"),
    planned("DIB_ROOT_LABEL"),
    planned("FS_TYPE"),
    planned("IMAGE_BLOCK_DEVICE"),
    planned("IMAGE_BLOCK_DEVICES"),
    planned("IMAGE_ELEMENT"),
    planned("IMAGE_NAME"),
    planned("LC_ALL"),
    planned("SKIP_BASE"),
    place("BASH_FUNC_die%%"),
    place("BASH_FUNC_get_image_element_array%%"),
    place("DIB_IMAGE_CACHE"),
    place("DIB_PYTHON_EXEC"),
    place("ELEMENTS_PATH"),
    place("HOME"),
    place("IMAGE_ELEMENT_YAML"),
    place("PATH"),
    place("TARGET_ROOT"),
    place("TMP_BUILD_DIR"),
    place("TMP_HOOKS_PATH"),
    place("TMP_IMAGE_DIR"),
    place("TMP_MOUNT_PATH"),
    place("_LIB"),
    text("DIB_CHECKSUM", "0"),
    text("DIB_DEBUG_TRACE", "0"),
    text("DIB_DEFAULT_INSTALLTYPE", "source"),
    // The sandbox's own: hooks of one image run one after another, and downloads are locked by the store.
    text("DIB_LOCKFILES", "/run/lock"),
    text("DIB_MANIFEST_IMAGE_DIR", "/etc/dib-manifests"),
    text("DIB_MIN_TMPFS", "2"),
    text("DIB_NO_TMPFS", "0"),
    text("DIB_OFFLINE", ""),
    text("IMAGE_TYPE", "qcow2"),
    text("LOGNAME", "root"),
    text("OUT_IMAGE_PATH", ""),
    text("SHELL", "/bin/bash"),
    text("TERM", "unknown"),
    text("USER", "root"),
    process("OLDPWD"),
    process("PWD"),
    process("SHLVL"),
    process("_"),
    withheld("BASH_FUNC__ps4%%", "it dresses up traces of dib's own driver"),
    withheld("PS4", "it dresses up traces of dib's own driver"),
    withheld(
        "DIB_BLOCK_DEVICE_PARAMS_YAML",
        "it is a file between two programs of dib's; the disk is made when all hooks have run",
    ),
    withheld(
        "DIB_IMAGE_SIZE",
        "how large the disk is is known when all hooks have run; what is declared stays, in GiB, where dib puts KiB",
    ),
    withheld("SUDO_*", CALLER),
];

/// The text that a variable has unless another one is declared.
pub fn default_text(name: &str) -> Option<&'static str> {
    DRIVER.iter().find(|row| row.name == name).and_then(|row| match row.provision {
        Provision::Text(text) => Some(text),
        _ => None,
    })
}

/// All variables that have a text unless another one is declared.
pub fn default_texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    DRIVER.iter().filter_map(|row| match row.provision {
        Provision::Text(text) => Some((row.name, text)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_row() {
        let names: alloc::collections::BTreeSet<&str> = DRIVER.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), DRIVER.len());
    }
}
