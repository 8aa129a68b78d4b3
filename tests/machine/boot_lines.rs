//! What the boot menu tells a kernel, and which kernels it offers: read by GRUB's own parser and by a shell, as they will be.
//!
//! In: the element bootloader's scripts with arguments that shells, GRUB or both give a meaning. Out: the words that GRUB's parser
//! (grub-emu, grub-script-check) and the shell make of them. Never: a parser of the test's own.

use std::fs;
use std::process::{Command, Stdio};

use dibber_model::Arch;
use dibber_tests::accepts;

use crate::boot_menu::{Written, written};

const KERNEL: [&str; 1] = ["vmlinuz-6.1.0-9-any"];

/// Arguments as they are written, and the word that GRUB has to read for each.
const ARGUMENTS: [(&str, &str); 24] = [
    ("ds=nocloud;s=/seed/", "ds=nocloud;s=/seed/"),
    ("memmap=128M$1G", "memmap=128M$1G"),
    ("memmap=2G!4G", "memmap=2G!4G"),
    ("dyndbg=\"file drivers/usb/*  +p\"", "dyndbg=file drivers/usb/*  +p"),
    ("\"acpi_osi=!Windows 2012\"", "acpi_osi=!Windows 2012"),
    ("quoted=\"word\"", "quoted=word"),
    ("x=`touch /boot/ran`", "x=`touch"),
    ("x=$(touch /boot/ran)", "x=$(touch"),
    ("x=${root}", "x=${root}"),
    ("p=a\\b", "p=a\\b"),
    ("n=it's", "n=it's"),
    ("''", "''"),
    ("#", "#"),
    ("c=a#b", "c=a#b"),
    ("{", "{"),
    ("}", "}"),
    ("a|b&c<d>e", "a|b&c<d>e"),
    ("/*", "/*"),
    ("isolcpus=[0-3],?", "isolcpus=[0-3],?"),
    ("time", "time"),
    ("fi", "fi"),
    ("u=\u{fc}\u{20ac}", "u=\u{fc}\u{20ac}"),
    ("e=", "e="),
    ("-n", "-n"),
];

fn with(arguments: &str) -> Written {
    let set = [
        ("DIB_BOOTLOADER_DEFAULT_CMDLINE", arguments),
        ("DIB_BOOTLOADER_VIRTUAL_TERMINAL", ""),
        ("DIB_BOOTLOADER_USE_SERIAL_CONSOLE", "False"),
        ("DIB_NO_TIMER_CHECK", "False"),
    ];
    written(Arch::X86_64, &KERNEL, &set).unwrap_or_else(|why| panic!("{why}"))
}

/// The words after `ro` of a menu's `linux` line, as GRUB's own parser reads them.
fn words_by_grub(menu: &str) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name);
    let line = menu.lines().find_map(|line| line.trim().strip_prefix("linux ")).expect("a kernel's line");
    // Short lines: grub-emu's console breaks long ones.
    let script =
        format!("function tell {{\nfor word in \"$@\"; do\necho \"<$word>\"\ndone\n}}\ntell {line}\nexit\n");
    fs::write(at("grub.cfg"), script).expect("write a file");
    accepts("grub-script-check", &[at("grub.cfg").to_str().expect("a path of text")]);
    std::os::unix::fs::symlink("/usr/lib/grub/x86_64-emu", at("x86_64-emu")).expect("make a link");
    let output = Command::new("grub-emu")
        .arg("-d")
        .arg(dir.path())
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .output()
        .expect("grub-emu is installed");
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let words = said.lines().filter_map(|line| line.split_once('<')?.1.strip_suffix('>'));
    words.skip_while(|word| *word != "ro").skip(1).map(str::to_string).collect()
}

