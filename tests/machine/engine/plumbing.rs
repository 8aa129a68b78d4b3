//! dib's plumbing elements, which are native.

use std::fs;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

use super::{HOOK, archive, content, image, made, names};

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
            "# what and where\nrepo git /opt/repo file://{} v1\nd tar /opt/d file://{}\nplain file /opt/plain file://{}\n",
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

/// A directory that the sandbox shows, for a shell script to fill.
fn origin(script: &str) -> tempfile::TempDir {
    let origin = tempfile::tempdir_in("/srv").expect("make a directory in /srv");
    let place = origin.path().to_str().expect("UTF-8");
    accepts("sh", &["-euc", &format!("cd \"$1\"; {script}; chmod -R a+rX ."), "sh", place]);
    origin
}

#[test]
fn references_of_archives() {
    let shop = Workshop::new();
    let origin = origin(
        "mkdir -p p-1/sub q; echo t > p-1/top; echo s > p-1/sub/deep; echo q > q/other; echo o > outer; tar czf a.tgz p-1 q outer",
    );
    let url = format!("file://{}/a.tgz", origin.path().display());
    for (reference, found) in [
        (".", "outer p-1 p-1/sub p-1/sub/deep p-1/top q q/other"),
        ("*", "other sub sub/deep top"),
        ("", "other sub sub/deep top"),
        ("p-1", "sub sub/deep top"),
        ("p-*/sub", "deep"),
    ] {
        shop.write("e/source-repository-a", &format!("a tar /opt/a {url} {reference}\n"));
        shop.build(&image(&shop, "[tiny-os, e, source-repositories]", &[]), &[]).well();
        let mut all = names(&shop);
        all.retain(|name| name.starts_with("opt/a/") && name != "opt/a/");
        all.sort();
        let all: Vec<&str> = all.iter().map(|name| name["opt/a/".len()..].trim_end_matches('/')).collect();
        assert_eq!(all.join(" "), found, "`{reference}`");
    }
    shop.write("e/source-repository-a", &format!("a tar /opt/a {url} nowhere\n"));
    let told = shop.build(&image(&shop, "[tiny-os, e, source-repositories]", &[]), &[]);
    told.refuses(HOOK, &["has no directory nowhere"]);
}

/// Whoever made an archive, or a reference into it, chooses nothing of what is beside it.
#[test]
fn archives_and_references_lead_nowhere_else() {
    let shop = Workshop::new();
    let origin =
        origin("mkdir p; echo x > p/x; ln -s /etc elsewhere; ln -s .. p/up; tar czf a.tgz p elsewhere");
    let url = format!("file://{}/a.tgz", origin.path().display());
    let build = |reference: &str| {
        shop.write("e/source-repository-a", &format!("a tar /opt/a {url} {reference}\n"));
        shop.build(&image(&shop, "[tiny-os, e, source-repositories]", &[]), &[])
    };
    build("*").well();
    let mut all = names(&shop);
    all.retain(|name| name.starts_with("opt/a/") && name != "opt/a/");
    all.sort();
    assert_eq!(all, ["opt/a/up", "opt/a/x"]);
    for reference in ["../../etc", "elsewhere", "elsewhere/apt", "p/up", "p/../elsewhere"] {
        let told = build(reference);
        assert_eq!(told.code, Some(HOOK), "{reference}: {}", told.err);
    }
}

/// Whatever a fetch can name: branches, tags, changes under review, commits that are on no branch.
#[test]
fn references_of_repositories() {
    let shop = Workshop::new();
    let origin = origin(
        "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
         git init -q -b main repo; cd repo; echo tag > f; git add f; git commit -qm tag; git tag v1; git checkout -q --detach
         echo change > f; git commit -qam change; git update-ref refs/changes/34/1234/5 HEAD; git update-ref refs/pull/7/head HEAD
         echo lost > f; git commit -qam lost; git rev-parse HEAD > ../lost
         git checkout -q main; echo main > f; git commit -qam main",
    );
    let lost = fs::read_to_string(origin.path().join("lost")).expect("read the commit");
    let url = format!("file://{}/repo", origin.path().display());
    shop.write("e/source-repository-r", &format!("r git /opt/r {url} main\n"));
    let image = image(&shop, "[tiny-os, e, source-repositories]", &[]);
    let build = |reference: &str, more: &[&str]| {
        let variable = format!("DIB_REPOREF_r={reference}");
        shop.build(&image, &[&["--env", variable.as_str()], more].concat())
    };
    for (reference, found) in [
        ("main", "main"),
        ("origin/main", "main"),
        ("v1", "tag"),
        ("refs/changes/34/1234/5", "change"),
        ("pull/7/head", "change"),
        (lost.trim(), "lost"),
        ("refs/tags/v1", "tag"),
    ] {
        build(reference, &[]).well();
        assert_eq!(content(&shop, "opt/r/f").trim(), found, "{reference}");
    }
    // What another image had fetched is not in this one's repository.
    assert!(!names(&shop).iter().any(|name| name.contains(&lost.trim()[2..])));
    // A pattern or an expression would choose for others what a name means.
    for reference in ["refs/heads/*", "main:refs/heads/x", "^main", "main~1", "-x", "../x"] {
        build(reference, &[]).refuses(HOOK, &["is no name of a reference of git"]);
    }
    build("refs/changes/1/2/3", &[])
        .refuses(HOOK, &["has no reference refs/changes/1/2/3 that can be fetched"]);
    build("refs/changes/1/2/3", &["--offline"]).refuses(HOOK, &["was not fetched before"]);
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
