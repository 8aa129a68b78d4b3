//! What a hook cannot take from the building machine: processes, files, time, and system calls that no hook needs.
//!
//! In: hooks on both sides of the chroot, as root and as an ordinary user. Out: how they ended, what is told. Never: a machine
//! brought near its own limits: those of the tests are small, and what forks stops by itself. Needs root and gcc.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop};

/// Codes of docs/exit-codes.md.
const INPUT: i32 = 3;
const HOOK: i32 = 5;

/// Tries one thing and tells how that went: a system call's error by number, how many processes or files there were.
const PROBE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
static void told(const char *name, long answer) { printf("call %s %d\n", name, answer < 0 ? errno : 0); }
#ifdef __x86_64__
/* As a program of i386 calls: errors come back as they are. */
static void old(const char *name, long call, long one, long two) {
    int answer;
    __asm__ volatile("int $0x80" : "=a"(answer) : "0"(call), "b"(one), "c"(two), "d"(0L) : "memory");
    printf("call i386-%s %d\n", name, answer < 0 ? -answer : 0);
}
#endif
static int calls(void) {
    told("add_key", syscall(SYS_add_key, "user", "d", "x", 1, -2));
    told("request_key", syscall(SYS_request_key, "user", "d", 0, 0));
    told("keyctl", syscall(SYS_keyctl, 0, -3, 1));
    told("bpf", syscall(SYS_bpf, 0, 0, 0));
    told("userfaultfd", syscall(SYS_userfaultfd, 1));
    told("perf", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0));
    told("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0));
    told("module", syscall(SYS_finit_module, -1, "", 0));
    told("handle", syscall(SYS_open_by_handle_at, -1, 0, 0));
    told("syslog", syscall(SYS_syslog, 10, 0, 0));
    told("io_uring", syscall(425, 1, 0));
    told("vsock", socket(40, SOCK_STREAM, 0));
    told("unix", socket(AF_UNIX, SOCK_STREAM, 0));
    told("push", syscall(SYS_ioctl, 0, (long)TIOCSTI, "x"));
    told("push-high", syscall(SYS_ioctl, 0, 1L << 32 | TIOCSTI, "x"));
    told("paste", syscall(SYS_ioctl, 0, 0x541CL, "\3"));
#ifdef __x86_64__
    old("keyctl", 288, 0, -3);
    old("bpf", 357, 0, 0);
    old("push", 54, 0, TIOCSTI);
    old("vsock", 359, 40, 1);
    old("socketcall", 102, 1, 0);
    old("getpid", 20, 0, 0);
    told("x32", syscall(0x40000000 | SYS_getpid));
#endif
    printf("call new-privileges %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    told("unshare", unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID));
    told("mount", mount("none", "/run", "tmpfs", 0, ""));
    return 0;
}
/* Up to 10,000 children that wait, each another user where asked for. */
static int processes(int users) {
    int number = 0;
    for (; number < 10000; number++) {
        int child = fork();
        if (child == 0) { if (users) setuid(1 + number); pause(); _exit(0); }
        if (child < 0) { printf("number %d\n", number); perror("probe: fork"); return 7; }
    }
    printf("number %d\n", number);
    return 0;
}
static int files(void) {
    int number = 0;
    while (number < 100000 && open("/dev/null", O_RDONLY) >= 0) number++;
    printf("number %d\n", number);
    perror("probe: open");
    return 7;
}
int main(int count, char **words) {
    setvbuf(stdout, 0, _IONBF, 0);
    if (!strcmp(words[1], "calls")) return calls();
    if (!strcmp(words[1], "files")) return files();
    return processes(!strcmp(words[1], "users"));
}
"#;

/// Where elements are, on either side of the chroot.
const FIND: &str =
    "probe=/tmp/in_target.d/.elements/e/probe; [ -e $probe ] || probe=$TMP_HOOKS_PATH/.elements/e/probe";

fn shop(user: Option<&'static str>) -> Workshop {
    let shop = Workshop::of(user);
    let source = shop.write("probe.c", PROBE);
    fs::create_dir_all(shop.at("elements/e")).expect("make a directory");
    let program = shop.text("elements/e/probe");
    accepts("gcc", &["-w", "-static", "-O1", "-o", &program, source.to_str().expect("UTF-8")]);
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("set a mode");
    shop
}

fn image(shop: &Workshop, more: &[(&str, &str)]) -> String {
    let mut keys = vec![("elements", "[tiny-os, e]"), ("outputs", "[tar]")];
    keys.extend(more);
    shop.image("e", &keys)
}

/// The number that a probe told.
fn number(said: &str) -> u64 {
    let told = said.lines().find_map(|line| line.trim().strip_prefix("number "));
    told.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number:\n{said}"))
}

#[test]
fn system_calls_that_no_hook_needs_are_refused() {
    const ENOSYS: i32 = 38;
    const EPERM: i32 = 1;
    const EAFNOSUPPORT: i32 = 97;
    let mut wanted =
        vec![("add_key", ENOSYS), ("request_key", ENOSYS), ("keyctl", ENOSYS), ("io_uring", ENOSYS)];
    wanted.extend(
        ["bpf", "userfaultfd", "perf", "kexec", "module", "handle", "syslog"].map(|name| (name, EPERM)),
    );
    wanted.extend(["push", "push-high", "paste"].map(|name| (name, EPERM)));
    wanted.extend([
        ("vsock", EAFNOSUPPORT),
        ("unix", 0),
        ("unshare", 0),
        ("mount", 0),
        ("new-privileges", 0),
    ]);
    if cfg!(target_arch = "x86_64") {
        wanted.extend([("i386-keyctl", ENOSYS), ("i386-bpf", EPERM), ("i386-push", EPERM)]);
        wanted.extend([
            ("i386-vsock", EAFNOSUPPORT),
            ("i386-socketcall", ENOSYS),
            ("i386-getpid", 0),
            ("x32", ENOSYS),
        ]);
    }
    for user in [None, Some(USER)] {
        let shop = shop(user);
        for phase in ["extra-data", "install"] {
            shop.hook(&format!("e/{phase}.d/50-calls"), &format!("{FIND}; $probe calls; echo side {phase}"));
        }
        let told = shop.build(&image(&shop, &[]), &["--verbose"]).well();
        let said = format!("{}{}", told.out, told.err);
        for (name, error) in &wanted {
            let line = format!("call {name} {error}");
            let times = said.lines().filter(|said| said.trim() == line).count();
            assert_eq!(times, 2, "{user:?}: `{line}`, once on each side:\n{said}");
        }
    }
}

#[test]
fn a_hook_that_forks_on_is_stopped() {
    for (user, phase, how, most) in [
        (None, "install", "processes", 100),
        (Some(USER), "extra-data", "processes", 100),
        // Each process another user: all of them together have a bound as well.
        (None, "extra-data", "users", 100 + 1024),
        (Some(USER), "install", "users", 100 + 1024),
    ] {
        let shop = shop(user);
        shop.hook(&format!("e/{phase}.d/50-forks"), &format!("{FIND}; $probe {how}"));
        let told = shop.build(&image(&shop, &[("limits", "{processes: 100}")]), &["--verbose"]);
        told.refuses(
            HOOK,
            &[&format!("{phase}/50-forks of element e"), "100 processes", "limits: {processes:"],
        );
        let number = number(&format!("{}{}", told.out, told.err));
        assert!((10..=most).contains(&number), "{user:?} {how}: {number}");
        assert_eq!(shop.processes(), [""; 0]);
    }
}

/// Without a word in the image file, 10,000 are too many, too.
#[test]
fn there_is_a_bound_by_default() {
    let shop = shop(Some(USER));
    shop.hook("e/install.d/50-forks", &format!("{FIND}; $probe processes"));
    shop.build(&image(&shop, &[]), &[]).refuses(HOOK, &["4096 processes", "limits: {processes:"]);
}

#[test]
fn files_have_a_largest_size_and_number() {
    let shop = shop(None);
    shop.hook(
        "e/install.d/50-large",
        "truncate -s 60M /small; sync; truncate -s 65M /large; echo not reached",
    );
    let told = shop.build(&image(&shop, &[("limits", "{file_size: 64MiB}")]), &[]);
    told.refuses(HOOK, &["install/50-large of element e", "64 MiB", "limits: {file_size:"]);
    fs::remove_dir_all(shop.at("elements/e/install.d")).expect("remove the hook");
    shop.hook("e/extra-data.d/50-many", &format!("{FIND}; ulimit -n $(ulimit -Hn); $probe files"));
    let told = shop.build(&image(&shop, &[("limits", "{open_files: 2000}")]), &["--verbose"]);
    told.refuses(HOOK, &["extra-data/50-many of element e", "2000 files", "limits: {open_files:"]);
    assert!((1900..=2000).contains(&number(&format!("{}{}", told.out, told.err))), "{}", told.err);
}

/// Hooks that have no end: silent ones, deaf ones, ones that print on and on.
#[test]
fn a_hook_without_an_end_is_ended() {
    const DEAF: &str = "trap '' TERM HUP INT; (sleep 300 >/dev/null 2>&1 &); sleep 300";
    const CHATTY: &str = "while sleep 0.05; do echo on and on; done";
    for (user, phase, lines) in
        [(None, "install", DEAF), (Some(USER), "extra-data", DEAF), (Some(USER), "install", CHATTY)]
    {
        let shop = Workshop::of(user);
        shop.hook(&format!("e/{phase}.d/50-endless"), lines);
        let begin = Instant::now();
        let told = shop.build(&image(&shop, &[("timeout", "2s")]), &[]);
        told.refuses(HOOK, &[&format!("{phase}/50-endless of element e"), "after 2 s", "`timeout:`"]);
        assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
        assert_eq!(shop.processes(), [""; 0]);
    }
}

/// Limits change no result, so they change no step: what was made under others is kept.
#[test]
fn limits_are_in_no_id() {
    let shop = shop(None);
    shop.hook("e/install.d/50-a", "echo a > /a");
    shop.build(&image(&shop, &[]), &[]).well();
    let keys = [("timeout", "none"), ("limits", "{processes: 500, open_files: 4096, file_size: 1TiB}")];
    let told = shop.build(&image(&shop, &keys), &["--json"]).well();
    assert_eq!(told.steps("step-started"), [""; 0]);
}

#[test]
fn limits_that_mean_nothing_are_refused_where_they_stand() {
    let shop = shop(None);
    for (key, value, words) in [
        ("timeout", "soon", ["not a length of time", "2h"]),
        ("timeout", "0", ["not between 1 s", "0 s"]),
        ("limits", "{processes: 3}", ["not between 16", "4194304"]),
        ("limits", "{open_files: 2000000}", ["not between 64", "1048576"]),
        ("limits", "{file_size: 1KiB}", ["not between 64 MiB", "1 KiB"]),
        ("limits", "{proceses: 100}", ["proceses", "did you mean `processes`"]),
    ] {
        shop.build(&image(&shop, &[(key, value)]), &[]).refuses(INPUT, &words);
    }
}
