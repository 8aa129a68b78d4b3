use alloc::string::ToString;

use super::super::testing::element;
use super::*;

fn run(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
    check(&[element("e", files)])
        .map(|warnings| warnings.iter().map(ToString::to_string).collect())
        .map_err(|error| error.to_string())
}

#[test]
fn a_hook_that_is_not_executable() {
    for passed_over in [
        &[("install.d/10-x", "#!/bin/sh")][..],
        &[("install.d/10-x", "echo")],
        &[("install.d/10-x@", "../files/x"), ("files/x", "")],
    ] {
        assert_eq!(
            run(passed_over).unwrap(),
            [
                "/e/e/install.d/10-x: named as a hook, but not executable: it is passed over; if it should run, chmod +x it, else move it out of install.d"
            ]
        );
    }
    // Data beside hooks, links that run, links out of the element, and files that are sourced.
    for fine in [
        &[("install.d/dhcp.service", ""), ("extra-data.d/key.gpg", "")][..],
        &[("install.d/10-x@", "../files/x"), ("!files/x", "")],
        &[("install.d/10-x@", "/usr/bin/true")],
        &[("install.d/10-x@", "../../other/x")],
        &[("environment.d/10-x.bash", "")],
        &[("install.d/package-installs-e", "vim")],
        &[("install.d/e-package-install/10-x", "")],
    ] {
        assert_eq!(run(fine), Ok(Vec::new()), "{fine:?}");
    }
    let circle = [("install.d/10-x@", "10-y"), ("install.d/10-y@", "10-x")];
    assert_eq!(run(&circle).unwrap().len(), 2, "links in a circle");
}

#[test]
fn a_name_that_is_skipped() {
    assert_eq!(
        run(&[("!install.d/10-x.sh", "")]).unwrap(),
        [
            "/e/e/install.d/10-x.sh: will not run, because hook names have only letters, digits, `_` and `-`; rename it to `10-x`"
        ]
    );
    assert!(run(&[("!install.d/10-x~", "")]).unwrap()[0].ends_with("`10-x-`"));
    assert_eq!(run(&[("!install.d/dhcp.sh", "")]), Ok(Vec::new()), "a script that a hook copies");
}

#[test]
fn misspelt_phases() {
    for (directory, meant) in [
        ("pre-instal.d", "pre-install.d"),
        ("finalize.d", "finalise.d"),
        ("pre-finalize.d", "pre-finalise.d"),
        ("postinstall.d", "post-install.d"),
        ("extradata.d", "extra-data.d"),
        ("enviroment.d", "environment.d"),
        ("roto.d", "root.d"),
        ("install", "install.d"),
        ("Install.d", "install.d"),
    ] {
        assert_eq!(
            run(&[(&alloc::format!("{directory}/10-x"), "")]).unwrap(),
            [alloc::format!("/e/e/{directory}: nothing reads this directory; did you mean `{meant}`?")]
        );
    }
    for fine in [
        "init.d",
        "udev.d",
        "dracut.conf.d",
        "modprobe.d",
        "yum.repos.d",
        "boot.d",
        "cron.d",
        "static",
        "tests",
        "conf.d",
    ] {
        assert_eq!(run(&[(&alloc::format!("{fine}/10-x"), "")]), Ok(Vec::new()), "{fine}");
    }
}
