//! The boot menu that the element bootloader writes: its consoles, and that petitboot reads it too.
//!
//! In: the element's own scripts, run over a /boot of the test's in a mount namespace. Out: a menu for each architecture. Never: a
//! boot; those are made elsewhere.
//!
//! OPAL machines (POWER without a hypervisor) boot by petitboot. Its parser of GRUB menus knows a few commands and resolves
//! devices by UUID alone: github.com/open-power/petitboot, discover/grub2 (builtins.c, lexer.l, parser.y, script.c, grub2.c).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use dibber_model::Arch;

const UUID: &str = "11111111-2222-3333-4444-555555555555";

const SCRIPT: &str = r#"
set -eu
mount --bind "$W/boot" /boot
mount --bind "$W/default" /etc/default
mount --bind "$W/os-release" "$(readlink -f /etc/os-release)"
cd "$E"
for file in environment.d/*; do . "./$file"; done
for hook in finalise.d/48-grub-defaults finalise.d/50-bootloader; do bash "./$hook"; done
"#;

/// The menu of a system with two kernels.
fn menu(arch: Arch, more: &[(&str, &str)]) -> String {
    let usual =
        ["vmlinux-6.1.0-40-any", "initrd.img-6.1.0-40-any", "vmlinuz-6.1.0-9-any", "config-6.1.0-9-any"];
    written(arch, &usual, more).unwrap_or_else(|why| panic!("{why}")).menu
}

/// What the element writes.
pub(crate) struct Written {
    pub(crate) menu: String,
    /// `/etc/default/grub`.
    pub(crate) settings: String,
}

/// What the element writes of a system with these files in `/boot` (`NAME -> TARGET` is a link), or why it does not.
pub(crate) fn written(arch: Arch, boot: &[&str], more: &[(&str, &str)]) -> Result<Written, String> {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name);
    for name in ["boot", "default"] {
        fs::create_dir(at(name)).expect("make a directory");
    }
    for name in boot {
        match name.split_once(" -> ") {
            Some((link, target)) => symlink(target, at("boot").join(link)).expect("make a link"),
            None => fs::write(at("boot").join(name), "").expect("write a file"),
        }
    }
    fs::write(at("os-release"), "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n").expect("write a file");
    let elements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../elements/bootloader");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "bash", "-c", SCRIPT]);
    command.env("W", dir.path()).env("E", elements).env("ARCH", arch.debian_name());
    command.env("DIB_ROOT_UUID", UUID).env("DIB_ROOT_LABEL", "img-rootfs").env("DIB_MOUNTPOINTS", "/");
    let output = command.envs(more.iter().copied()).output().expect("unshare is installed");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let read = |name: &str| fs::read_to_string(at(name)).expect("the element wrote it");
    Ok(Written { menu: read("boot/grub/grub.cfg"), settings: read("default/grub") })
}

/// Commands that petitboot runs, and those that it passes over; any other is an "undefined function".
const COMMANDS: [&str; 17] = [
    "set", "linux", "linux16", "initrd", "search", "[", "test", "true", "false", "load_env", "save_env",
    "blscfg", "echo", "export", "insmod", "loadfont", "terminfo",
];
/// Words of the grammar, which may stand nowhere else unquoted.
const RESERVED: [&str; 18] = [
    "[[", "]]", "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "in", "select",
    "submenu", "then", "time", "until", "while",
];

/// What petitboot would not read, or not as it was meant, with line numbers.
fn faults(menu: &str) -> Vec<String> {
    let (mut found, mut inside, mut kernels, mut root) = (Vec::new(), false, 0, false);
    for (at, line) in menu.lines().enumerate() {
        let mut fault = |what: &str| found.push(format!("{}: {what}: {line}", at + 1));
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let quotes = line.matches('\'').count();
        let bare: String = line.split('\'').step_by(2).collect();
        if quotes % 2 != 0 || bare.contains(['"', '|', '&', '$', ';', '<', '>']) {
            fault("a letter that its lexer stops at");
        }
        if bare.split_whitespace().any(|word| RESERVED.contains(&word)) {
            fault("a reserved word");
        }
        let words: Vec<&str> = bare.split_whitespace().collect();
        match words[0] {
            "menuentry" if !inside && quotes == 2 && line.ends_with(" {") => (inside, root) = (true, false),
            "}" if inside && words.len() == 1 => inside = false,
            "linux" | "initrd" if !inside || !root => {
                fault("files need a menuentry, and a search before them");
            }
            "linux" => kernels += 1,
            "initrd" if words.len() == 2 => {}
            "initrd" => fault("only the first file of an initrd is taken"),
            "search" => {
                // The value of --set becomes the last word, and a device is looked up by its UUID alone.
                root = words.contains(&"--set=root") && words.contains(&"--fs-uuid");
                if !root || words.last().is_none_or(|word| word.len() < 8 || word.starts_with('-')) {
                    fault("a search that is not for a UUID");
                }
            }
            "set" if words.len() == 2 && words[1].contains('=') => {}
            command if COMMANDS.contains(&command) && command != "set" => {}
            _ => fault("an undefined function"),
        }
    }
    if inside || kernels == 0 {
        found.push(String::from("no whole entry with a kernel"));
    }
    found
}

#[test]
fn petitboot_reads_the_menu_of_power() {
    let menu = menu(Arch::Ppc64le, &[]);
    assert!(faults(&menu).is_empty(), "{}\n{menu}", faults(&menu).join("\n"));
    let lines: Vec<&str> = menu.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let search = format!("search --no-floppy --fs-uuid --set=root {UUID}");
    let kernel = |name: &str| {
        format!(
            "linux /boot/{name} root=UUID={UUID} ro console=tty0 console=hvc0 no_timer_check nofb nomodeset gfxpayload=text"
        )
    };
    let (new, old) = (kernel("vmlinux-6.1.0-40-any"), kernel("vmlinuz-6.1.0-9-any"));
    assert_eq!(
        lines,
        [
            "set default=0",
            "set timeout=5",
            "set timeout_style=menu",
            "menuentry 'Debian GNU/Linux 12 (bookworm), Linux 6.1.0-40-any' {",
            &search,
            &new,
            "initrd /boot/initrd.img-6.1.0-40-any",
            "}",
            "menuentry 'Debian GNU/Linux 12 (bookworm), Linux 6.1.0-9-any' {",
            &search,
            &old,
            "}",
        ]
    );
}

/// The broken twins: what petitboot stumbles over is found, in real menus and in spoilt ones.
#[test]
fn what_petitboot_does_not_read_is_found() {
    assert!(
        faults(&menu(Arch::X86_64, &[])).iter().any(|fault| fault.contains("an undefined function: serial"))
    );
    assert!(!faults(&menu(Arch::Ppc64le, &[("DIB_ROOT_UUID", "")])).is_empty(), "labels are not looked up");
    let good = menu(Arch::Ppc64le, &[]);
    for (from, to) in [
        ("console=tty0", "console=tty0 dyndbg=\"file a\""),
        ("console=tty0", "a;b"),
        ("console=tty0", "time"),
        ("set default=0", "if true; then"),
        ("set default=0", "terminal_output console"),
        ("    search", "    #"),
        ("}\n", "\n"),
        ("initrd /boot/", "initrd /boot/early.cpio /boot/"),
        ("' {", " {"),
    ] {
        let spoilt = good.replace(from, to);
        assert_ne!(spoilt, good, "{from}");
        assert!(!faults(&spoilt).is_empty(), "{from} -> {to}");
    }
}

/// The element's consoles are those of the table, in either spelling of the architecture.
#[test]
fn each_kernel_is_told_its_architecture_s_console() {
    for arch in Arch::all() {
        let console = format!(" console={} ", arch.facts().console);
        for spelling in [arch.debian_name(), arch.kernel_name()] {
            let menu = menu(arch, &[("ARCH", spelling)]);
            let told =
                menu.lines().filter(|line| line.trim().starts_with("linux ") && line.contains(&console));
            assert_eq!(told.count(), 2, "{arch}: no{console}in\n{menu}");
        }
    }
}
