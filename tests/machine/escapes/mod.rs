//! What hooks and elements try to get at, and must not: as root and as an ordinary user, outside the chroot and inside.
//!
//! In: attempts, one a line of `attempts.sh`, and elements that are made to mislead. Out: which came through. Never: a real
//! danger: what is opened is not written to. Needs root, to be both.

mod elements;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop};

/// One attempt of a hook.
struct Attempt {
    name: &'static str,
    host: bool,
    chroot: bool,
    script: &'static str,
}

fn attempts() -> Vec<Attempt> {
    let lines = include_str!("attempts.sh").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(' ').expect("a name");
            let (side, script) = rest.trim_start().split_once(' ').expect("a side");
            let of = |sides: &[&str]| sides.contains(&side);
            Attempt {
                name,
                host: of(&["host", "both"]),
                chroot: of(&["chroot", "both"]),
                script: script.trim(),
            }
        })
        .collect()
}

/// Files and sockets of the host that nobody may reach, and who they belong to. They go when this does.
struct Secrets {
    paths: Vec<PathBuf>,
    _sockets: Vec<UnixListener>,
}

impl Secrets {
    fn set(shop: &Workshop, user: Option<&str>) -> Secrets {
        let mut paths: Vec<PathBuf> = Vec::new();
        let own = |path: &Path, mode: u32| {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set a mode");
            accepts("chown", &[user.unwrap_or("root"), path.to_str().expect("UTF-8")]);
        };
        let places = [
            "/root",
            "/srv",
            "/opt",
            "/mnt",
            "/etc",
            "/usr/local/share",
            "/tmp",
            "/dev/shm",
            "/run",
            "/var/tmp",
            "/var/log",
        ];
        for place in places.map(Path::new) {
            fs::create_dir_all(place).expect("make a directory");
            let path = place.join("dibber-escape-secret");
            fs::write(&path, "SECRET\n").expect("write a secret");
            own(&path, 0o600);
            paths.push(path);
        }
        let dir = PathBuf::from("/etc/dibber-escape-dir");
        fs::create_dir_all(&dir).expect("make a directory");
        fs::write(dir.join("secret"), "SECRET\n").expect("write a secret");
        own(&dir, 0o700);
        paths.push(dir);
        let mark = shop.at("secret");
        fs::write(&mark, "SECRET\n").expect("write a secret");
        own(&mark, 0o644);
        let sockets: Vec<PathBuf> =
            ["/run/dibber-escape.sock", "/tmp/dibber-escape.sock", "/usr/local/share/dibber-escape.sock"]
                .map(PathBuf::from)
                .into_iter()
                .chain([shop.at("secret.sock")])
                .collect();
        let listen = |path: &PathBuf| {
            let _ = fs::remove_file(path);
            let socket = UnixListener::bind(path).expect("listen");
            own(path, 0o777);
            socket
        };
        let listening = sockets.iter().map(listen).collect();
        paths.extend(sockets);
        Secrets { paths, _sockets: listening }
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        for path in &self.paths {
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

/// A hook of all attempts of one side. Each runs in a shell of its own, so that none can hide another.
fn script(side: impl Fn(&Attempt) -> bool, shop: &Workshop) -> String {
    let mut text = format!(
        "export MARK={} BASE={} CACHE={} OUT={} REACH=/tmp/reach\n\
         if [ -d \"${{TMP_HOOKS_PATH:-}}\" ]; then hooks=$TMP_HOOKS_PATH; else hooks=/tmp/in_target.d; fi\n\
         cp \"$hooks/.elements/escape/reach\" /tmp/reach; chmod 755 /tmp/reach\n",
        shop.text("secret"),
        shop.text("work"),
        shop.cache().display(),
        shop.out().display(),
    );
    for attempt in attempts().iter().filter(|attempt| side(attempt)) {
        let Attempt { name, script, .. } = attempt;
        text += &format!(
            "if bash -c {} >/dev/null 2>&1 </dev/null; then echo 'ESCAPED {name}'; else echo 'refused {name}'; fi\n",
            quoted(script)
        );
    }
    text + "echo 'all tried'\n"
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Fails unless every attempt was made, and none came through.
fn hold(told: &str, count: usize, who: Option<&str>, side: &str) {
    let came_through: Vec<&str> = told.lines().filter(|line| line.contains("ESCAPED")).collect();
    assert!(came_through.is_empty(), "{who:?}, {side}: {came_through:?}");
    let refused = told.lines().filter(|line| line.contains("refused ")).count();
    assert_eq!(refused, count, "{who:?}, {side}:\n{told}");
}

/// The program of `reach.c`, as a file of the element.
fn with_reach(shop: &Workshop) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/machine/escapes/reach.c");
    fs::create_dir_all(shop.at("elements/escape")).expect("make a directory");
    accepts("gcc", &["-w", "-O1", "-static", "-o", &shop.text("elements/escape/reach"), source]);
    accepts("chmod", &["755", &shop.text("elements/escape/reach")]);
}

fn tried_by(user: Option<&'static str>) {
    let shop = Workshop::of(user);
    let _secrets = Secrets::set(&shop, user);
    with_reach(&shop);
    let all = attempts();
    let (host, chroot) = (
        all.iter().filter(|attempt| attempt.host).count(),
        all.iter().filter(|attempt| attempt.chroot).count(),
    );
    assert!(host + chroot >= 120, "{host} and {chroot} attempts");
    shop.hook("escape/root.d/50-escape", &script(|attempt| attempt.host, &shop));
    shop.hook("escape/install.d/50-escape", &script(|attempt| attempt.chroot, &shop));
    let image = shop.image("good", &[("elements", "[tiny-os, escape]")]);
    shop.build(&image, &[]).well();
    let log = fs::read_to_string(shop.out().join("x86_64-good.log")).expect("read the log");
    let (outside, inside) = log.split_once("== install/50-escape").expect("the hook in the chroot");
    hold(outside, host, user, "outside the chroot");
    hold(inside, chroot, user, "inside the chroot");
    assert!(!Path::new("/etc/dibber-trial").exists());
}

#[test]
fn hooks_of_a_build_by_root_reach_nothing() {
    tried_by(None);
}

#[test]
fn hooks_of_a_build_by_an_ordinary_user_reach_nothing() {
    tried_by(Some(USER));
}

#[test]
fn attempts_that_come_through_are_seen() {
    // The same attempts without a sandbox: a suite that calls everything refused would not notice an escape.
    let shop = Workshop::new();
    let _secrets = Secrets::set(&shop, None);
    with_reach(&shop);
    let mark = shop.text("secret");
    let run = |words: &[&str]| {
        let status = std::process::Command::new(words[0]).args(&words[1..]).status();
        status.expect("start a program").success()
    };
    let reach = shop.text("elements/escape/reach");
    assert!(run(&[&reach, "socket", &format!("{mark}.sock")]));
    assert!(run(&[&reach, "handle", "/"]));
    assert!(run(&[&reach, "owner", "70000"]));
    assert!(run(&["grep", "-q", "SECRET", "/etc/dibber-escape-secret"]));
    assert!(!run(&[&reach, "mount", "/nothing", "ext4"]));
}
