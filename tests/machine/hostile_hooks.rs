//! What hooks and elements leave for others: mounts, names of files, directories without end, secrets, sets that never were.
//!
//! In: elements that are made to mislead, output directories that somebody prepared. Out: what came of it. Never: harm beyond the
//! workshop.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop};

/// Codes of docs/exit-codes.md.
const ELEMENT: i32 = 3;
const HOOK: i32 = 5;

fn image(shop: &Workshop, keys: &[(&str, &str)]) -> String {
    let mut all = vec![("elements", "[tiny-os, e]"), ("outputs", "[tar]")];
    all.extend(keys);
    shop.image("good", &all)
}

/// A file of the image's tar.
fn content(shop: &Workshop, path: &str) -> String {
    accepts("tar", &["-xOf", &shop.text("work/out/good.tar"), &format!("./{path}")])
}

/// A hook puts a program over the host's `mount`, by a record of a mount that it writes itself, and asks for one more mount.
#[test]
fn no_program_of_a_hook_runs_to_repeat_a_mount() {
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        shop.hook(
            "e/root.d/50-mounts",
            r#"printf '#!/bin/sh\ntouch /run/dibber/build/came-through\n' > $TMP_BUILD_DIR/evil
chmod 755 $TMP_BUILD_DIR/evil
mkdir -p $TMP_BUILD_DIR/shown $TMP_BUILD_DIR/mnt/opt/seen; echo shown > $TMP_BUILD_DIR/shown/file
for over in /usr/bin/mount /bin/mount; do
    printf '{"mount":{"what":{"bind":{"source":"%s","recursive":false}},"options":[],"target":"%s"}}\n' $TMP_BUILD_DIR/evil $over
    printf '{"mount":{"target":"%s","arguments":["--bind","%s","%s"]}}\n' $TMP_BUILD_DIR/evil $TMP_BUILD_DIR/evil $over
    printf '{"mount":{"target":"%s","what":{"bind":{"source":"%s","recursive":false}},"options":[]}}\n' $TMP_BUILD_DIR/../../..$over $TMP_BUILD_DIR/evil
done >> $DIBBER_RECORD
mount --bind $TMP_BUILD_DIR/shown $TARGET_ROOT/opt/seen"#,
        );
        shop.hook(
            "e/post-root.d/50-look",
            "mount > /dev/null; [ ! -e $TMP_BUILD_DIR/came-through ]; [ $(cat $TARGET_ROOT/opt/seen/file) = shown ]",
        );
        shop.build(&image(&shop, &[]), &[]).well();
    }
}

/// Names of the processes that have a file open.
fn holders(target: &Path) -> Vec<String> {
    let has = |process: &Path| {
        let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        open.map(|fd| fs::read_link(fd.path())).any(|link| link.is_ok_and(|link| link == target))
    };
    let all = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let name = |process: std::path::PathBuf| fs::read_to_string(process.join("comm")).unwrap_or_default();
    all.filter(|process| has(process)).map(name).map(|name| name.trim().to_string()).collect()
}

