//! What an element's files mean, as dib reads them: each test is of a kind that trees of other people have.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

use super::{HOOK, content, image, made, names};

const INPUT: i32 = 3;

#[test]
fn elements_that_need_each_other_build() {
    let shop = Workshop::new();
    shop.write("one/element-deps", "two\n");
    shop.write("two/element-deps", "one\n");
    shop.hook("one/install.d/10-one", "echo one >> /ran");
    shop.hook("two/install.d/20-two", "echo two >> /ran");
    assert_eq!(made(&shop, "[tiny-os, one]", "ran"), "one\ntwo\n");
}

/// Files of environment.d share their reader's shell, and do to it what they like.
#[test]
fn environment_files_leave_no_trace_but_variables() {
    let shop = Workshop::new();
    for (name, text) in [
        ("10-arguments", "set -- $(echo a b c)\nexport SECOND=$2\n"),
        ("11-options", "set +eu +o pipefail\nset -f -C\nshopt -s nullglob\nfalse\nexport UNSET=$NOSUCH.\n"),
        ("12-words", "IFS=/\nlocal x=local\nexport LOCAL=$x\n"),
        ("13-names", "printf() { echo mine; }\nexec() { echo mine; }\nshift() { echo mine; }\n"),
        ("14-end", "export EARLY=yes\nreturn 0\nexport EARLY=no\n"),
        ("15-place", "cd /usr\n"),
        ("16-trap", "trap 'echo trapped >> \"${TARGET_ROOT:-}/ran\"' EXIT\n"),
        ("99-last", "export LAST=last\n"),
    ] {
        shop.write(&format!("e/environment.d/{name}"), text);
    }
    let look = "echo \"$# $SECOND $UNSET $LOCAL $EARLY $LAST $PWD\" >> \"${TARGET_ROOT:-}/ran\"";
    shop.hook("e/extra-data.d/10-look", look);
    shop.hook("e/install.d/10-look", look);
    let once = "0 b . local yes last /usr\ntrapped\n";
    // The hook that makes the tree comes first, and looks at nothing.
    assert_eq!(made(&shop, "[tiny-os, e]", "ran"), format!("trapped\n{}", once.repeat(2)));
}

/// dib-run-parts is a script of bash, which reads what the kernel does not start.
#[test]
fn a_script_without_its_first_line_is_read_by_bash() {
    for environment in ["", "export SEEN=seen\n"] {
        let shop = Workshop::new();
        if !environment.is_empty() {
            shop.write("e/environment.d/10-x", environment);
        }
        for (name, text) in [
            ("10-plain", "words=(of bash)\necho \"${words[1]} ${SEEN:-}\" > /ran\n"),
            ("20-empty", ""),
            (
                "30-parts",
                "mkdir /parts; echo 'echo part >> /ran' > /parts/10-part; chmod +x /parts/10-part; dib-run-parts /parts",
            ),
        ] {
            let path = shop.write(&format!("e/install.d/{name}"), text);
            fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("set the mode");
        }
        let seen = if environment.is_empty() { "" } else { "seen" };
        assert_eq!(made(&shop, "[tiny-os, e]", "ran"), format!("bash {seen}\npart\n"));
    }
}

#[test]
fn a_hook_ends_with_any_code() {
    let shop = Workshop::new();
    for code in ["1", "129", "200", "255"] {
        shop.hook("e/install.d/10-fail", &format!("exit {code}"));
        let told = shop.build(&image(&shop, "[tiny-os, e]", &[]), &[]);
        told.refuses(HOOK, &["install/10-fail of element e", &format!("failed with exit code {code}")]);
    }
}

#[test]
fn a_script_that_is_not_executable_is_passed_over_and_said() {
    let shop = Workshop::new();
    let hook = shop.hook("e/install.d/10-tuned", ": > /ran");
    fs::set_permissions(hook, PermissionsExt::from_mode(0o644)).expect("forget the mode");
    let image = image(&shop, "[tiny-os, e]", &[]);
    let told = shop.build(&image, &[]).well();
    assert!(told.err.contains("e/install.d/10-tuned: named as a hook, but not executable"), "{}", told.err);
    assert!(!names(&shop).contains(&"ran".to_string()));
}

#[test]
fn scripts_of_a_windows_checkout_are_refused_before_anything_runs() {
    let shop = Workshop::new();
    for (text, words) in [
        ("#!/bin/bash\r\necho\r\n", ["e/install.d/10-x:1", "CRLF", "LF line ends"]),
        ("\u{feff}#!/bin/bash\necho\n", ["e/install.d/10-x:1", "byte order mark", "UTF-8"]),
    ] {
        let path = shop.write("e/install.d/10-x", text);
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("set the mode");
        shop.build(&image(&shop, "[tiny-os, e]", &[]), &[]).refuses(INPUT, &words);
        assert!(!shop.out().exists() || shop.outputs().is_empty(), "something was built");
    }
}

