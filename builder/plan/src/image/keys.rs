//! The keys of an image file, in one table: what is accepted, what it means, and the JSON Schema.

use alloc::string::String;
use serde_json::json;

use crate::output::WORDS;
use crate::yaml::{Key, Shape};

const TEXTS: Shape = Shape::List(&Shape::Text);

const USER: &[Key] = &[
    Key::new("name", Shape::Text, "Login name").needed(),
    Key::new("groups", TEXTS, "Further groups; they must exist in the image"),
    Key::new("shell", Shape::Text, "Login shell; /bin/bash unless given"),
    Key::new("sudo", Shape::Bool, "Whether sudo asks this user for nothing"),
    Key::new("ssh_keys", TEXTS, "Lines of authorized_keys"),
    Key::new(
        "password",
        Shape::Text,
        "A crypt(5) hash, such as `openssl passwd -6` prints; none unless given",
    ),
];

const FILE: &[Key] = &[
    Key::new("path", Shape::Text, "Absolute path in the image").needed(),
    Key::new("content", Shape::Text, "The file's text").needed(),
    Key::new("mode", Shape::Text, "Permission bits in octal; 0644 unless given"),
    Key::new("owner", Shape::Text, "user:group by names of the image; root:root unless given"),
];

const HOOK: &[Key] = &[
    Key::new("phase", Shape::Text, "The phase, which also says on which side of the chroot it runs").needed(),
    Key::new("name", Shape::Text, "Its place within the phase, such as 50-name").needed(),
    Key::new("script", Shape::Text, "The script; bash with `set -eu -o pipefail` unless it begins with #!")
        .needed(),
];

const NODE: &[Key] = &[
    Key::new("path", Shape::Text, "Absolute path in the image").needed(),
    Key::new("type", Shape::OneOf(&["block", "char"]), "Block or character device").needed(),
    Key::new("major", Shape::Whole, "Major number").needed(),
    Key::new("minor", Shape::Whole, "Minor number").needed(),
    Key::new("mode", Shape::Text, "Permission bits in octal; 0600 unless given"),
];

const LABEL: &[Key] = &[
    Key::new("path", Shape::Text, "Absolute path in the image, which must exist").needed(),
    Key::new("label", Shape::Text, "SELinux context").needed(),
];

const MKFS: &[Key] = &[
    Key::new("inode_ratio", Shape::Scalar, "Bytes of disk for each inode"),
    Key::new("journal", Shape::Scalar, "Size of the journal"),
    Key::new("reserved_percent", Shape::Whole, "Share of blocks kept for root, in percent"),
    Key::new("grow_to", Shape::Scalar, "Largest size that online growth prepares for"),
];

const NETWORK_WORD: Shape = Shape::OneOf(&dibber_model::Network::WORDS);

const NETWORK: &[Key] = &[
    Key::new("default", NETWORK_WORD, "For whatever no other rule is about; host unless given"),
    Key::new("elements", Shape::Map(&NETWORK_WORD), "By the name of an element, before the default"),
    Key::new("steps", Shape::Map(&NETWORK_WORD), "By a step, such as install.d/50-fetch, before its element"),
];

const LIMITS: &[Key] = &[
    Key::new("processes", Shape::Whole, "Processes and threads at a time; 4096 unless given"),
    Key::new("open_files", Shape::Whole, "Open files of one process; 65536 unless given"),
    Key::new("file_size", Shape::Scalar, "Size of one file that it writes; 64GiB unless given"),
];

const ONE_OR_MORE: Shape = Shape::Either("a text or a list of texts", &[Shape::Text, TEXTS]);

/// A pair of architecture and platform.
const TARGET: &[Key] = &[
    Key::new("arch", Shape::Text, "Architecture, in any spelling").needed(),
    Key::new("platform", Shape::Text, "Platform within the architecture: p9"),
];

const SECTIONS: Shape = Shape::Map(&Shape::Object("a section", SECTION));

/// Keys of one item of `disk_images` that may also stand in a section for one architecture or platform.
const SECTION: &[Key] = &[
    Key::new("release", Shape::Text, "Its release: DIB_RELEASE"),
    Key::new("elements", TEXTS, "Elements"),
    Key::new("packages", TEXTS, "Packages to install"),
    Key::new("environment", Shape::Map(&Shape::Scalar), "Variables that hooks see"),
    Key::new(
        "layout",
        Shape::Either(
            "a layout's name, `partition`, or a list of block-device nodes",
            &[Shape::Text, Shape::BlockDevices],
        ),
        "A layout by name, `partition` for a bare filesystem, or a block-device config",
    ),
    Key::new("outputs", Shape::List(&Shape::OneOf(&WORDS)), "Files that come out"),
    Key::new(
        "compression",
        Shape::OneOf(&["none", "zlib", "gzip", "zstd", "xz"]),
        "Compression of qcow2 (zlib unless given) and of an initramfs (gzip unless given; xz is for it alone)",
    ),
    Key::new("mirror", Shape::Text, "Mirror of the package archive"),
    Key::new("snapshot", Shape::Text, "A point in time of the archive, such as 20261101T000000Z"),
    Key::new(
        "security",
        Shape::Either("false or a mirror", &[Shape::Bool, Shape::Text]),
        "false leaves the security suite out; a text is its mirror",
    ),
    Key::new("kernel_args", ONE_OR_MORE, "Added to the kernel's command line"),
    Key::new("users", Shape::List(&Shape::Object("a user", USER)), "Users of the image"),
    Key::new("ssh_keys", TEXTS, "Keys that may log in as root"),
    Key::new("files", Shape::List(&Shape::Object("a file", FILE)), "Files written after installation"),
    Key::new(
        "network",
        Shape::Either("none, host or a mapping of both", &[NETWORK_WORD, Shape::Object("network", NETWORK)]),
        "Which steps have the network: host, all but those whose elements give it up, unless given",
    ),
    Key::new("hooks", Shape::List(&Shape::Object("a hook", HOOK)), "Scripts of this image's own"),
    Key::new(
        "nodes",
        Shape::List(&Shape::Object("a device node", NODE)),
        "Device nodes that no hook could make",
    ),
    Key::new(
        "labels",
        Shape::List(&Shape::Object("a label", LABEL)),
        "SELinux labels that no hook could set",
    ),
    Key::new("properties", Shape::Map(&Shape::Scalar), "Properties for Glance"),
    Key::new("size", Shape::Scalar, "Size of the disk; what it needs unless given"),
    Key::new("min_ram", Shape::Scalar, "Memory that the image needs to run: Glance's min_ram"),
    Key::new("mkfs", Shape::Object("mkfs", MKFS), "Choices for the root filesystem"),
    Key::new("limits", Shape::Object("limits", LIMITS), "What each hook may take of the building machine"),
    Key::new(
        "timeout",
        Shape::Scalar,
        "How long each hook may run, such as 90s, 30m or 2h; 6h unless given, `none` for ever",
    ),
];

