//! dib's plumbing elements, which are native.

use std::fs;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

use super::{archive, content, image, made, names};

#[test]
fn plumbing_places_files_and_chooses_install_types() {
    let shop = Workshop::new();
    shop.write("e/static/etc/deep/file", "static\n");
    shop.write("e/static/usr/tool", "#!/bin/bash\n");
    shop.write("e/bin/plain", "on the path\n");
    shop.hook("e/install.d/svc-source-install/10-svc", "echo source >> /svc");
    shop.hook("e/install.d/svc-package-install/10-svc", "echo package >> /svc");
    shop.hook("e/install.d/60-after", "[ -x /usr/local/bin/plain ] && cat /etc/deep/file > /seen");
    let elements = "[tiny-os, e, install-types, install-static, install-bin]";
    assert_eq!(made(&shop, elements, "svc"), "source\n");
    assert_eq!(content(&shop, "seen"), "static\n");
    let listed = accepts(
        "tar",
        &[
            "-tvf",
            &archive(&shop),
            "--numeric-owner",
            "./etc/deep/file",
            "./usr/tool",
            "./usr/local/bin/plain",
        ],
    );
    let modes: Vec<&str> = listed.lines().map(|line| line.split_once(' ').expect("a mode").0).collect();
    assert_eq!(modes, ["-rw-r--r--", "-rwxr-xr-x", "-rwxr-xr-x"], "{listed}");
    assert!(listed.lines().all(|line| line.contains(" 0/0 ")), "{listed}");
    let image = image(&shop, elements, &[]);
    shop.build(&image, &["--env", "DIB_INSTALLTYPE_svc=package"]).well();
    assert_eq!(content(&shop, "svc"), "package\n");
}

#[test]
fn sources_and_manifests() {
    let shop = Workshop::new();
    // Below a directory that the sandbox shows.
    let origin = tempfile::tempdir_in("/srv").expect("make a directory in /srv");
    accepts("chmod", &["755", origin.path().to_str().expect("UTF-8")]);
    let at = |name: &str| origin.path().join(name).to_str().expect("UTF-8").to_string();
    let script = format!(
        "set -eu; cd {}; export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
         git init -q -b main repo; cd repo; echo one > file; git add file; git commit -qm one; git tag v1
         echo two > file; git commit -qam two; git rev-parse v1 > ../sha; cd ..
         mkdir d-1; echo in tar > d-1/file; tar czf d.tgz d-1; echo plain > plain; chmod -R a+rX .",
        origin.path().display()
    );
    accepts("sh", &["-c", &script]);
    shop.write(
        "e/source-repository-e",
        &format!(
            "# what and where\nrepo git /opt/repo file://{} v1\nd tar /opt/d file://{} .\nplain file /opt/plain file://{}\n",
            at("repo"),
            at("d.tgz"),
            at("plain")
        ),
    );
    shop.hook("e/install.d/10-look", "cat /opt/repo/file /opt/d/file /opt/plain > /got");
    let told = made(&shop, "[tiny-os, e, source-repositories]", "got");
    assert_eq!(told, "one\nin tar\nplain\n");
    let sha = fs::read_to_string(at("sha")).expect("read the commit");
    let manifest = content(&shop, "etc/dib-manifests/dib-manifest-git-e");
    assert!(manifest.contains("repo") && manifest.contains(sha.trim()), "{manifest}");
    let elements = content(&shop, "etc/dib-manifests/dib-element-manifest");
    assert!(elements.starts_with("e\n") && elements.contains("source-repositories\n"), "{elements}");
}

#[test]
fn boot_loader_programs_are_ours_while_hooks_run_and_theirs_afterwards() {
    let shop = Workshop::new();
    shop.write("dpkg/element-deps", "");
    shop.hook(
        "dpkg/root.d/50-db",
        "mkdir -p $TARGET_ROOT/{usr/sbin,var/lib/dpkg}; cd $TARGET_ROOT; printf '/bin/sh\\n/bin/sh.distrib\\ndash\\n' > var/lib/dpkg/diversions
echo 'GRUB probe' > usr/sbin/grub-probe; chmod 755 usr/sbin/grub-probe; cp var/lib/dpkg/diversions before",
    );
    // What a package's script does that dpkg installs meanwhile: dpkg itself writes to the diverted name.
    shop.hook(
        "e/install.d/10-packages",
        "grep -qx /usr/sbin/grub-install /var/lib/dpkg/diversions
echo 'GRUB install' > /usr/sbin/grub-install.dibber-diverted
/usr/sbin/grub-install --target=i386-pc /dev/sda; DIB_ROOT_UUID=0b0e /usr/sbin/grub-probe -t fs_uuid / > /probe",
    );
    shop.hook("e/cleanup.d/50-look", "cp $TARGET_ROOT/usr/sbin/grub-install $TARGET_ROOT/seen");
    assert_eq!(made(&shop, "[tiny-os, dpkg, e]", "probe"), "0b0e\n");
    assert_eq!(content(&shop, "seen"), "GRUB install\n");
    assert_eq!(content(&shop, "var/lib/dpkg/diversions"), content(&shop, "before"));
    let mut inside: Vec<String> = names(&shop);
    inside.retain(|name| {
        name.starts_with("usr/sbin/") || name.starts_with("var/lib/dpkg/") || name.starts_with("usr/bin/")
    });
    inside.retain(|name| !name.ends_with('/'));
    inside.sort();
    assert_eq!(inside, ["usr/sbin/grub-install", "usr/sbin/grub-probe", "var/lib/dpkg/diversions"]);
    assert_eq!(content(&shop, "usr/sbin/grub-probe"), "GRUB probe\n");
}
