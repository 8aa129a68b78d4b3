//! Variables of the caller's environment: those that dib's driver reads itself, and which of all others hooks are given.
//!
//! dib gives hooks the caller's whole environment. Here they get what is meant for them: every `DIB_*`, those of elements that are called
//! otherwise, and what the driver reads. So an image does not depend on what else somebody's shell has.
//!
//! In: a name. Out: what it comes to. Never: a value.

use alloc::string::String;

/// What a variable of dib's driver comes to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableEffect {
    /// It belongs to the image: image files have it under `environment:`.
    Image,
    /// It says how the command goes about its work.
    Command,
    /// Nothing, for a reason, which a build says.
    None(&'static str),
}

/// What is true of a variable.
#[derive(Clone, Copy, Debug)]
pub struct VariableFacts {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// What it comes to here.
    pub effect: VariableEffect,
}

const fn image(name: &'static str, help: &'static str) -> VariableFacts {
    VariableFacts { name, help, effect: VariableEffect::Image }
}

const fn command(name: &'static str, help: &'static str) -> VariableFacts {
    VariableFacts { name, help, effect: VariableEffect::Command }
}

const fn none(name: &'static str, help: &'static str, why: &'static str) -> VariableFacts {
    VariableFacts { name, help, effect: VariableEffect::None(why) }
}

const NO_TMPFS: &str = "no tmpfs is used: trees are layers in the cache";
const NO_PYTHON: &str = "dibber is one program and needs no Python";
const SEE_SHOW: &str = "`dibber show` lists what an image holds";

/// What dib's driver reads, one row for each.
pub const VARIABLES: [VariableFacts; 39] = [
    command(
        "ELEMENTS_PATH",
        "directories of elements, the first that has an element wins; the built-in ones come last",
    ),
    command("ARCH", "architecture, where `-a` gives none"),
    command("IMAGE_NAME", "name of the files, where `-o` gives none"),
    command("RAMDISK_ELEMENT", "the element of ramdisk-image-create, where `--ramdisk-element` gives none"),
    command("SKIP_BASE", "1: as `-n`"),
    command("CLEAR_ENV", "1: as `-c`"),
    command("DIB_OFFLINE", "anything: as `--offline`"),
    command("DIB_CHECKSUM", "1, md5, sha256 or md5,sha256: which sums are written; `--checksum` is 1"),
    command("DIB_IMAGE_CACHE", "as `--image-cache`"),
    command("DIB_QUIET", "1: no output but in the log file; 0: both"),
    command("DIB_NO_TIMESTAMP", "1: lines of standard output have no time before them"),
    command("OVERWRITE_OLD_IMAGE", "1: an image of that name is replaced, and not renamed with its date"),
    command("ACI_MANIFEST", "file with the manifest of an aci image"),
    command("break", "breakpoints: before-PHASE, after-PHASE, after-error"),
    command("break_cmd", "what is run at a breakpoint instead of a shell"),
    command("break_outside_target", "anything: the shell of a phase inside the tree opens outside of it"),
    image("FS_TYPE", "filesystem of the root"),
    image("ROOT_LABEL", "label of the root filesystem, where `--root-label` gives none"),
    image("DIB_IMAGE_SIZE", "size of the disk in GiB"),
    image("DIB_IMAGE_EXTRA_SIZE", "room on the root filesystem beyond its content, in MiB"),
    image("DIB_JOURNAL_SIZE", "size of the journal in MiB"),
    image("MAX_ONLINE_RESIZE", "blocks of 4 KiB that the root filesystem can grow to"),
    image("QEMU_IMG_OPTIONS", "options of the qcow2, where `--qemu-img-options` gives none"),
    image("DIB_BLOCK_SIZE", "size of a sector: 512 or 4096"),
    image("DIB_BLOCK_DEVICE_CONFIG", "block-device config, as YAML or as file://PATH"),
    image("DIB_DEFAULT_INSTALLTYPE", "how elements that can do both install: source or package"),
    image("DIB_DEBUG_TRACE", "how much hooks trace; each `-x` adds one"),
    none("DIB_NO_TMPFS", "whether a tmpfs is used", NO_TMPFS),
    none("DIB_MIN_TMPFS", "least size of a tmpfs", NO_TMPFS),
    none("TMP_DIR", "where dib builds", "trees are built in the cache, and files beside the outputs"),
    none("DIB_LOCKFILES", "where dib keeps its locks", "locks are in the cache"),
    none("DIB_GZIP_BIN", "program that packs a tgz", "gzip is written by dibber itself"),
    none("DIB_SHOW_IMAGE_USAGE", "a list of large files", SEE_SHOW),
    none("DIB_SHOW_IMAGE_USAGE_FULL", "a list of all files", SEE_SHOW),
    image(
        "DIB_BAREMETAL_KERNEL_PATTERN",
        "which file of /boot is the kernel that comes out, with the next one; else the newest",
    ),
    image("DIB_BAREMETAL_INITRD_PATTERN", "which file of /boot is its ramdisk"),
    none(
        "DIB_MANIFEST_SAVE_DIR",
        "where manifests are put beside the image",
        "they are in the image, and described in NAME.d",
    ),
    none("RUN_PARTS_REGEX", "which names hooks have", "hooks are what dib takes for hooks without it"),
    none("DIB_PYTHON_EXEC", "the Python that runs dib", NO_PYTHON),
];

/// Beginnings of the names of variables that are for elements: dib's own, and those of its elements that are called otherwise
/// (rhel-common, gentoo).
const FOR_ELEMENTS: [&str; 3] = ["DIB_", "REG_", "GENTOO_"];

/// Further variables that dib's elements read, and their README files name.
const NAMED: [&str; 6] =
    ["BASE_IMAGE_FILE", "BASE_IMAGE_TAR", "NO_SOURCE_REPOSITORIES", "DISTRO_NAME", "EFI_BOOT_DIR", "YUM"];

/// What dib sets itself, or what holds for the command alone.
const NOT_GIVEN: [&str; 7] = [
    "DIB_ARGS",
    "DIB_ENV",
    "DIB_OFFLINE",
    "DIB_CHECKSUM",
    "DIB_IMAGE_CACHE",
    "DIB_QUIET",
    "DIB_NO_TIMESTAMP",
];

/// Whether hooks are given this variable of the caller's environment.
pub fn is_given_to_hooks(name: &str) -> bool {
    let facts = VARIABLES.iter().find(|facts| facts.name == name);
    match facts.map(|facts| facts.effect) {
        Some(VariableEffect::Image) => true,
        Some(VariableEffect::Command | VariableEffect::None(_)) => false,
        None if NOT_GIVEN.contains(&name) => false,
        None => NAMED.contains(&name) || FOR_ELEMENTS.iter().any(|begin| name.starts_with(begin)),
    }
}

/// Names and beginnings of names that hooks are given, for people: `DIB_*`.
pub fn given_names() -> String {
    let beginnings = FOR_ELEMENTS.iter().map(|begin| alloc::format!("{begin}*"));
    let named = NAMED.iter().map(|name| alloc::string::ToString::to_string(name));
    beginnings.chain(named).collect::<alloc::vec::Vec<_>>().join(", ")
}