/// Keys of one item of `disk_images` that are the whole image's. TripleO's are these thirteen, some of them in the table
/// above: imagename, arch, type, imageext, distro, release, builder, elements, options, packages, environment, skip_base,
/// docker_target.
const WHOLE: &[Key] = &[
    Key::new("imagename", Shape::Text, "The image's name, under which several files meet").needed(),
    Key::new("arch", ONE_OR_MORE, "Architecture, in any spelling; a list makes one image for each"),
    Key::new("type", ONE_OR_MORE, "Output formats, comma-separated, as TripleO writes them"),
    Key::new("imageext", Shape::Text, "TripleO's extension for its skip check; read, without effect here"),
    Key::new("distro", Shape::Text, "The distribution's element"),
    Key::new("builder", Shape::OneOf(&["dib"]), "TripleO's builder"),
    Key::new("options", TEXTS, "Options of disk-image-create"),
    Key::new("skip_base", Shape::Bool, "Leaves the element base out"),
    Key::new(
        "docker_target",
        Shape::Text,
        "Tag of a container image (docker, oci); the image's name unless given",
    ),
    Key::new("aci_manifest", Shape::Text, "Manifest of an aci image: the file's text"),
    Key::new(
        "ramdisk",
        Shape::Text,
        "The element that makes a ramdisk, as ramdisk-image-create has it; no disk comes out",
    ),
    Key::new("platform", Shape::Text, "A finer selector than the architecture: p9"),
    Key::new("seed", Shape::Text, "Where identities come from, instead of the image's names"),
    Key::new("proxy", Shape::Text, "Proxy for the archive"),
    Key::new("hostname", Shape::Text, "Hostname"),
    Key::new("locale", Shape::Text, "Locale, such as en_GB.UTF-8"),
    Key::new("timezone", Shape::Text, "Time zone, such as Europe/Berlin"),
    Key::new(
        "targets",
        Shape::List(&Shape::Either(
            "a target (ARCH or PLATFORM-ARCH), or its arch and platform",
            &[Shape::Text, Shape::Object("a target", TARGET)],
        )),
        "All that the image is built for; `arch` is what is built by default",
    ),
    Key::new("arches", SECTIONS, "Keys for one architecture: lists are added to, mappings updated"),
    Key::new(
        "platforms",
        SECTIONS,
        "The same for a platform (p9) or a target (PLATFORM-ARCH), after `arches`",
    ),
];

/// Keys of one item of `disk_images`.
const IMAGE: &[Key] = &{
    // Const evaluation has no iterators.
    let (mut all, mut at) = ([WHOLE[0]; WHOLE.len() + SECTION.len()], 0);
    while at < all.len() {
        all[at] = if at < WHOLE.len() { WHOLE[at] } else { SECTION[at - WHOLE.len()] };
        at += 1;
    }
    all
};

/// An image file.
pub(super) const FILE_SHAPE: Shape = Shape::Object(
    "an image file",
    &[Key::new("disk_images", Shape::List(&Shape::Object("an image", IMAGE)), "Images").needed()],
);

/// Keys that append or update when several files name one image; for all others the first file wins.
pub(super) const APPENDED: [&str; 5] = ["elements", "options", "packages", "environment", "targets"];

/// Keys whose mappings hold sections; sections of one name meet as images of one name do.
pub(super) const SECTIONED: [&str; 2] = ["arches", "platforms"];

/// Keys that a section adds to or updates; for all others the section's word replaces the image's.
pub(super) const ADDED: [&str; 13] = [
    "elements",
    "packages",
    "environment",
    "kernel_args",
    "users",
    "ssh_keys",
    "files",
    "hooks",
    "nodes",
    "labels",
    "properties",
    "mkfs",
    "limits",
];

/// The JSON Schema (draft 2020-12) of an image file.
pub fn schema() -> String {
    let mut schema = FILE_SHAPE.schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("dibber image file");
    alloc::format!("{schema:#}\n")
}
