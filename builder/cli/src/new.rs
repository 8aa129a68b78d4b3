//! `dibber new`: a first element or image file to edit.
//!
//! In: a name. Out: files in the current directory. Never: an existing file changed, or half of
//! what was to be made left behind.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::{Args, ValueEnum};
use dibber_engine::failure::is_out_of_space;
use dibber_model::Arch;

use crate::exit::Exit;
use crate::report::Problem;

/// `dibber new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What to create.
    #[arg(value_enum)]
    pub(crate) what: NewKind,
    /// Name of the element or image.
    pub(crate) name: String,
}

/// What `dibber new` can start.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum NewKind {
    /// An element directory.
    Element,
    /// An image file.
    Image,
}

const README: &str = "NAME\n====\n\nSay here what this element does, and which variables it reads.\n";

const ENVIRONMENT: &str = "# Sourced by bash before every hook. Defaults of this element's variables go here.\n\
                           export DIB_NAME_GREETING=${DIB_NAME_GREETING:-hello}\n";

const HOOK: &str = "#!/bin/bash\n# Runs inside the image, after packages were installed. Other phases: root.d, extra-data.d,\n\
                    # pre-install.d, post-install.d, post-root.d, pre-finalise.d, finalise.d, cleanup.d.\n\
                    set -eu\nset -o pipefail\n\
                    if [ \"${DIB_DEBUG_TRACE:-0}\" -gt 0 ]; then set -x; fi\n\necho \"$DIB_NAME_GREETING\" > /etc/NAME\n";

const PACKAGES: &str = "# Packages that this element needs, by name: `null`, or keys such as phase, arch, uninstall, when.\n\
                        # tcpdump:\n#   phase: post-install.d\n{}\n";

const IMAGE: &str = r"# Built with: dibber build ./NAME.yaml
# Every key is described by: dibber schema
disk_images:
  - imagename: NAME
    arch: ARCH
    distro: debian-minimal
    release: trixie
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
pub(crate) fn new(args: &NewArgs) -> Result<String, Problem> {
    let name = args.name.as_str();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(fits) {
        let why = format!("`{name}` cannot be a name; use lower-case letters, digits and `-`");
        return Err(Problem::new(Exit::Input, why));
    }
    match args.what {
        NewKind::Element => {
            let root = Path::new(name);
            fs::create_dir(root).map_err(|e| problem(root, &e))?;
            // The directory is new, and so is all that is in it.
            element(name).inspect_err(|_| drop(fs::remove_dir_all(root)))?;
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

/// The files of an element, in its directory.
fn element(name: &str) -> Result<(), Problem> {
    let variable = name.replace('-', "_").to_uppercase();
    let fill = |text: &str| text.replace("DIB_NAME", &format!("DIB_{variable}")).replace("NAME", name);
    let root = Path::new(name);
    write(&root.join("README.rst"), &readme(name), 0o644)?;
    write(&root.join("element-deps"), "base\n", 0o644)?;
    write(&root.join("package-installs.yaml"), &fill(PACKAGES), 0o644)?;
    write(&root.join(format!("environment.d/10-{name}")), &fill(ENVIRONMENT), 0o644)?;
    write(&root.join(format!("install.d/50-{name}")), &fill(HOOK), 0o755)
}

fn readme(name: &str) -> String {
    README.replace("====", &"=".repeat(name.len())).replace("NAME", name)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|e| problem(dir, &e))?;
    }
    let made = fs::File::options().write(true).create_new(true).mode(mode).open(path);
    let mut file = made.map_err(|e| problem(path, &e))?;
    file.write_all(text.as_bytes()).map_err(|e| {
        // What is half a file is none.
        let _ = fs::remove_file(path);
        problem(path, &e)
    })
}

fn problem(path: &Path, error: &io::Error) -> Problem {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Problem::new(Exit::Input, format!("{} exists; choose another name", path.display()));
    }
    let exit = if is_out_of_space(error) { Exit::Space } else { Exit::Fault };
    Problem::new(exit, format!("{}: {error}", path.display()))
}
