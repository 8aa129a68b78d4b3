//! The escapes that a build must refuse, tried by hooks, as root and as an ordinary user.
//!
//! In: the trial program, hooks. Out: what the hooks reached. Never: a real danger: what is opened is not written to.
//! Needs root, to be both; makes the user `dibber-trial` if there is none.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, place};

/// Someone who builds, and a directory for their store, cache and stage, in a place that hooks can see.
struct Builder {
    user: Option<&'static str>,
    home: tempfile::TempDir,
}

fn builders() -> [Builder; 2] {
    assert!(rustix::process::geteuid().is_root(), "run this test as root: it builds as root and as {USER}");
    static USER_IS_THERE: std::sync::Once = std::sync::Once::new();
    USER_IS_THERE.call_once(|| {
        if !fs::read_to_string("/etc/passwd").expect("read passwd").contains(USER) {
            accepts("useradd", &["--create-home", USER]);
        }
    });
    [None, Some(USER)].map(|user| {
        let home = place();
        let program = home.path().join("trial");
        fs::copy(env!("CARGO_BIN_EXE_sandbox-trial"), &program).expect("copy the program");
        fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("open it");
        let base = home.path().join("base");
        fs::create_dir(&base).expect("make the base");
        if let Some(user) = user {
            accepts("chown", &[user, base.to_str().expect("UTF-8")]);
        }
        Builder { user, home }
    })
}

impl Builder {
    fn base(&self) -> PathBuf {
        self.home.path().join("base")
    }

    fn command(&self, job: &Value) -> Command {
        let mut command = match self.user {
            None => Command::new(self.home.path().join("trial")),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups"]);
                command.arg(self.home.path().join("trial")).env("HOME", format!("/home/{user}"));
                command
            }
        };
        command.arg(self.base()).arg(job.to_string()).current_dir("/");
        command
    }

    /// The answer to each hook.
    fn build(&self, job: &Value) -> Vec<Value> {
        let output = self.command(job).output().expect("start the trial (setpriv is in util-linux)");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {}\n{errors}", self.user, output.status);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn start(&self, job: &Value) -> Child {
        self.command(job).stdout(Stdio::null()).process_group(0).spawn().expect("start the trial")
    }
}

/// A tree with a shell and a few tools, as the driver makes it.
const TREE: &str = r#"
mkdir -p mnt/etc mnt/tmp mnt/proc mnt/sys mnt/dev mnt/run mnt/root mnt/bin
for tool in bash sh cat ls touch mknod mount umount sleep setsid hostname find; do
    found=$(command -v "$tool")
    cp -L --parents "$found" $(ldd "$found" | grep -o '/[^ )]*') mnt
done
test -e mnt/bin/bash || cp mnt/usr/bin/bash mnt/bin/
test -e mnt/bin/sh || cp mnt/usr/bin/sh mnt/bin/
"#;

/// Tries that must fail, each told by its name.
const TRY: &str = r#"#!/bin/bash
try() { local name=$1; shift; if "$@" >/dev/null 2>&1; then echo "ESCAPED $name"; else echo "refused $name"; fi; }
opens() { exec 3>>"$1"; }
try core_pattern opens /proc/sys/kernel/core_pattern
try drop_caches opens /proc/sys/vm/drop_caches
try sysrq opens /proc/sysrq-trigger
try power opens /sys/power/state
try binfmt opens /proc/sys/fs/binfmt_misc/register
try loop0 opens /dev/loop0
try mknod /usr/bin/mknod /run/disk b 7 0
try mknod-char /usr/bin/mknod /run/mem c 1 1
try write-sys touch /sys/kernel/dibber-trial
try pid1-environ cat /proc/1/environ
try pid1-fd cat /proc/1/fd/0
try pid1-memory cat /proc/1/mem
try pid1-root ls /proc/1/root/
try pid1-exe cat /proc/1/exe
try shim-write opens /run/dibber/shim/sudo
/bin/mount -o remount,rw,bind /run/dibber/shim
try shim-remount opens /run/dibber/shim/sudo
kill -9 1; sleep 0.1; echo "alive"
[ -z "$(find /dev -type b)" ] && echo "no block device"
hostname
setsid sleep 98765 >/dev/null 2>&1 </dev/null &
"#;

