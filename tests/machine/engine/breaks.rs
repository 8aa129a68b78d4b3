//! Break points, and the shell where a hook failed: as a person at a terminal meets them.

use dibber_tests::workshop::{Told, Workshop};

use super::{HOOK, content, image};

/// The code of docs/exit-codes.md.
const USAGE: i32 = 2;

#[test]
fn break_points_run_a_command() {
    let shop = Workshop::new();
    shop.hook("e/install.d/10-a", "echo a >> /ran");
    let plain = image(&shop, "[tiny-os, e]", &[]);
    shop.build(&plain, &[]).well();
    let told = |points: &str, command: &str, more: &[&str]| -> Told {
        let mut arguments = vec!["--json", "--break", points, "--break-cmd", command];
        arguments.extend(more);
        shop.build(&plain, &arguments)
    };
    // A look changes nothing, and all is kept.
    let look = told("before-install,after-install", "pwd; ls -d /tmp/in_target.d", &[]).well();
    assert!(look.out.contains("/tmp/in_target.d"), "{}", look.out);
    assert_eq!(look.steps("step-started"), [""; 0]);
    // A change stays in this build, and in no later one.
    let changed = told("before-install", "echo by hand >> /ran", &[]).well();
    assert_eq!(content(&shop, "ran"), "by hand\na\n");
    assert!(changed.out.contains("the tree was changed at before-install"), "{}", changed.out);
    shop.build(&plain, &[]).well();
    assert_eq!(content(&shop, "ran"), "a\n");
    let outside =
        told("after-install", "echo after >> $TMP_MOUNT_PATH/ran", &["--break-outside-target"]).well();
    assert_eq!(content(&shop, "ran"), "a\nafter\n", "{}", outside.out);
    // dib's variables say the same.
    let mut command = shop.dibber();
    command
        .args(shop.arguments(&plain))
        .arg("--json")
        .env("break", "before-root")
        .env("break_cmd", "echo seen $TMP_MOUNT_PATH");
    let output = command.output().expect("run");
    assert!(String::from_utf8_lossy(&output.stdout).contains("seen /run/dibber/build/mnt"), "{output:?}");
    told("before-instal", "true", &[]).refuses(USAGE, &["no breakpoint `before-instal`", "pre-install"]);
    told("before-install", "exit 4", &[]).refuses(HOOK, &["exit code 4"]);
}

#[test]
fn the_tree_of_a_failed_hook_can_be_looked_at() {
    let shop = Workshop::new();
    shop.hook("e/install.d/10-fail", "echo half done > /half; exit 3");
    let image = image(&shop, "[tiny-os, e]", &[]);
    let told = shop.build(&image, &["--json", "--break", "after-error", "--break-cmd", "cat /half"]);
    told.refuses(HOOK, &["exit code 3"]);
    assert!(told.out.contains("half done"), "{}", told.out);
    let told = shop.build(&image, &["--json", "--shell-on-error"]);
    told.refuses(HOOK, &["exit code 3"]);
    assert!(told.out.contains("no terminal"), "{}", told.out);
}

/// A shell on a pseudo-terminal, driven by a person of few words; then Ctrl-C, which must find the program in front again.
const PERSON: &str = r#"
import os, pty, select, signal, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def wait(text, seconds):
    global seen
    end = time.time() + seconds
    while text not in seen:
        if time.time() > end:
            print(seen.decode(errors="replace")); print("NOT SEEN", text); os.kill(pid, 9); sys.exit(1)
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                print(seen.decode(errors="replace")); print("ENDED BEFORE", text); sys.exit(1)
wait(b"dibber:", 60)
os.write(fd, b"echo sum $((40 + 2)); cat /half\r")
wait(b"sum 42", 10)
wait(b"half done", 10)
# Ctrl-C belongs to the shell while it is there.
os.write(fd, b"sleep 60\r"); time.sleep(1); os.write(fd, b"\x03"); os.write(fd, b"echo still $((1 + 1)) here\r")
wait(b"still 2 here", 10)
os.write(fd, b"exit\r")
if "--break" in sys.argv:
    wait(b"started sleeping", 60)
    assert os.tcgetpgrp(fd) == os.getpgid(pid), "the program is not in front again"
    start = time.time(); os.write(fd, b"\x03")
else:
    start = time.time()
end = start + 60
while time.time() < end:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        print("CODE", os.waitstatus_to_exitcode(status), "AFTER %.1f" % (time.time() - start)); sys.exit(0)
    if select.select([fd], [], [], 0.05)[0]:
        try: seen += os.read(fd, 65536)
        except OSError: time.sleep(0.05)
print(seen.decode(errors="replace")); print("NEVER ENDED"); os.kill(pid, 9); sys.exit(1)
"#;

fn person(shop: &Workshop, image: &str, more: &[&str]) -> String {
    let mut command = shop.wrapped(&["python3", "-c", PERSON]);
    command.args(shop.arguments(image)).args(more).env("TERM", "dumb");
    let output = command.output().expect("python3");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_shell_on_the_terminal_where_a_hook_failed() {
    let shop = Workshop::new();
    shop.hook("e/install.d/10-fail", "echo half done > /half; exit 3");
    let said = person(&shop, &image(&shop, "[tiny-os, e]", &[]), &["--shell-on-error"]);
    assert!(said.contains("CODE 5 "), "{said}");
    assert_eq!(shop.processes(), [""; 0]);
}

#[test]
fn a_shell_between_phases_gives_the_terminal_back() {
    let shop = Workshop::new();
    shop.hook("e/pre-install.d/10-half", "echo half done > /half");
    shop.hook("e/install.d/10-sleep", "echo started sleeping; sleep 60");
    let said = person(&shop, &image(&shop, "[tiny-os, e]", &[]), &["--verbose", "--break", "before-install"]);
    assert!(said.contains("CODE 130 "), "{said}");
    assert_eq!(shop.processes(), [""; 0]);
}