/// Descriptors that the caller has open are in no process of the sandbox.
#[test]
fn what_the_caller_has_open_stays_with_the_caller() {
    let shop = Workshop::new();
    let open = shop.at("work/open");
    fs::write(&open, "").unwrap();
    shop.hook("e/root.d/50-waits", "touch $TMP_BUILD_DIR/mnt/waits; sleep 4");
    let script = format!("exec 7>>{0} 9<{1}; exec \"$@\"", open.display(), shop.at("work").display());
    let mut command = shop.wrapped(&["bash", "-c", &script, "bash"]);
    let mut child = command.args(shop.arguments(&image(&shop, &[]))).spawn().expect("start");
    let mut most = 0;
    while child.try_wait().expect("wait").is_none() {
        for target in [open.clone(), shop.at("work")] {
            let holders = holders(&target);
            let inside = |name: &&String| !["dibber", "bash", "env"].contains(&name.as_str());
            let inside: Vec<&String> = holders.iter().filter(inside).collect();
            assert!(inside.is_empty(), "{} is open in {inside:?}", target.display());
            most = most.max(holders.len());
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(most > 0, "the caller's file was never seen open");
}

/// An element names a key of the person's as a source, and its hooks want to read it; what everybody may read they are given.
#[test]
fn elements_give_hooks_no_files_of_the_persons() {
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        let home = shop.at("work/home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("key"), "SECRET\n").unwrap();
        fs::set_permissions(home.join("key"), PermissionsExt::from_mode(0o600)).unwrap();
        accepts("chown", &["-R", user.unwrap_or("root"), home.to_str().unwrap()]);
        let key = home.join("key").display().to_string();
        shop.write("e/source-repository-x", &format!("x file /opt/x file://{key}\n"));
        shop.write("e/element-deps", "source-repositories\n");
        shop.hook("e/extra-data.d/01-reads", &format!("! cat {key}"));
        let image = image(&shop, &[]);
        let told = shop.run(&["plan", &image, "--elements-path", &shop.text("elements")]).well();
        assert!(told.out.contains("DIB_REPOLOCATION_x"), "{}", told.out);
        // The source is not there, then: the step that fetches it fails.
        let told = shop.build(&image, &[]);
        told.refuses(HOOK, &["DIB_REPOLOCATION_x"]);
        assert!(!told.err.contains("SECRET"), "{}", told.err);
        // Named by the person, it is.
        shop.hook("e/extra-data.d/01-reads", "true");
        shop.build(&image, &["--env", &format!("DIB_REPOLOCATION_x=file://{key}")]).well();
        assert_eq!(content(&shop, "opt/x"), "SECRET\n");
    }
}

/// Directories within each other, deeper than files may be open: where they are thrown away, and where they would be kept.
#[test]
fn directories_without_end_are_somebody_elses_trouble() {
    let shop = Workshop::new();
    let deep = |at: &str, end: &str| {
        format!(
            "mkdir -p {at}; cd {at}; python3 -c \"import os\nfor i in range(3000):\n    os.mkdir('d'); os.chdir('d')\"; {end}"
        )
    };
    let fresh = shop.image("other", &[("outputs", "[tar]")]);
    let other = |more: &str| shop.build(&fresh, &["--env", &format!("MORE={more}")]).well();
    other("0");
    let image = image(&shop, &[]);
    shop.hook("e/root.d/50-deep", &deep("/tmp", "true"));
    shop.build(&image, &[]).well();
    other("1");
    shop.hook("e/root.d/50-deep", &deep("$TMP_BUILD_DIR/mnt/opt", "exit 3"));
    shop.build(&image, &[]).refuses(HOOK, &["exit code 3"]);
    other("2");
    shop.hook("e/root.d/50-deep", &deep("$TMP_BUILD_DIR/mnt/opt", "true"));
    shop.build(&image, &[]).refuses(ELEMENT, &["root/50-deep", "directories within each other", "/mnt/opt"]);
    other("3");
    shop.hook("e/root.d/50-deep", &deep("$DIB_IMAGE_CACHE/x", "true"));
    shop.build(&image, &[]);
    other("4");
    shop.run(&["cache", "prune", "--all"]).well();
    other("5");
}

/// What a hook wrote of a password is in no image of whoever asks with another one.
#[test]
fn a_password_that_was_changed_is_changed_in_the_image() {
    let shop = Workshop::new();
    shop.hook("e/install.d/50-writes", "echo \"$INDEX $A_TOKEN\" > /etc/index");
    let image = image(&shop, &[]);
    let index = |url: &str, token: &str| {
        let (url, token) = (format!("INDEX={url}"), format!("A_TOKEN={token}"));
        let told = shop.build(&image, &["--env", &url, "--env", &token, "--json"]).well();
        (content(&shop, "etc/index").trim().to_string(), told.steps("step-started").len())
    };
    let id = || {
        let text = fs::read_to_string(shop.out().join("images.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["images"][0]["id"].to_string()
    };
    assert_eq!(index("https://a:firstpw@h/", "one-token").0, "https://a:firstpw@h/ one-token");
    let first = id();
    let (told, ran) = index("https://a:otherpw@h/", "one-token");
    assert_eq!(told, "https://a:otherpw@h/ one-token");
    assert!(ran > 0);
    assert_eq!(index("https://a:otherpw@h/", "two-token").0, "https://a:otherpw@h/ two-token");
    assert_eq!(index("https://a:otherpw@h/", "two-token").1, 0, "nothing has changed");
    assert_eq!(id(), first, "an id that everybody may read tells nothing of a password");
}

/// `images.json` says that a file of somebody else's is what the build makes.
#[test]
fn a_set_that_was_never_built_is_built() {
    let shop = Workshop::new();
    shop.hook("e/install.d/50-writes", "echo right > /etc/mine");
    let image = image(&shop, &[]);
    shop.build(&image, &[]).well();
    let right = fs::read(shop.out().join("good.tar")).unwrap();
    let digest = |path: &Path| accepts("sha256sum", &[path.to_str().unwrap()])[..64].to_string();
    let tar = shop.out().join("x86_64-good.tar");
    let before = digest(&tar);
    let length = right.len();
    let mut wrong = right.clone();
    wrong[length - 1] ^= 1;
    for name in ["good.tar", "x86_64-good.tar"] {
        fs::remove_file(shop.out().join(name)).unwrap();
    }
    fs::write(&tar, &wrong).unwrap();
    fs::hard_link(&tar, shop.out().join("good.tar")).unwrap();
    let after = digest(&tar);
    for name in ["images.json", "good.tar.json", "x86_64-good.tar.json", "SHA256SUMS"] {
        let path = shop.out().join(name);
        let text = fs::read_to_string(&path).unwrap().replace(&before, &after);
        fs::write(&path, text).unwrap();
    }
    // Somebody else's cache knows nothing of it, and this one knows better.
    for cache in ["cache", "other"] {
        shop.build(&image, &["--cache-dir", &shop.text(&format!("work/{cache}"))]).well();
        assert!(fs::read(shop.out().join("good.tar")).unwrap() == right, "{cache}");
    }
}

/// A database of packages that is a hole.
#[test]
fn a_database_without_end_is_refused() {
    let shop = Workshop::new();
    shop.hook("e/finalise.d/50-hole", "mkdir -p /var/lib/dpkg; truncate -s 3G /var/lib/dpkg/status");
    shop.build(&image(&shop, &[]), &[]).refuses(ELEMENT, &["/var/lib/dpkg/status", "more than 64 MiB"]);
}

/// What a hook leaves so that no other can be run is its own fault, and not the machine's.
#[test]
fn what_hooks_spoil_for_others_is_told_as_theirs() {
    let shop = Workshop::new();
    let record = |kind: &str, target: &str| {
        format!(
            r#"echo '{{"mount":{{"what":{{"new":{{"kind":"{kind}","source":"x"}}}},"options":[],"target":"'$TMP_BUILD_DIR/{target}'"}}}}' >> $DIBBER_RECORD"#
        )
    };
    for (spoils, words) in [
        (record("nosuchfs", "mnt/etc"), ["earlier hooks", "mnt/etc"]),
        (record("tmpfs", "mnt"), ["earlier hooks", "/proc"]),
        ("rm -rf $TMP_BUILD_DIR/hooks; ln -s / $TMP_BUILD_DIR/hooks".to_string(), ["earlier hooks", "hooks"]),
    ] {
        shop.hook("e/root.d/50-spoils", &spoils);
        shop.hook("e/install.d/50-next", "true");
        shop.build(&image(&shop, &[]), &[]).refuses(ELEMENT, &words);
    }
}

/// A kernel and a package that a hook names after a password.
#[test]
fn no_sidecar_has_a_secret_that_a_hook_puts_there() {
    let shop = Workshop::new();
    shop.hook(
        "e/install.d/50-tells",
        "mkdir -p /boot /var/lib/dpkg /lib/modules/6.1-$A_PASSWORD; : > /boot/vmlinuz-6.1-$A_PASSWORD\n\
         printf 'Package: p-%s\\nStatus: install ok installed\\nVersion: 1~%s\\nArchitecture: all\\n\\n' $A_PASSWORD $A_PASSWORD > /var/lib/dpkg/status",
    );
    let image = image(&shop, &[("outputs", "[tar, raw]")]);
    shop.build(&image, &["--env", "A_PASSWORD=hunter2hunter2"]).well();
    for name in ["good.tar.json", "good.raw.json", "images.json"] {
        let text = fs::read_to_string(shop.out().join(name)).unwrap();
        assert!(!text.contains("hunter2"), "{name}: {text}");
        assert!(name == "images.json" || text.contains("1~***"), "{name}: {text}");
    }
}

/// Mounts as mount(8) takes them, made by one hook, are there for the next one.
#[test]
fn mounts_of_honest_hooks_are_repeated() {
    let shop = Workshop::new();
    let mounts = [
        ("mount -t tmpfs -o size=50%,mode=0700,nosuid none m", "mountpoint -q m"),
        ("mount -t tmpfs -o uid=root,atime,shared,comment=x,nosymfollow tmpfs m", "mountpoint -q m"),
        ("mount none m -t tmpfs,ramfs", "mountpoint -q m"),
        ("mount -o bind,ro y m", "test -e m/file && ! touch m/new 2> /dev/null"),
        ("mount --bind y m; mount -t tmpfs none m/sub", "test -e m/file && mountpoint -q m/sub"),
        ("mount -t proc -o ro,noexec proc m", "test -e m/self"),
        ("mount -t sysfs sysfs m", "test -e m/kernel"),
        ("mount -t devpts -o newinstance,ptmxmode=0666 devpts m", "test -e m/ptmx"),
        ("mkdir /tmp/z; mount --bind /tmp/z m", "! mountpoint -q m"),
        ("mount --bind y m; umount m", "! mountpoint -q m"),
    ];
    for (number, (made, _)) in mounts.iter().enumerate() {
        let lines =
            format!("d=$TMP_MOUNT_PATH/opt/{number}; mkdir -p $d/m $d/y/sub; touch $d/y/file; cd $d\n{made}");
        shop.hook(&format!("e/root.d/50-{number}"), &lines);
    }
    let checks: String = mounts
        .iter()
        .enumerate()
        .map(|(number, (made, check))| {
            format!("cd $TMP_MOUNT_PATH/opt/{number}; {check} || {{ echo '{made}'; cat /proc/self/mountinfo; exit 1; }}\n")
        })
        .collect();
    shop.hook("e/post-root.d/50-look", &checks);
    shop.build(&image(&shop, &[]), &[]).well();
}