/// And those that only make sense where the host's files are seen.
const TRY_HOST: &str = r#"
try write-etc touch /etc/dibber-trial
try write-passwd opens /etc/passwd
try shadow grep -q : /etc/shadow
/bin/mount -o remount,rw / ; /bin/mount -o remount,rw,bind / ; try remounted touch /etc/dibber-trial
try store touch "$BASE/store/x"
try store-own touch /run/dibber/store/x
[ -e "$BASE/store/work" ] && echo "ESCAPED store-seen"
try socket perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0) or die; connect(S,pack_sockaddr_un($ARGV[0])) or die' "$MARK.sock"
try abstract perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0) or die; connect(S,pack_sockaddr_un("\0dibber-mark")) or die'
for place in /run /tmp /var/tmp /home /root /dev/shm /dev /proc "$BASE/store" "$BASE/stage" /usr /; do
    for again in 1 2 3 4; do /bin/umount -l "$place"; done 2>/dev/null
    for mark in /run/dibber-mark /dev/shm/dibber-mark /tmp/dibber-mark /home/dibber-trial/mark /root/dibber-mark "$BASE/store/work" /run/dibber/store/work; do
        [ -e "$mark" ] && echo "ESCAPED $mark after umount of $place"
    done
done
echo done
"#;

fn assert_kept_in(told: &str, who: Option<&str>) {
    assert!(!told.contains("ESCAPED"), "{who:?}:\n{told}");
    let signs = [
        "refused core_pattern",
        "refused pid1-environ",
        "refused shim-remount",
        "alive",
        "no block device",
        "\ndibber\n",
    ];
    for sign in signs {
        assert!(told.contains(sign), "{who:?}: no `{sign}`:\n{told}");
    }
}

/// Files of the host in the places that a hook must not see.
struct Marks;

impl Marks {
    const PLACES: [&str; 5] = [
        "/run/dibber-mark",
        "/dev/shm/dibber-mark",
        "/tmp/dibber-mark",
        "/home/dibber-trial/mark",
        "/root/dibber-mark",
    ];

    fn set() -> (Marks, UnixListener) {
        for place in Marks::PLACES {
            fs::write(place, "the host's").expect("set a mark");
        }
        let _ = fs::remove_file("/run/dibber-mark.sock");
        let socket = UnixListener::bind("/run/dibber-mark.sock").expect("listen");
        fs::set_permissions("/run/dibber-mark.sock", PermissionsExt::from_mode(0o777))
            .expect("open the socket");
        (Marks, socket)
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        for place in Marks::PLACES.into_iter().chain(["/run/dibber-mark.sock"]) {
            let _ = fs::remove_file(place);
        }
    }
}

/// Whether a process with such a command line runs on the host.
fn running(words: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("read /proc").flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).any(|line| line.trim() == words)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not come about in 30 s");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn hooks_stay_inside_and_leave_nothing() {
    let builders = builders();
    let (_marks, _socket) = Marks::set();
    let name = SocketAddr::from_abstract_name("dibber-mark").expect("a name");
    let _abstract = UnixListener::bind_addr(&name).expect("listen");
    let passwd = fs::read("/etc/passwd").expect("read passwd");
    for builder in &builders {
        let host = format!("{TRY}BASE={} MARK=/run/dibber-mark\n{TRY_HOST}", builder.base().display());
        let hooks = json!([
            { "side": "host", "script": host },
            { "side": "chroot", "script": TRY },
            { "side": "host", "network": "none", "script": host },
            { "side": "chroot", "network": "none", "script": TRY },
        ]);
        let ends = builder.build(&json!({ "setup": TREE, "hooks": hooks }));
        assert_eq!(ends.len(), 4);
        // Landlock is an addition that not every kernel has; doctor says whether this one does.
        let doctor = accepts(env!("CARGO_BIN_EXE_sandbox-trial"), &[]);
        assert!(!doctor.contains(": Missing:"), "{doctor}");
        let known = if doctor.contains("abstract sockets: Ok") { "" } else { "ESCAPED abstract" };
        for (number, end) in ends.iter().enumerate() {
            assert_eq!(end["code"], 0, "{end}");
            // A network of one's own has abstract sockets of its own.
            let may = !known.is_empty() && number < 2;
            let told = end["out"].as_str().expect("output").replacen(known, "not tried", usize::from(may));
            assert_kept_in(&told, builder.user);
        }
        assert!(ends[0]["out"].as_str().expect("output").contains("refused socket"));
        assert!(!running("sleep 98765"), "a process outlived its hook");
        let mode = fs::metadata(builder.base().join("store")).expect("the store").permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "others could run set-user-ID files of layers");
        assert!(!Path::new("/etc/dibber-trial").exists());
    }
    assert_eq!(passwd, fs::read("/etc/passwd").expect("read passwd"));
}

