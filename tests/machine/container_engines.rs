//! Builds in real containers: what an engine refuses as it comes, what dibber makes of that, and that the settings of
//! `docs/containers.md` are enough. Podman with runc stands for the engines: it is the only one that needs no daemon.
//!
//! In: this machine's own root as a container's, read-only below an overlay. Out: bytes, and what `build` and `doctor` say. Never: the
//! network; a container that stays. Needs root, who alone has containers with the ids of the machine.

use std::path::PathBuf;
use std::process::Command;

use dibber_tests::workshop::{Earlier, Told, USER, Workshop, contents, run};

/// Code of docs/exit-codes.md.
const MACHINE: i32 = 7;

/// `docs/seccomp.json`.
const PROFILE: &str = concat!("seccomp=", env!("CARGO_MANIFEST_DIR"), "/../docs/seccomp.json");
/// The row of `docs/containers.md` for Podman.
const SETTINGS: [&str; 4] = ["--security-opt", PROFILE, "--security-opt", "unmask=/proc/*"];

/// Gives the helpers what `docs/containers.md` tells a container's image to give them, and becomes the user.
const AS_USER: &str = "chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap && setcap cap_setuid+ep /usr/bin/newuidmap && \
    setcap cap_setgid+ep /usr/bin/newgidmap && exec setpriv --reuid dibber-trial --regid dibber-trial --init-groups \"$@\"";

/// A command of the program in a container of its own, with these options of the engine's.
fn contained(shop: &Workshop, options: &[&str], by: &[&str], arguments: &[String]) -> Told {
    let (home, work) = (shop.text(""), shop.text("work"));
    let mut podman = Command::new("podman");
    podman.args(["--runtime", "runc", "run", "--rm", "--network", "host", "--log-driver", "none"]);
    podman.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=10000:10000"]);
    podman.args(["--volume", &format!("{home}:{home}"), "--workdir", &work]);
    podman.args(options).args(["--rootfs", "/:O"]).args(by).arg(shop.text("dibber")).args(arguments);
    run(&mut podman)
}

/// Arguments of a build of `good` into places of its own.
fn build_arguments(shop: &Workshop, image: &str, more: &[&str]) -> Vec<String> {
    let (outside, inside) = (shop.text("work/out"), shop.text("work/inside"));
    let words =
        shop.arguments(image).into_iter().map(|word| if word == outside { inside.clone() } else { word });
    let own = ["--cache-dir".to_owned(), shop.text("work/inside-cache")];
    words.chain(own).chain(more.iter().map(ToString::to_string)).collect()
}

fn doctor_arguments(shop: &Workshop) -> Vec<String> {
    ["doctor".to_owned(), "--cache-dir".to_owned(), shop.text("work/inside-cache")].into()
}

/// Every file of the set made inside is the one made outside; then it goes.
#[track_caller]
fn same_bytes(shop: &Workshop) {
    let inside: PathBuf = shop.at("work/inside");
    let files = |of: &std::path::Path| {
        let mut all = contents(of);
        all.retain(|name, _| !name.ends_with(".log"));
        all
    };
    assert_eq!(files(&inside), files(&shop.out()));
    for made in [inside, shop.at("work/inside-cache")] {
        dibber_tests::accepts("rm", &["-r", made.to_str().expect("UTF-8")]);
    }
}

/// An element whose hooks look at what a container's /proc shows, on both sides.
fn curious(shop: &Workshop) -> String {
    let look = "for of in /proc/[0-9]*; do if grep -qs of-the-container $of/environ; then echo ESCAPED $of; exit 1; fi; done\n\
        for file in /proc/sys/kernel/core_pattern /proc/sysrq-trigger; do\n\
        if (: >> $file) 2> /dev/null; then echo ESCAPED $file; exit 1; fi; done";
    shop.hook("curious/extra-data.d/10-look", look);
    shop.hook("curious/install.d/10-look", look);
    shop.image("good", &[("elements", "[tiny-os, curious]")])
}

/// Without any setting: nothing of the image changes, and what hooks see of the container is said.
#[test]
fn podman_as_it_comes() {
    let shop = Workshop::new();
    let image = curious(&shop);
    shop.build(&image, &[]).well();
    let secret = ["--env", "SECRET=of-the-container"];
    let told = contained(&shop, &secret, &[], &build_arguments(&shop, &image, &[])).well();
    for word in ["hooks see the container's host name", "hooks see the container's /proc", "dibber doctor"] {
        assert!(told.err.contains(word), "no `{word}` in:\n{}", told.err);
    }
    same_bytes(&shop);
    // A name that needs no call is no concession.
    let named = ["--hostname", "dibber"];
    let told = contained(&shop, &named, &[], &build_arguments(&shop, &image, &[])).well();
    assert!(!told.err.contains("host name"), "{}", told.err);
    same_bytes(&shop);
}

/// What refuses, who set it, and what to tell that engine.
#[test]
fn what_podman_refuses_is_named() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let image = shop.image("good", &[]);
    let strict = build_arguments(shop, &image, &["--isolation", "namespaces"]);
    let remedy = ["seccomp=seccomp.json", "unmask=/proc/*", "docs/seccomp.json"];
    let by_filter = ["cannot set the host name", "its seccomp filter", "a container of podman"];
    contained(shop, &[], &[], &strict).refuses(MACHINE, &[by_filter, remedy].concat());
    let covered = ["a /proc of its own", "more places in /proc are covered"];
    contained(shop, &SETTINGS[..2], &[], &strict).refuses(MACHINE, &[&covered[..], &remedy[..]].concat());
    let told = contained(shop, &[], &[], &doctor_arguments(shop)).well();
    let lines = ["its engine is podman", "lacking  a host name of its own", "lacking  a /proc of its own"];
    for word in lines.into_iter().chain(remedy) {
        assert!(told.out.contains(word), "no `{word}` in:\n{}", told.out);
    }
    earlier.is_untouched();
}

