//! `sudo` in hooks: outside of the chroot it may reach the building machine, inside it is not needed.
//!
//! In: an element. Out: lines, as dib-lint finds them. Never: a line that names a path of the build.

use alloc::vec::Vec;

use dibber_model::Side;
use dibber_plan::ElementSource;

use super::{phase_of, texts};
use crate::finding::Finding;
use crate::shell::{code_lines, command};

/// Words by which dib-lint takes a line for safe: paths of the build, and packages.
const SAFE: [&str; 5] =
    ["TARGET_ROOT", "IMAGE_BLOCK_DEVICE", "TMP_MOUNT_PATH", "TMP_IMAGE_PATH", "install-packages"];

/// The rules of this file.
pub(crate) fn sudo(element: &ElementSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in texts(element) {
        let Some(phase) = phase_of(path) else { continue };
        for line in code_lines(text) {
            let is_quoted = line.text.contains("\"sudo ") || line.text.contains("xargs sudo ");
            if command(&line.text, "sudo").is_none() && !is_quoted {
                continue;
            }
            let (rule, what) = match phase.side() {
                Side::Chroot => (
                    "sudo-in-chroot",
                    "hooks of this phase are root in the chroot, where sudo need not be installed; leave it out",
                ),
                Side::Host if SAFE.iter().any(|word| line.text.contains(word)) => continue,
                Side::Host => (
                    "unsafe-sudo",
                    "`sudo` outside of the chroot, and no path of the build in the line; if it is meant, end the line with `# dib-lint: safe_sudo`",
                ),
            };
            findings.push(Finding::new(rule, element, path, what).at(line.number));
        }
    }
    findings
}