#[test]
fn links_in_the_tree_lead_nowhere_else() {
    for builder in &builders() {
        let with = |setup: &str, script: &str| {
            let hooks = json!([{ "side": "chroot", "script": script }]);
            builder.build(&json!({ "setup": format!("{TREE}\n{setup}"), "hooks": hooks })).swap_remove(0)
        };
        for (place, target) in
            [("tmp", "/etc"), ("proc", "../../../../proc"), ("dev", "/dev"), ("run", "/run")]
        {
            let end = with(&format!("rm -rf mnt/{place}; ln -s {target} mnt/{place}"), "#!/bin/sh\ntrue\n");
            let said = end["error"].as_str().unwrap_or_else(|| panic!("{end}"));
            assert!(said.contains(&format!("/{place} is not a directory: it is a symbolic link")), "{said}");
        }
        let reads = |file: &str| format!("#!/bin/sh\ncat {file}\n");
        let link = "echo ours > mnt/etc/passwd; ln -s ../../../../etc/passwd mnt/etc/resolv.conf";
        let end = with(link, &reads("/etc/passwd"));
        assert_eq!(end["code"], 0, "{end}");
        let seen = end["out"].as_str().expect("output");
        assert!(!seen.contains("root:"), "the host's passwd was reached: {seen}");
        let link = "ln -s ../run/systemd/resolve/stub-resolv.conf mnt/etc/resolv.conf";
        let end = with(link, &reads("/etc/resolv.conf"));
        assert_eq!(end["code"], 0, "a link into /run is answered there: {end}");
    }
}

#[test]
fn a_chroot_hook_leaves_no_trace_of_the_sandbox() {
    for builder in &builders() {
        let look = "#!/bin/bash\ncd $TMP_BUILD_DIR/mnt; find . -print | sort\n";
        let hooks = json!([
            { "side": "host", "script": look },
            { "side": "chroot", "script": "#!/bin/sh\ntouch /run/x /dev/shm/y && cat /etc/resolv.conf\n" },
            { "side": "host", "script": look },
        ]);
        let ends = builder.build(&json!({ "setup": TREE, "hooks": hooks }));
        assert!(ends[0]["out"].as_str().expect("output").contains("./etc\n"));
        assert_eq!(ends[0]["out"], ends[2]["out"]);
        assert_eq!(ends[1]["code"], 0, "{}", ends[1]);
    }
}

const LEAVES_MOUNTS: &str = r#"#!/bin/bash
set -eu
mkdir -p $TMP_BUILD_DIR/{extra,mnt/extra,mnt/gone}
echo here > $TMP_BUILD_DIR/extra/f
cd $TMP_BUILD_DIR
sudo -E mount --bind extra mnt/extra
mount -t tmpfs none mnt/gone
umount mnt/gone
mkdir -p mnt/kernel
mount -t sysfs none mnt/kernel
umount -l mnt/kernel
losetup -f || echo code $?
"#;

