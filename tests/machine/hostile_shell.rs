//! The shell at a breakpoint against the person who types at it: pushed input, the terminal's mode, answers that come late.
//!
//! In: builds on a pseudo-terminal, whose other end a small program plays: the terminal and its person. Out: what it saw. Never: a
//! real terminal. Needs root, as all tests that build, and gcc and python3.

use std::os::unix::fs::PermissionsExt;

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop};

/// What a shell can find out, and what a hostile one does. Static, since trees have few libraries.
const LOOK: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
int main(int count, char **words) {
    struct winsize size;
    ioctl(0, TIOCGWINSZ, &size);
    int terminal = open("/dev/tty", O_RDWR);
    printf("tty=%s size=%dx%d leader=%d\n", ttyname(0), size.ws_row, size.ws_col, tcgetsid(terminal) == getsid(0));
    /* Into every terminal that is open here; the second is TIOCLINUX, to paste the console's selection. */
    for (const char *at = "touch pushed\n"; count > 1 && *at; at++)
        for (int fd = 0; fd < 20; fd++) {
            char paste = 3;
            ioctl(fd, TIOCSTI, at);
            ioctl(fd, 0x541C, &paste);
        }
    if (count > 1) {
        /* A bad mode, reports of the mouse, a question that the terminal answers, half a sequence; and gone. */
        struct termios mode;
        tcgetattr(0, &mode);
        mode.c_lflag = 0;
        tcsetattr(0, TCSANOW, &mode);
        printf("\033[?1003h\033[cgone\033]0;");
    }
    return 0;
}
"#;

/// The terminal, its person, and the shell from which the program is started: `person.py SCENE DIRECTORY DIBBER ARGUMENT...`.
const PERSON: &str = r##"
import fcntl, os, pty, re, select, signal, struct, sys, termios, time
scene, home, command = sys.argv[1], sys.argv[2], sys.argv[3:]
token = ("DIBBER_TRIAL=" + home.lstrip("/")).encode()
script = '"$@"; echo "CODE $?"; if IFS= read -r -t 1 -n 1 left; then echo "LEFT"; else echo "NOTHING LEFT"; fi; echo "MODE"; IFS= read -r -t 2 left'
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    os.execv("/bin/bash", ["bash", "--norc", "-c", script, "bash"] + command)
# Its number by TIOCGPTN; what it is by its inode: the sandbox has a /dev/pts/0 of its own.
tty = os.stat("/dev/pts/%d" % struct.unpack("I", fcntl.ioctl(fd, 0x80045430, bytes(4))))
seen, before, late = b"", None, []
def turn():
    global seen
    for item in [item for item in late if time.time() > item[0]]:
        os.write(fd, item[1]); late.remove(item)
    if select.select([fd], [], [], 0.05)[0]:
        new = os.read(fd, 65536); seen += new
        # A terminal answers in order, and not at once: who it is, then how it is.
        if b"\x1b[c" in new: late.append((time.time() + 0.2, b"touch answered\r"))
        if b"\x1b[5n" in new: late.append((time.time() + 0.25, b"\x1b[0n"))
def fail(why): print(seen.decode(errors="replace")); print("FAILED", why); os.kill(pid, 9); sys.exit(1)
def wait(text, seconds=60):
    end = time.time() + seconds
    while not re.search(text, seen):
        if time.time() > end: fail("not seen: %r" % text)
        try: turn()
        except OSError: fail("ended before %r" % text)
def say(line): os.write(fd, line.encode() + b"\r")
def processes():
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and token in open("/proc/%s/environ" % name, "rb").read().split(b"\0"): yield name
        except OSError: pass
def holds(name):
    for one in os.listdir("/proc/%s/fd" % name):
        try: found = os.stat("/proc/%s/fd/%s" % (name, one))
        except OSError: continue
        if (found.st_dev, found.st_ino) == (tty.st_dev, tty.st_ino): return True
    # Or as its session's, to be opened as /dev/tty.
    return int(open("/proc/%s/stat" % name).read().rsplit(")", 1)[1].split()[3]) == pid
