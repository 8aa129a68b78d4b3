//! The same bytes, whoever builds, wherever, whenever.
//!
//! In: one tree with everything in it that a tree can have, built by several people under other circumstances. Out: raw, qcow2 and
//! tar images. Never: a comparison of what a build itself says of its files. Needs root, to be both root and an ordinary user.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop, run};

/// Hard links, owners, set-user-ID, attributes and capabilities, links, a hole, a fifo, odd names, times before and after the
/// epoch. What depends on the machine is looked at, too: time, name, mask, environment.
const INTERESTING: &str = r#"
mkdir -p /things/deep/er && cd /things
echo content > file; ln file hard; ln file deep/hard
ln -s ../etc/passwd link; ln -s "$(printf 'x%.0s' $(seq 200))" long-link
dd if=/dev/zero of=sparse bs=1 count=1 seek=5000000 2>/dev/null; echo end >> sparse
mkfifo fifo
touch "name with spaces" "näme" "$(printf 'n%.0s' $(seq 255))"
echo set > setuid; chown 1000:1001 setuid; chmod 4755 setuid
mkdir sticky; chmod 1777 sticky; chown 12345:65000 sticky
touch -d '1999-12-31 23:59:59' old
for i in $(seq 300); do echo $i > deep/er/$i; done
umask > mask; echo "${TZ:-}" > zone; uname -n > node; id > identity; env | sort > environment
date +%Z > date 2>/dev/null || true
sleep 0.0$((RANDOM % 10)); echo $$ > /tmp/goes
"#;

/// Set from outside of the chroot: the tiny tree has no such programs.
const ATTRIBUTES: &str = r#"
cd "$TMP_MOUNT_PATH"
cp bin/busybox things/capable; setcap cap_net_raw,cap_net_bind_service=ep things/capable
setfattr -n user.note -v hello things/file
setfattr -n user.large -v "$(printf 'v%.0s' $(seq 2000))" things/file
setfacl -m u:1000:rw,g:1001:r things/sparse
setfacl -d -m u:2000:rwx things/sticky
umask > things/mask-outside; hostname > things/node-outside; id > things/identity-outside
"#;

/// The files of one build.
fn files(shop: &Workshop) -> [PathBuf; 3] {
    ["raw", "qcow2", "tar"].map(|kind| shop.out().join(format!("good.{kind}")))
}

/// Who builds, and how.
struct Circumstances {
    name: &'static str,
    user: Option<&'static str>,
    wrapped: &'static [&'static str],
    threads: &'static str,
    mask: u32,
    zone: &'static str,
}

const FIRST: Circumstances =
    Circumstances { name: "root", user: None, wrapped: &[], threads: "1", mask: 0o022, zone: "UTC" };

/// Another machine, as far as programs can tell.
const ELSEWHERE: &str = "hostname elsewhere.example; echo nameserver 192.0.2.1 > resolv; mount --bind resolv /etc/resolv.conf; exec \"$@\"";

/// Each begins seconds after the one before: the clock is later too.
const OTHERS: [Circumstances; 3] = [
    Circumstances { name: "threads, mask, zone", threads: "3", mask: 0o077, zone: "Asia/Kathmandu", ..FIRST },
    Circumstances { name: "an ordinary user", user: Some(USER), threads: "3", mask: 0o002, ..FIRST },
    Circumstances {
        name: "another host name and resolver",
        user: None,
        wrapped: &["unshare", "--uts", "--mount", "sh", "-ec", ELSEWHERE, "sh"],
        ..FIRST
    },
];

fn build(at: &Circumstances) -> Workshop {
    let shop = Workshop::of(at.user);
    shop.hook("interesting/install.d/50-interesting", INTERESTING);
    shop.hook("interesting/post-root.d/50-attributes", ATTRIBUTES);
    let keys = [("elements", "[tiny-os, interesting]"), ("outputs", "[raw, qcow2, tar]"), ("size", "48MiB")];
    let image = shop.image("good", &keys);
    let mut command = shop.wrapped(at.wrapped);
    // Its mark would be in the environment that the tree records.
    let words = shop.arguments(&image);
    let mark = words.iter().position(|word| word == "--env").expect("a mark");
    command.args(&words[..mark]).args(["-j", at.threads]).env("TZ", at.zone).env("LANG", "de_DE.UTF-8");
    let mask = at.mask;
    mask_of(&mut command, mask);
    run(&mut command).well();
    shop
}

/// Starts a program under another mask of file modes.
fn mask_of(command: &mut Command, mask: u32) {
    // The shell sets it: a closure that runs between fork and exec would be unsafe code.
    let program = command.get_program().to_owned();
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let mut wrapped = Command::new("sh");
    wrapped.arg("-c").arg(format!("umask {mask:04o}; exec \"$@\"")).arg("sh").arg(program).args(words);
    wrapped.env_clear().process_group(0);
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            wrapped.env(name, value);
        }
    }
    if let Some(dir) = command.get_current_dir() {
        wrapped.current_dir(dir);
    }
    *command = wrapped;
}

#[track_caller]
fn same(first: &Workshop, second: &Workshop, name: &str) {
    for (a, b) in files(first).iter().zip(files(second)) {
        let (a, b) = (a.to_str().expect("UTF-8"), b.to_str().expect("UTF-8"));
        let output = dibber_tests::run("cmp", &[a, b]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn whoever_builds() {
    let first = build(&FIRST);
    // What the tree was to have is in it, as its foreign reader sees it.
    let [raw, _, tar] = files(&first).map(|path| path.to_str().expect("UTF-8").to_string());
    accepts("e2fsck", &["-fn", &raw]);
    let listed = accepts("tar", &["--numeric-owner", "-tvf", &tar]);
    for sign in [
        "-rwsr-xr-x 1000/1001",
        "things/fifo",
        "things/deep/hard",
        "drwxrwxrwt 12345/65000",
        "things/link -> ../etc/passwd",
    ] {
        assert!(listed.contains(sign), "no `{sign}` in:\n{listed}");
    }
    let attributes = accepts("debugfs", &["-R", "ea_list /things/capable", &raw]);
    assert!(attributes.contains("security.capability"), "{attributes}");
    for other in &OTHERS {
        same(&first, &build(other), other.name);
    }
}

/// A broken twin: what differs in the tree differs in the files, else `same` would see nothing.
#[test]
fn another_tree_is_another_file() {
    let [one, two] = ["one", "two"].map(|word| {
        let shop = Workshop::new();
        shop.hook("word/install.d/50-word", &format!("echo {word} > /word"));
        shop.build(
            &shop.image("good", &[("elements", "[tiny-os, word]"), ("outputs", "[raw, qcow2, tar]")]),
            &[],
        )
        .well();
        shop
    });
    for (a, b) in files(&one).iter().zip(files(&two)) {
        assert!(fs::read(a).expect("read") != fs::read(b).expect("read"), "{}", a.display());
    }
}