/// What modprobe, dracut-regenerate, containerfile and dib-init-system of dib do.
#[test]
fn a_hook_finds_the_directories_of_every_element() {
    let shop = Workshop::new();
    shop.write("e/modprobe.d/foo.conf", "blacklist foo\n");
    shop.write("e/files/deep/er/one", "of e\n");
    shop.write("f/files/deep/er/one.f", "of f\n");
    // In phases' directories lies data, too; and a file is there twice that the plan does not carry.
    shop.write("f/install.d/data", "beside hooks\n");
    shop.write("f/files/large", &"x".repeat(2 << 20));
    let look = r#"eval declare -A dirs=($(get_image_element_array))
for name in e f; do
    cd "${dirs[$name]}"
    for file in modprobe.d/foo.conf files/deep/er/one* install.d/data; do [ ! -f "$file" ] || cat "$file" >> "${TARGET_ROOT:-}/found"; done
done
[ "$(wc -c < files/large)" = 2097152 ]"#;
    shop.hook("g/extra-data.d/50-look", look);
    shop.hook("g/post-install.d/50-look", look);
    let once = "blacklist foo\nof e\nof f\nbeside hooks\n";
    assert_eq!(made(&shop, "[tiny-os, e, f, g]", "found"), once.repeat(2));
}

/// What baremetal of dib, ironic-ramdisk-base of ironic-python-agent-builder and elements of trove call.
#[test]
fn hooks_find_the_functions_of_dibs_lib() {
    let shop = Workshop::new();
    shop.hook(
        "e/cleanup.d/50-kernel",
        r#"source "$_LIB/common-functions"
source "$_LIB/img-functions"
mkdir -p "$TARGET_ROOT/boot"
touch "$TARGET_ROOT"/boot/{vmlinuz-6.9.0-1,vmlinuz-6.10.0-1,vmlinuz-6.11.0-debug,initrd.img-6.9.0-1,initrd.img-6.10.0-1}
select_boot_kernel_initrd "$TARGET_ROOT"
echo "$KERNEL $RAMDISK ${BOOTDIR#"$TARGET_ROOT"}" > "$TARGET_ROOT/found"
TMP_MOUNT_PATH=$TARGET_ROOT run_in_target 'echo "$HOME" >> /found'
unmount_dir "$TARGET_ROOT""#,
    );
    assert_eq!(made(&shop, "[tiny-os, e]", "found"), "vmlinuz-6.10.0-1 initrd.img-6.10.0-1 /boot\n/root\n");
    // The function is there without its file, as dib's driver exports it.
    for call in ["source \"$_LIB/die\"; false || die no keys here", "if true; then die no keys here; fi"] {
        shop.hook("e/extra-data.d/10-die", call);
        let told = shop.build(&image(&shop, "[tiny-os, e]", &[]), &[]);
        told.refuses(HOOK, &["extra-data/10-die", "exit code 1", "no keys here"]);
    }
}

/// Longer than one system call takes.
#[test]
fn a_path_of_an_element_may_be_of_any_length() {
    let shop = Workshop::new();
    shop.write("e/element-deps", "install-static\n");
    shop.write("e/static/opt/x", "");
    // Longer than a path may be on this machine, and not in the image. A shell knows its directory by its whole path.
    let deep = "import os, sys\nos.chdir(sys.argv[1])\nfor i in range(20):\n    os.mkdir('%0203d' % i)\n    os.chdir('%0203d' % i)\n\
                open('file', 'w').write('deep\\n')";
    accepts("python3", &["-c", deep, &shop.text("elements/e/static/opt")]);
    let look = r#"cd /opt; for i in $(seq 0 19); do cd -P "$(printf %0203d "$i")"; done; cat file > /found"#;
    shop.hook("e/post-install.d/10-look", look);
    assert_eq!(made(&shop, "[tiny-os, e]", "found"), "deep\n");
}

#[test]
fn a_variable_that_an_element_requires_is_asked_for_before_any_hook() {
    let shop = Workshop::new();
    shop.write("e/required-variables", "DIB_SOURCES ConfigDrive, OpenStack\n");
    shop.hook(
        "e/install.d/10-look",
        "echo \"$DIB_SOURCES\" > /found; [ ! -e /tmp/in_target.d/required-variables ]",
    );
    let image = image(&shop, "[tiny-os, e]", &[]);
    let told = shop.build(&image, &[]);
    told.refuses(
        INPUT,
        &["e/required-variables:1", "element `e` needs the variable DIB_SOURCES", "ConfigDrive, OpenStack"],
    );
    shop.build(&image, &["--env", "DIB_SOURCES=None"]).well();
    assert_eq!(content(&shop, "found"), "None\n");
}

#[test]
fn a_path_of_elements_may_have_empty_parts() {
    let shop = Workshop::new();
    shop.hook("e/install.d/10-look", ": > /found");
    let image = image(&shop, "[tiny-os, e]", &[]);
    let path = shop.text("elements");
    for (path, is_found) in [(format!("{path}:"), true), (format!("::{path}"), true), (String::new(), false)]
    {
        let plan = |by_option: bool| {
            let mut command = shop.dibber();
            match by_option {
                true => command.args(["plan", &image, "--elements-path", &path]),
                false => command.args(["plan", &image]).env("ELEMENTS_PATH", &path),
            };
            let output = command.output().expect("run");
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        for (succeeded, told) in [plan(true), plan(false)] {
            assert_eq!(succeeded, is_found, "{path}: {told}");
            assert!(is_found || told.contains("no element is called `tiny-os`"), "{told}");
        }
    }
}