before = termios.tcgetattr(fd)
wait(b"a shell;"); wait(b"# $|# \x1b")
say("/tmp/in_target.d/.elements/e/look")
wait(rb"tty=/dev/pts/\d+ size=33x101 leader=1")
everybody = list(processes())
if len(everybody) < 6: fail("only %s" % everybody)
mine = [name for name in everybody if holds(name)]
names = [open("/proc/%s/cmdline" % name).read().split("\0")[0] for name in mine]
if [os.path.basename(name) for name in names if "bash" not in name] != ["dibber"]: fail("the terminal is open in %s" % names)
if termios.tcgetattr(fd)[3] & termios.ICANON: fail("the person's process does not relay")
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0)); time.sleep(0.3)
say("/tmp/in_target.d/.elements/e/look"); wait(rb"size=40x120")
worker = [name for name in processes() if open("/proc/%s/cmdline" % name).read().startswith("dibber-worker")]
if scene == "hostile": say("exec /tmp/in_target.d/.elements/e/look push")
if scene == "term": os.kill(int([n for n, w in zip(mine, names) if "bash" not in w][0]), signal.SIGTERM)
if scene == "kill": [os.kill(int(name), signal.SIGKILL) for name in worker]
start = time.time()
wait(rb"CODE (\d+)"); took = time.time() - start
wait(b"MODE")
after = termios.tcgetattr(fd)
if after[:6] != before[:6] or after[6] != before[6]: fail("mode %s became %s" % (before, after))
print("CODE", re.search(rb"CODE (\d+)", seen)[1].decode(), "AFTER %.1f" % took, "NOTHING" if b"NOTHING LEFT" in seen else "LEFT")
os.kill(pid, 9); os.waitpid(pid, 0)
if b"1003h" in seen and seen.rindex(b"?1003l") < seen.rindex(b"?1003h"): fail("the mouse is still reported")
"##;

/// Plays a scene, and tells what came of it: `CODE n AFTER seconds NOTHING`.
fn play(scene: &str, user: Option<&'static str>) -> String {
    let shop = Workshop::of(user);
    // The shell has the files that the hook was given: those that it names.
    shop.hook("e/install.d/10-fail", ": /tmp/in_target.d/.elements/e/look; echo half done > /half; exit 3");
    let source = shop.write("look.c", LOOK);
    let program = shop.at("elements/e/look");
    let words =
        ["-w", "-static", "-O1", "-o", program.to_str().expect("UTF-8"), source.to_str().expect("UTF-8")];
    accepts("gcc", &words);
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("set a mode");
    let image = shop.image("e", &[("elements", "[tiny-os, e]"), ("outputs", "[tar]")]);
    let home = shop.text("");
    let mut command = shop.wrapped(&["python3", "-c", PERSON, scene, home.trim_end_matches('/')]);
    command.args(shop.arguments(&image)).arg("--shell-on-error").env("TERM", "xterm");
    let output = command.output().expect("python3");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{scene}: {said}");
    assert_eq!(shop.processes(), [""; 0]);
    for name in ["pushed", "answered"] {
        assert!(!shop.at("work").join(name).exists(), "{scene}: {name}: {said}");
    }
    said
}

#[test]
fn a_hostile_shell_leaves_the_terminal_as_it_was() {
    for user in [None, Some(USER)] {
        let said = play("hostile", user);
        assert!(said.contains("CODE 5 ") && said.contains("NOTHING"), "{user:?}: {said}");
    }
}

#[test]
fn a_build_that_is_ended_at_its_shell_gives_the_terminal_back() {
    let said = play("term", None);
    assert!(said.contains("CODE 130 AFTER 0") || said.contains("CODE 130 AFTER 1"), "{said}");
}

#[test]
fn a_worker_that_is_killed_at_its_shell_gives_the_terminal_back() {
    let said = play("kill", None);
    assert!(said.contains("CODE 1 "), "{said}");
}
