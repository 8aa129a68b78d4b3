//! `svc-map`: the distribution's names of services, one a line.
//!
//! In: names. Out: names: a service's own if a unit of that name is installed, or else what the elements' maps say. Never:
//! a map installed into the tree.

use std::path::{Path, PathBuf};

use dibber_plan::elements::svc_map;

use super::{variable, with_file};

/// Where a unit of a service is, below the tree: systemd's, and upstart's that dib still looks for.
const UNITS: [(&str, &str); 3] =
    [("usr/lib/systemd/system", "service"), ("lib/systemd/system", "service"), ("etc/init", "conf")];

pub(super) fn main(arguments: &[String]) -> i32 {
    let read = || {
        let elements = with_file("svc-map").map_err(|e| format!("cannot read the elements' maps: {e}"))?;
        svc_map::read(&elements, &variable("DISTRO_NAME")).map_err(|e| e.to_string())
    };
    let services = match read() {
        Ok(services) => services,
        Err(why) => {
            eprintln!("svc-map: {why}");
            return 1;
        }
    };
    let root = tree();
    for name in arguments {
        println!("{}", svc_map::lookup(&services, name, is_installed(&root, name)));
    }
    0
}

/// The tree, on whichever side this is.
fn tree() -> PathBuf {
    let outside = Path::new(dibber_sandbox::BUILD).join("mnt");
    if outside.is_dir() { outside } else { PathBuf::from("/") }
}

fn is_installed(root: &Path, name: &str) -> bool {
    UNITS.iter().any(|(dir, end)| root.join(dir).join(format!("{name}.{end}")).exists())
}
