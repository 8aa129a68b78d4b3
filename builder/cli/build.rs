//! Elements, layouts and images are part of the program: it is compiled again when they change, and knows which of them can
//! be run, which their bytes alone do not say.
#![expect(clippy::disallowed_methods, reason = "the program's own source")]

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let top = Path::new("../..");
    for dir in ["elements", "layouts", "images"] {
        println!("cargo:rerun-if-changed=../../{dir}");
    }
    let mut found = Vec::new();
    executables(top, Path::new("elements"), &mut found)?;
    found.sort();
    let list = format!("{found:#?}");
    let out =
        env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(out.join("executables.rs"), format!("&{list}"))
}

fn executables(top: &Path, dir: &Path, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(top.join(dir))? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        let meta = entry.metadata()?;
        if meta.is_dir() {
            executables(top, &path, found)?;
        } else if meta.permissions().mode() & 0o111 != 0 {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}
