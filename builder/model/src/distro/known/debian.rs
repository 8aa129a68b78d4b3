//! Debian, by mmdebstrap.

use crate::distro::{ArchiveFacts, DistroFacts, HostProgram, Snapshots};

pub(super) const FACTS: DistroFacts = DistroFacts {
    name: "debian",
    element: "debian-minimal",
    programs: &[
        HostProgram { name: "mmdebstrap", package: "mmdebstrap", asked_for: true },
        HostProgram { name: "apt-get", package: "apt", asked_for: false },
        HostProgram { name: "dpkg", package: "dpkg", asked_for: false },
    ],
    archive: ArchiveFacts {
        mirror: "http://deb.debian.org/debian",
        security: "http://security.debian.org/debian-security",
        snapshot: Snapshots {
            main: "https://snapshot.debian.org/archive/debian/",
            security: "https://snapshot.debian.org/archive/debian-security/",
        },
        release: "stable",
        rolling: &["testing", "unstable", "sid", "experimental"],
        updates_variable: "DIB_DEBIAN_UPDATES",
        security_variable: "DIB_DEBIAN_SECURITY_MIRROR",
        // What mmdebstrap falls back to.
        keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
    },
    tree_variables: &["DIB_DEBIAN_", "DIB_APT_", "DIB_DISTRIBUTION_"],
    native_packages: ("DIB_MMDEBSTRAP_EXTRA_ARGS", "--include=cpio,xz-utils"),
};