#[test]
fn arguments_pass_through_the_shell_and_grub_as_they_are() {
    for (written, read) in ARGUMENTS {
        let Written { menu, settings } = with(written);
        let words = words_by_grub(&menu);
        assert_eq!(words.first().map(String::as_str), Some(read), "{written} in\n{menu}");
        // What update-grub will write: the shell reads the settings, and 10_linux puts their text into a menu as it is.
        let later = format!(
            "{settings}\ncat <<END\nlinux /k root=x ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT\nEND\n"
        );
        assert_eq!(words_by_grub(&accepts("sh", &["-euc", &later])), words, "{written} in\n{settings}");
    }
}

#[test]
fn all_arguments_of_a_line_are_there_in_their_order() {
    let plain: Vec<(&str, &str)> =
        ARGUMENTS.into_iter().filter(|(text, _)| !text.contains("touch")).collect();
    let line: Vec<&str> = plain.iter().map(|(written, _)| *written).collect();
    let words: Vec<&str> = plain.iter().map(|(_, read)| *read).collect();
    assert_eq!(words_by_grub(&with(&line.join("  ")).menu), words);
    // The broken twin: GRUB's parser sees what is not quoted.
    assert_ne!(
        words_by_grub(&format!("linux /k root=x ro {}", "ds=nocloud;s=/seed/")),
        ["ds=nocloud;s=/seed/"]
    );
}

/// Ordinary arguments look as they always did, in both files.
#[test]
fn ordinary_arguments_are_not_quoted() {
    let Written { menu, settings } =
        with("net.ifnames=0 crashkernel=256M@16M,high console=ttyS0,115200n8 a-b_c~d%e+f");
    let line = "net.ifnames=0 crashkernel=256M@16M,high console=ttyS0,115200n8 a-b_c~d%e+f";
    assert!(menu.contains(&format!(" ro {line}\n")), "{menu}");
    assert!(settings.contains(&format!("GRUB_CMDLINE_LINUX_DEFAULT=\"{line}\"\n")), "{settings}");
}

#[test]
fn what_no_menu_can_hold_is_refused() {
    for (arguments, why) in [("a\nb", "a line end"), (&"x=yyyyyyy ".repeat(230)[..], "the kernel takes 2047")]
    {
        let set = [("DIB_BOOTLOADER_DEFAULT_CMDLINE", arguments)];
        let refused = written(Arch::X86_64, &KERNEL, &set).err().expect("no menu");
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn kernels_are_offered_newest_first() {
    let boot = [
        "vmlinuz-6.2.0-rc8",
        "vmlinuz-6.2.0",
        "vmlinuz-6.2.0.old",
        "vmlinux-6.10.0-1-any",
        "vmlinuz-6.9.0~rc2-any",
        "kernel-6.3.0-gentoo",
        "vmlinuz-6.10.0.dpkg-new",
        "vmlinuz-6.11.0.bak",
        "vmlinuz-6.12.0.rpmsave",
        "vmlinuz-lts -> vmlinuz-6.2.0",
        "vmlinuz-6.4.0 -> /etc/hostname",
        "vmlinuz-7.0.0 -> nowhere",
        "initramfs-6.3.0-gentoo.img",
        "initrd.img-6.2.0",
    ];
    let menu = written(Arch::X86_64, &boot, &[]).unwrap_or_else(|why| panic!("{why}")).menu;
    let files = menu.lines().filter_map(|line| {
        let (command, rest) = line.trim().split_once(' ')?;
        let file = rest.split(' ').next()?.strip_prefix("/boot/")?;
        (command == "linux" || command == "initrd").then_some(file)
    });
    let right = [
        "vmlinux-6.10.0-1-any",
        "vmlinuz-6.9.0~rc2-any",
        "vmlinuz-6.4.0",
        "kernel-6.3.0-gentoo",
        "initramfs-6.3.0-gentoo.img",
        "vmlinuz-6.2.0",
        "initrd.img-6.2.0",
        "vmlinuz-6.2.0.old",
        "vmlinuz-6.2.0-rc8",
    ];
    assert_eq!(files.collect::<Vec<_>>(), right, "{menu}");
}