/// The row of the page, as root: whole, with the bytes that are made outside.
#[test]
fn the_shipped_profile_is_enough_for_root() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let image = shop.image("good", &[]);
    let strict = build_arguments(shop, &image, &["--isolation", "namespaces"]);
    let told = contained(shop, &SETTINGS, &[], &strict).well();
    assert!(!told.err.contains("warning"), "{}", told.err);
    same_bytes(shop);
    let told = contained(shop, &SETTINGS, &[], &doctor_arguments(shop)).well();
    assert!(!told.out.contains("of its own\n         refused"), "{}", told.out);
}

/// The same as an ordinary user, whose helpers have the capabilities that the page says; and what is said where they have not.
#[test]
fn the_shipped_profile_is_enough_for_a_user() {
    let earlier = Earlier::of(Some(USER));
    let shop = &earlier.shop;
    let image = shop.image("good", &[]);
    let strict = build_arguments(shop, &image, &["--isolation", "namespaces"]);
    let as_user = ["sh", "-c", AS_USER, "sh"];
    contained(shop, &SETTINGS, &as_user, &strict).well();
    same_bytes(shop);
    let user = ["--user", USER];
    let words = ["newuidmap", "set-user-ID root", "CAP_SYS_ADMIN", "setcap cap_setuid+ep /usr/bin/newuidmap"];
    contained(shop, &[&SETTINGS[..], &user[..]].concat(), &[], &strict).refuses(MACHINE, &words);
    let told = contained(shop, &user, &[], &doctor_arguments(shop));
    assert_eq!(told.code, Some(MACHINE), "{}", told.out);
    assert!(told.out.contains("setcap cap_setgid+ep /usr/bin/newgidmap"), "{}", told.out);
    let closed = ["--security-opt", "no-new-privileges"];
    let words = ["newuidmap", "no_new_privs", "without --security-opt no-new-privileges"];
    contained(shop, &[&user[..], &closed[..]].concat(), &[], &strict).refuses(MACHINE, &words);
}

fn profile_text() -> String {
    std::fs::read_to_string(PROFILE.trim_start_matches("seccomp=")).expect("docs/seccomp.json")
}

/// A root of busybox, bash and the programs that a build of the tiny operating system runs, as its user's own.
const SMALL_ROOT: &str = r#"
cd "$1" && mkdir -p bin usr/bin etc tmp proc sys dev run root var/lib var/tmp
cp "$(type -P busybox)" bin/
for name in $(busybox --list | grep -vxE 'busybox|bash|mount|umount'); do ln -s busybox "bin/$name"; done
for name in bash ldd mount umount; do
    found=$(type -P "$name") && cp -L "$found" bin/
    for library in $(ldd "$found" 2> /dev/null | grep -o '/[^ )]*'); do mkdir -p ".${library%/*}" && cp -L "$library" ".$library"; done
done
echo root:x:0:0:root:/root:/bin/sh > etc/passwd && echo root:x:0: > etc/group
chown -R dibber-trial "$1" "$2"
"#;

/// The container of an ordinary user of the machine, whose root is that user: whole with the settings, with concessions without.
#[test]
fn podman_without_root() {
    let shop = Workshop::of(Some(USER));
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    for dir in ["root", "runtime"] {
        std::fs::create_dir(shop.at(dir)).expect("make a directory");
    }
    let (root, runtime) = (shop.text("root"), shop.text("runtime"));
    dibber_tests::accepts("bash", &["-eu", "-c", SMALL_ROOT, "bash", &root, &runtime]);
    // Whoever is not root need not be able to read where this project lies.
    let profile = format!("seccomp={}", shop.file("seccomp.json", &profile_text()));
    let settings = ["--security-opt", &profile, "--security-opt", "unmask=/proc/*"];
    for (options, warns) in [(&settings[..], false), (&[], true)] {
        let home = shop.text("");
        let mut command = rootless(&runtime);
        command.args(["run", "--rm", "--network", "host", "--log-driver", "none"]);
        command.args(["--volume", &format!("{home}:{home}"), "--workdir", &shop.text("work")]);
        command.args(["--env", "PATH=/usr/bin:/bin", "--env", "HOME=/root"]).args(options);
        command.args(["--rootfs", &root, &shop.text("dibber")]).args(build_arguments(&shop, &image, &[]));
        let told = run(&mut command).well();
        // Whether the kernel lets it have a /proc of its own hangs on what the machine's own /proc is covered by.
        assert_eq!(told.err.contains("hooks see the container's"), warns, "{}", told.err);
        same_bytes(&shop);
    }
    // The process that holds the user's namespaces between containers.
    run(rootless(&runtime).args(["system", "migrate"])).well();
}

/// Podman as the ordinary user has it.
fn rootless(runtime: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
    command.args(["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]).current_dir("/");
    // podman remembers in a home where it put things the first time.
    command.env("HOME", runtime).env("XDG_RUNTIME_DIR", runtime);
    command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
    command
}

/// An engine whose profile refuses new user namespaces, as Docker's own does to containers without CAP_SYS_ADMIN.
#[test]
fn no_user_namespaces_by_a_profile() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let closed = shop.file("closed.json", &profile_text().replace("\"unshare\",", ""));
    let options = ["--security-opt", &format!("seccomp={closed}")];
    let arguments = build_arguments(shop, &shop.image("good", &[]), &[]);
    let words = ["user namespaces", "by its seccomp filter", "a container of podman", "unmask=/proc/*"];
    contained(shop, &options, &[], &arguments).refuses(MACHINE, &words);
    earlier.is_untouched();
}