#[test]
fn mounts_and_requests_reach_the_next_hook() {
    let uses = "#!/bin/bash -eu\ncat /extra/f\ngrub-install --target=i386-pc /dev/disk\nDIB_ROOT_FSTYPE=ext4 grub-probe -t fs /\n";
    let ends_it = "#!/bin/bash\numount $TMP_BUILD_DIR/mnt/extra; cat $TMP_BUILD_DIR/mnt/extra/f || exit 3\n";
    for builder in &builders() {
        let hooks = json!([
            { "side": "host", "script": LEAVES_MOUNTS },
            { "side": "chroot", "script": uses },
            { "side": "host", "script": ends_it },
        ]);
        let ends = builder.build(&json!({ "setup": TREE, "hooks": hooks }));
        assert_eq!(ends[0]["mounts"][0]["target"], "/run/dibber/build/mnt/extra", "{}", ends[0]);
        assert_eq!(ends[0]["mounts"].as_array().map(Vec::len), Some(1), "{}", ends[0]);
        assert!(ends[0]["out"].as_str().expect("output").contains("losetup: refused"));
        assert!(ends[1]["out"].as_str().expect("output").contains("here\n"), "{}", ends[1]);
        assert!(ends[1]["out"].as_str().expect("output").contains("ext2\n"), "{}", ends[1]);
        assert_eq!(ends[1]["requests"][0]["arguments"], json!(["--target=i386-pc", "/dev/disk"]));
        assert_eq!(ends[2]["code"], 3);
        assert_eq!(ends[2]["mounts"], json!([]));
    }
}

/// Every spelling of mount and umount that elements use, each with what is seen afterwards.
const SPELLS_MOUNTS: &str = r#"#!/bin/bash
set -eu
cd $TMP_BUILD_DIR/mnt
mkdir -p a b c d e f g
mount --bind /dev a; test -c a/null; umount a; test ! -e a/null
mount -B /sys a; test -e a/kernel; umount a
mount -o bind,ro /dev a; umount -f a
mount --rbind --make-rslave /dev a; test -c a/null; umount -R a
mount -t sysfs sysfs a; test -e a/kernel; umount a; test ! -e a/kernel
mount -t devtmpfs udev a; test -c a/null; umount -l a
mount -t proc proc b; test -e b/self; mount -t devpts devpts c
mount -nvt tmpfs none d; echo kept > d/f; mount --move d e; test -e e/f
mount -o remount,ro e; ! touch e/g 2>/dev/null
mount --make-private e; mount --make-rshared f 2>/dev/null || true
mount -t tmpfs -o size=1m none f; mount --bind f g
umount b c
mount -t devpts -o "$(findmnt --first-only /dev/pts --noheadings --output OPTIONS)" devpts c; test -c c/ptmx; umount c
"#;

#[test]
fn mounts_are_made_and_taken_away_in_every_spelling() {
    let sees = "#!/bin/bash\nset -eu\ncd $TMP_BUILD_DIR/mnt\n! touch e/h 2>/dev/null; test ! -e b/self; echo x > f/y; test -e g/y\n";
    for builder in &builders() {
        let hooks = json!([{ "side": "host", "script": SPELLS_MOUNTS }, { "side": "host", "script": sees }]);
        let ends = builder.build(&json!({ "setup": TREE, "hooks": hooks }));
        assert_eq!(ends[0]["code"], 0, "{}", ends[0]);
        let targets = |end: &Value| {
            let all = end["mounts"].as_array().expect("mounts").iter();
            all.map(|mount| mount["target"].as_str().expect("a path").replace("/run/dibber/build/mnt/", ""))
                .collect::<Vec<_>>()
        };
        assert_eq!(targets(&ends[0]), ["e", "f", "g"], "{}", ends[0]);
        assert_eq!(ends[1]["code"], 0, "{}", ends[1]);
    }
}

/// dib's element `iso` (`100-build-iso`), an image with files, one that is read-only, and one of another file system.
const MOUNTS_IMAGES: &str = r#"#!/bin/bash
set -eu
cd $TMP_BUILD_DIR/mnt
mkdir -p a
dd if=/dev/zero of=boot.img bs=1K count=5760 status=none
mkdosfs -F 12 boot.img >/dev/null
sudo mount -o loop boot.img a
sudo mkdir -p a/EFI/BOOT
echo shim > a/EFI/BOOT/bootx64.efi
sudo umount a
test ! -e a/EFI
mount -o loop,rw boot.img a; grep -q shim a/EFI/BOOT/bootx64.efi; rm a/EFI/BOOT/bootx64.efi; echo "with a blank" > "a/a file.txt"; umount a
mount -o ro,loop boot.img a; grep -q blank "a/a file.txt"; umount a
fsck.fat -n boot.img
mdir -i boot.img -/ -b ::
truncate -s 8M other.img; mkfs.ext4 -q other.img
! mount -o loop other.img a
"#;

