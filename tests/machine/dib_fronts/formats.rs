//! dib's own acceptance test of its formats, as its authors wrote it: `tests/run_output_format_test.sh` of its source archive, with
//! dibber's link where it looks for dib.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use dibber_tests::accepts;
use dibber_tests::workshop::run;

use super::Fronts;

/// Stands for `docker`: the images that it knows are those of the archives in the script's directories.
const DOCKER: &str = "#!/bin/bash
set -eu
[ \"$1\" = images ] || exit 0
for archive in \"$TMPDIR\"/*/image.docker.tar; do
    [ -f \"$archive\" ] && tar -xOf \"$archive\" manifest.json
done
";

#[test]
fn dibs_own_test_of_formats() {
    let venv = std::env::var("DIBBER_DIB_VENV").expect("DIBBER_DIB_VENV: scripts/test makes one");
    let fronts = Fronts::new();
    let at = fronts.text("dib");
    fs::create_dir(&at).expect("make a directory");
    let pip = format!("{venv}/bin/pip");
    let download = [
        "--quiet",
        "download",
        "--no-deps",
        "--no-binary",
        ":all:",
        "--dest",
        &at,
        "diskimage-builder==3.43.0",
    ];
    accepts(&pip, &download);
    let archive = format!("{at}/diskimage_builder-3.43.0.tar.gz");
    accepts("tar", &["-C", &at, "--strip-components=1", "-xzf", &archive, "diskimage_builder-3.43.0/tests"]);
    for dir in ["bin", "elements", "shims", "tmp"] {
        fs::create_dir(format!("{at}/{dir}")).expect("make a directory");
    }
    symlink(fronts.shop.at("dibber"), format!("{at}/bin/disk-image-create")).expect("make a link");
    write_program(&format!("{at}/shims/sudo"), "#!/bin/sh\nexec \"$@\"\n");
    write_program(&format!("{at}/shims/docker"), DOCKER);
    let mut script = fronts.command("disk-image-create");
    script = {
        let mut command = std::process::Command::new("bash");
        command.arg(format!("{at}/tests/run_output_format_test.sh")).current_dir(&at).env_clear();
        for (name, value) in script.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    };
    let path = std::env::var("PATH").unwrap_or_default();
    script.env("PATH", format!("{at}/shims:{path}")).env("TMPDIR", format!("{at}/tmp"));
    let told = run(&mut script).well();
    for format in
        ["tar", "tgz", "squashfs", "raw", "qcow2", "docker", "aci", "tar,tgz,squashfs,raw,qcow2,docker,aci"]
    {
        let line = format!(
            "Test passed for output format{} '{format}'.",
            if format.contains(',') { "" } else { "s" }
        );
        assert!(told.out.contains(&line), "no `{line}` in:\n{}\n{}", told.out, told.err);
    }
}

fn write_program(path: &str, text: &str) {
    fs::write(Path::new(path), text).expect("write a file");
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("set a mode");
}
