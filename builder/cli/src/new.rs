//! `dibber new`: a first element or image file to edit.
//!
//! In: a name. Out: files in the current directory. Never: an existing file changed.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dibber_model::Arch;

use crate::args::{NewArgs, NewKind};

const README: &str = "NAME\n====\n\nSay here what this element does, and which variables it reads.\n";

const ENVIRONMENT: &str = "# Sourced by bash before every hook. Defaults of this element's variables go here.\n\
                           export DIB_NAME_GREETING=${DIB_NAME_GREETING:-hello}\n";

const HOOK: &str = "#!/bin/bash\n# Runs inside the image, after packages were installed. Other phases: root.d, extra-data.d,\n\
                    # pre-install.d, post-install.d, post-root.d, pre-finalise.d, finalise.d, cleanup.d.\n\
                    set -eu\nset -o pipefail\n\necho \"$DIB_NAME_GREETING\" > /etc/NAME\n";

const PACKAGES: &str = "# Packages that this element needs, by name: `null`, or keys such as phase, arch, uninstall, when.\n\
                        # tcpdump:\n#   phase: post-install.d\n{}\n";

const IMAGE: &str = r"# Built with: dibber build ./NAME.yaml
# Every key is described by: dibber schema
disk_images:
  - imagename: NAME
    arch: ARCH
    distro: debian-minimal
    release: bookworm
    # baremetal takes kernel and initrd out; block-device-efi makes a GPT disk that boots by BIOS and UEFI.
    elements:
      - baremetal
      - vm
      - block-device-efi
      - bootloader
      - enable-serial-console
      - cloud-init-growpart
      - openssh-server
      - runtime-ssh-host-keys
      - dhcp-all-interfaces
    packages:
      - tcpdump
    # ssh_keys:
    #   - ssh-ed25519 AAAA... you@example.org
    outputs: [qcow2, vmlinuz, initrd]
";

/// Writes the files, and tells what to do next.
pub(crate) fn new(args: &NewArgs) -> io::Result<String> {
    let name = args.name.as_str();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(fits) {
        return Err(io::Error::other(format!(
            "`{name}` cannot be a name; use lower-case letters, digits and `-`"
        )));
    }
    match args.what {
        NewKind::Element => {
            let variable = name.replace('-', "_").to_uppercase();
            let fill =
                |text: &str| text.replace("DIB_NAME", &format!("DIB_{variable}")).replace("NAME", name);
            let root = Path::new(name);
            fs::create_dir(root).map_err(|e| named(root, &e))?;
            write(&root.join("README.rst"), &readme(name), 0o644)?;
            write(&root.join("element-deps"), "base\n", 0o644)?;
            write(&root.join("package-installs.yaml"), &fill(PACKAGES), 0o644)?;
            write(&root.join(format!("environment.d/10-{name}")), &fill(ENVIRONMENT), 0o644)?;
            write(&root.join(format!("install.d/50-{name}")), &fill(HOOK), 0o755)?;
            Ok(format!(
                "made element {name}/; edit install.d/50-{name}, then:\n  dibber plan overcloud-full --elements-path . -e {name}"
            ))
        }
        NewKind::Image => {
            let path = format!("{name}.yaml");
            let arch = Arch::untagged().map(Arch::kernel_name).unwrap_or_default();
            write(Path::new(&path), &IMAGE.replace("ARCH", arch).replace("NAME", name), 0o644)?;
            Ok(format!("made {path}; edit it, then:\n  dibber plan ./{path}\n  dibber build ./{path}"))
        }
    }
}

fn readme(name: &str) -> String {
    README.replace("====", &"=".repeat(name.len())).replace("NAME", name)
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|e| named(dir, &e))?;
    }
    let made = fs::File::options().write(true).create_new(true).mode(mode).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| named(path, &e))
}

fn named(path: &Path, e: &io::Error) -> io::Error {
    match e.kind() {
        io::ErrorKind::AlreadyExists => {
            io::Error::other(format!("{} exists; choose another name", path.display()))
        }
        _ => io::Error::other(format!("{}: {e}", path.display())),
    }
}
