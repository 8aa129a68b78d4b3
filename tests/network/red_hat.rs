//! Images of Red Hat's family by diskimage-builder's own elements: `yum-minimal`, from a repository of small packages.
//!
//! In: dib's virtual environment (`DIBBER_DIB_VENV`), rpmbuild, createrepo_c, dnf, Debian's archive for the programs of the tree. Out: what is in
//! the image. Never: a mirror of Red Hat's.

use std::fs;

use dibber_tests::accepts;
use dibber_tests::served::Served;
use dibber_tests::workshop::{USER, Workshop};
use serde_json::Value;

use crate::upstream::elements;

/// What a maintainer of such a system writes, as dib's `centos-minimal` does.
const ENVIRONMENT: &str = "export DISTRO_NAME=trial\nexport DIB_RELEASE=9\nexport YUM=dnf\n\
    export DIB_YUM_MINIMAL_BOOTSTRAP_PACKAGES=trial-release\n";

/// The bootstrap is dnf's and rpm's of the host, with mounts in the tree; then the tree's own install packages, as an ordinary user.
#[test]
fn yum_minimal_is_built_from_a_repository() {
    let served = Served::new();
    let make = concat!(env!("CARGO_MANIFEST_DIR"), "/network/red_hat/make-repository");
    accepts(make, &[served.dir().to_str().expect("UTF-8"), &served.url()]);
    let shop = Workshop::of(Some(USER));
    shop.write("trial-os/element-deps", "yum-minimal\npackage-installs\n");
    shop.write("trial-os/element-provides", "operating-system\n");
    shop.write("trial-os/environment.d/10-trial-os.bash", ENVIRONMENT);
    shop.write("trial-os/package-installs.yaml", "hello:\nkernel:\n");
    let repository = format!("[trial]\nname=trial\nbaseurl={}/\ngpgcheck=0\nenabled=1\n", served.url());
    shop.write("trial-os/yum.repos.d/trial.repo", &repository);
    let image = shop.file(
        "red.yaml",
        "disk_images:\n  - imagename: red\n    arch: x86_64\n    skip_base: true\n    elements: [trial-os]\n    outputs: [tar, vmlinuz, initrd]\n",
    );
    // The person's copy, as pip's may be where only root reads.
    accepts("cp", &["-r", &elements(), &shop.text("upstream")]);
    accepts("chmod", &["-R", "a+rX", &shop.text("upstream")]);
    let path = format!("{}:{}", shop.text("upstream"), shop.text("elements"));
    let out = shop.text("work/out");
    shop.run(&["build", &image, "--elements-path", &path, "-o", &out]).well();

    let tar = shop.text("work/out/red.tar");
    let names = accepts("tar", &["-tvf", &tar]);
    for path in ["./usr/bin/hello", "./boot/loader/entries/0-6.12.0-1.el9.x86_64.conf", "./sys/"] {
        assert!(names.lines().any(|line| line.ends_with(path)), "{path} is missing:\n{names}");
    }
    // Hooks of finalise.d and cleanup.d ran: the tree's settings are its own again.
    let content = |path: &str| accepts("tar", &["-xOf", &tar, path]);
    assert!(!content("./etc/dnf/dnf.conf").contains("/tmp/yum"));
    assert!(content("./etc/sudoers").contains("/usr/local/bin"));
    let read = |name: &str| fs::read_to_string(shop.at("work/out").join(name)).expect("an output");
    assert_eq!((read("red.vmlinuz").as_str(), read("red.initrd").as_str()), ("kernel\n", "made by dracut\n"));
    // The list of packages is that of rpm itself, in the tree's database.
    let told: Value = serde_json::from_str(&read("red.tar.json")).expect("JSON");
    let packages = told["packages"].as_array().expect("packages");
    let listed: Vec<&str> =
        packages.iter().map(|package| package["name"].as_str().expect("a name")).collect();
    let tree = shop.text("unpacked");
    accepts("mkdir", &[&tree]);
    accepts("tar", &["-xf", &tar, "-C", &tree, "./var/lib/rpm"]);
    let database = format!("{tree}/var/lib/rpm");
    let mut by_rpm: Vec<String> = accepts("rpm", &["--dbpath", &database, "-qa", "--qf", "%{NAME}\\n"])
        .lines()
        .map(str::to_string)
        .collect();
    by_rpm.sort();
    assert_eq!(listed, by_rpm);
    assert!(listed.contains(&"filesystem") && listed.contains(&"hello"));
}