#[test]
fn an_image_of_fat_is_mounted_without_a_loop_device() {
    for builder in &builders() {
        let leaves =
            "#!/bin/bash\nset -eu\ncd $TMP_BUILD_DIR/mnt\nmount -o loop boot.img a; echo lost > a/lost\n";
        let hooks =
            json!([{ "side": "host", "script": MOUNTS_IMAGES }, { "side": "host", "script": leaves }]);
        let ends = builder.build(&json!({ "setup": TREE, "hooks": hooks }));
        let (end, left) = (&ends[0], &ends[1]);
        let said = end["out"].as_str().expect("output");
        assert_eq!(end["code"], 0, "{end}");
        assert!(said.contains("::/a file.txt") && said.contains("::/EFI/BOOT/"), "{said}");
        assert!(!said.contains("bootx64.efi"), "{said}");
        assert!(said.contains("other.img holds no FAT"), "{said}");
        assert_eq!(end["mounts"], json!([]), "{end}");
        assert_eq!(left["code"], 1, "{left}");
        assert!(left["out"].as_str().expect("output").contains("umount it in the same hook"), "{left}");
    }
}

#[test]
fn environment_files_are_read_before_the_hook() {
    for builder in &builders() {
        let never = "#!/bin/sh\necho never\n";
        let hooks = json!([
            { "side": "host", "environment": ["export A=1\n", "export B=$((A + 1))\n"],
              "script": "#!/bin/sh\necho $A $B $GREETING\nfalse\necho on\n" },
            { "side": "host", "environment": ["export A=1\n", "exit 1\n"], "script": never },
            { "side": "host", "environment": ["false\n"], "script": never },
            { "side": "host", "environment": ["export A='two\nlines'\n"], "want": "environment", "script": "" },
        ]);
        let ends = builder.build(&json!({ "hooks": hooks }));
        assert_eq!((&ends[0]["out"], &ends[0]["code"]), (&json!("1 2 hello\non\n"), &json!(0)));
        assert_eq!(
            (&ends[1]["environment_file"], &ends[1]["code"]),
            (&json!("environment.d/1-test"), &json!(1))
        );
        assert_eq!(ends[2]["environment_file"], "environment.d/0-test");
        assert!(!ends[2]["out"].as_str().expect("output").contains("never"));
        assert_eq!(ends[3]["environment"]["A"], "two\nlines");
        assert_eq!(ends[3]["environment"]["GREETING"], "hello");
    }
}

#[test]
fn killing_any_of_its_processes_ends_all() {
    let mounts = || fs::read_to_string("/proc/self/mountinfo").expect("read mountinfo").lines().count();
    let before = mounts();
    for (number, builder) in builders().iter().enumerate() {
        for (way, (victim, signal)) in
            [("person", "KILL"), ("supervisor", "KILL"), ("group", "INT")].iter().enumerate()
        {
            let sleeper = format!("sleep {}", 54_000 + number * 10 + way);
            let script = format!("#!/bin/bash\nsetsid {sleeper} &\nexec {sleeper}\n");
            let mut child = builder.start(&json!({ "hooks": [{ "side": "host", "script": script }] }));
            until("the hook", || running(&sleeper));
            let children = format!("/proc/{0}/task/{0}/children", child.id());
            let supervisor = fs::read_to_string(children).expect("children").trim().to_owned();
            let target = match *victim {
                "person" => child.id().to_string(),
                "supervisor" => supervisor.clone(),
                _ => format!("-{}", child.id()),
            };
            accepts("kill", &["-s", signal, "--", &target]);
            let killed = Instant::now();
            child.wait().expect("wait");
            until("the end of all", || !running(&sleeper) && !Path::new("/proc").join(&supervisor).exists());
            assert!(killed.elapsed() < Duration::from_secs(5), "{victim}: {:?}", killed.elapsed());
        }
        // Nor is the next build troubled.
        let ends = builder.build(&json!({ "hooks": [{ "side": "host", "script": "#!/bin/sh\nls /tmp\n" }] }));
        assert_eq!(ends[0]["out"], "");
        let left = fs::read_dir(builder.base().join("store/sandbox-tmp")).expect("read").count();
        assert!(left <= 1, "{left} directories for temporary files");
    }
    assert_eq!(before, mounts());
}
