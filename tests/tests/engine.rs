//! The elements engine at run time: which hooks run, where, in which order, and what they find.
//!
//! In: elements of a few lines. Out: what their hooks saw, read from a tar archive of the tree. Never: the network. Needs root,
//! as all tests that build.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use dibber_tests::workshop::{Told, Workshop};
use dibber_tests::{accepts, run};

/// Codes of docs/exit-codes.md.
const USAGE: i32 = 2;
const HOOK: i32 = 5;

/// An image of these elements, as a tar archive.
fn image(shop: &Workshop, elements: &str, more: &[(&str, &str)]) -> String {
    let mut keys = vec![("elements", elements), ("outputs", "[tar]")];
    keys.extend(more);
    shop.image("e", &keys)
}

/// Builds, and tells what is in a file of the tree.
fn made(shop: &Workshop, elements: &str, file: &str) -> String {
    let image = image(shop, elements, &[]);
    shop.build(&image, &[]).well();
    content(shop, file)
}

fn archive(shop: &Workshop) -> String {
    shop.out().join("e.tar").to_str().expect("UTF-8").to_string()
}

fn content(shop: &Workshop, file: &str) -> String {
    accepts("tar", &["-xOf", &archive(shop), &format!("./{file}")])
}

fn names(shop: &Workshop) -> Vec<String> {
    accepts("tar", &["-tf", &archive(shop)])
        .lines()
        .map(|name| name.trim_start_matches("./").to_string())
        .collect()
}

fn log(shop: &Workshop) -> String {
    fs::read_to_string(shop.out().join("x86_64-e.log")).expect("read the log")
}

/// A tree's own `install-packages`, that writes down what it is asked for.
const INSTALL_PACKAGES: &str = r#"#!/bin/bash
# The part of elements/dpkg/bin/install-packages that reads options, before a package manager that only writes down.
set -eu -o pipefail
map= mode=install
while getopts 'm:e' option; do
    case $option in m) map=$OPTARG ;; e) mode=remove ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
packages=("$@")
if [ -n "$map" ]; then
    read -r -d '' -a packages < <(pkg-map --missing-ok --element "$map" "$@" && printf '\0')
fi
echo "$mode ${packages[*]}" >> /packages
"#;

const PHASES: [(&str, &str); 10] = [
    ("root", "outside"),
    ("extra-data", "outside"),
    ("pre-install", "inside"),
    ("install", "inside"),
    ("post-install", "inside"),
    ("post-root", "outside"),
    ("block-device", "outside"),
    ("pre-finalise", "outside"),
    ("finalise", "inside"),
    ("cleanup", "outside"),
];

#[test]
fn every_phase_runs_on_its_side_in_its_order() {
    let shop = Workshop::new();
    let mut expected = String::new();
    for (phase, side) in PHASES {
        for name in ["9-a", "10-a", "10-b", "100-a"] {
            // root.d/10-tiny makes the tree between 10-b and 100-a: bytes decide between equal numbers.
            let name = if phase == "root" { name.replace("a", "z") } else { name.to_string() };
            if phase == "root" && !name.starts_with("100") {
                continue;
            }
            expected += &format!("{phase} {name} {side} MARK\n");
            shop.hook(
                &format!("e/{phase}.d/{name}"),
                &format!(
                    "tree=${{TARGET_ROOT:-}}\n[ -d /tmp/in_target.d ] && side=inside || side=outside\n\
                     echo {phase} {name} $side ${{MARK:-none}} >> $tree/ran"
                ),
            );
        }
    }
    shop.write("e/environment.d/10-mark.bash", "export MARK=MARK\n");
    assert_eq!(made(&shop, "[tiny-os, e]", "ran"), expected);
    let log = log(&shop);
    assert!(log.contains("== install/9-a (e)\n== "), "{log}");
    let times = log.lines().filter(|line| line.starts_with("== ") && line.ends_with(" s"));
    assert!(times.clone().count() >= 37, "{log}");
    assert!(times.map(|line| line[3..line.len() - 2].parse::<f64>()).all(|seconds| seconds.is_ok()), "{log}");
}

#[test]
fn hooks_know_the_elements_on_both_sides() {
    let shop = Workshop::new();
    shop.write("e/note", "of e\n");
    shop.write("other/note", "of other\n");
    let look = r#"
declare -A elements
eval "elements=($(get_image_element_array))"
cat "${elements[e]}/note" "${elements[other]}/note" >> ${TARGET_ROOT:-}/notes
[ -d "${elements[pkg-map]}" ]
echo "$IMAGE_ELEMENT" >> ${TARGET_ROOT:-}/notes
while IFS=: read -r name path; do
    path=${path# } path=${path//\'/}
    [ -d "$path" ] && echo "${name//\'/}" >> ${TARGET_ROOT:-}/notes
done < <(printf %s "$IMAGE_ELEMENT_YAML")
"#;
    shop.hook("e/extra-data.d/10-look", look);
    shop.hook("e/install.d/10-look", look);
    let once = "of e\nof other\ne other pkg-map tiny-os\ne\nother\npkg-map\ntiny-os\n";
    assert_eq!(made(&shop, "[tiny-os, e, other, pkg-map]", "notes"), once.repeat(2));
    assert!(!names(&shop).iter().any(|name| name.contains(".elements")), "nothing of it is left in the tree");
}

#[test]
fn maps_of_packages_and_services() {
    let shop = Workshop::new();
    shop.write(
        "e/pkg-map",
        r#"{"family": {"debian": {"a": "a-deb a-deb2"}}, "default": {"a": "a-any", "none": ""}}"#,
    );
    shop.write("e/svc-map", "ntp:\n  debian: ntpsec\n  default: ntpd\nssh:\n  default: sshd\n");
    shop.write("other/README.rst", "no map here\n");
    shop.write("e/bin/install-packages", INSTALL_PACKAGES);
    shop.write("e/environment.d/10-name.bash", "export DISTRO_NAME=debian\n");
    shop.write("e/package-installs.yaml", "a:\nb:\nc:\n  uninstall: true\n  phase: post-install.d\n");
    let ask = r#"
out=${TARGET_ROOT:-}/answers
say() { local code=0; "$@" >> $out 2>/dev/null || code=$?; echo "= $code" >> $out; }
say pkg-map --element e a none
say pkg-map --element e --distro fedora a
say pkg-map --element e nosuch
say pkg-map --element e --missing-ok nosuch
say pkg-map --element other a
say pkg-map --missing-ok --element other a
say pkg-map a
say svc-map ntp ssh unknown
"#;
    shop.hook("e/extra-data.d/10-ask", ask);
    shop.hook("e/install.d/10-ask", &format!("{ask}\ninstall-packages -m e a x\ninstall-packages -e -m e a"));
    // A unit of the name that was asked for is installed: that is the service.
    shop.hook(
        "e/post-install.d/10-unit",
        "mkdir -p /lib/systemd/system; : > /lib/systemd/system/ntp.service; svc-map ntp > /unit",
    );
    let once =
        "a-deb a-deb2\n= 0\na-any\n= 0\n= 1\nnosuch\n= 0\n= 2\na\n= 0\n= 1\nntpsec\nsshd\nunknown\n= 0\n";
    let elements = "[tiny-os, e, other, package-installs, pkg-map, svc-map]";
    let image = image(&shop, elements, &[("packages", "[from-image]")]);
    shop.build(&image, &[]).well();
    assert_eq!(content(&shop, "answers"), once.repeat(2));
    assert_eq!(content(&shop, "unit"), "ntp\n");
    assert_eq!(
        content(&shop, "packages"),
        "install a-deb a-deb2 b\ninstall a-deb a-deb2 x\nremove a-deb a-deb2\ninstall from-image\nremove c\n"
    );
}

#[test]
fn dib_run_parts_runs_what_dib_would() {
    let shop = Workshop::new();
    for name in ["9-a", "100-c", "10-b"] {
        shop.hook(&format!("e/scripts/{name}"), &format!("echo {name} >> ${{TARGET_ROOT:-}}/ran"));
    }
    shop.hook("e/scripts/10-x.sh", "exit 9");
    shop.write("e/scripts/20-data", "no script\n");
    shop.hook("e/failing/10-a", "exit 7");
    shop.hook("e/failing/20-b", "echo not reached >> /ran");
    shop.hook("e/extra-data.d/10-run", "dib-run-parts $TMP_HOOKS_PATH/scripts");
    shop.hook(
        "e/install.d/10-run",
        "dib-run-parts --list /tmp/in_target.d/scripts > /list\ncode=0\ndib-run-parts /tmp/in_target.d/failing || code=$?\n\
         echo $code >> /ran",
    );
    assert_eq!(made(&shop, "[tiny-os, e]", "ran"), "9-a\n10-b\n100-c\n7\n");
    let dir = "/tmp/in_target.d/scripts";
    assert_eq!(content(&shop, "list"), format!("{dir}/9-a\n{dir}/10-b\n{dir}/100-c\n"));
}

#[test]
fn plumbing_places_files_and_chooses_install_types() {
    let shop = Workshop::new();
    shop.write("e/static/etc/deep/file", "static\n");
    shop.write("e/static/usr/tool", "#!/bin/bash\n");
    shop.write("e/bin/plain", "on the path\n");
    shop.hook("e/install.d/svc-source-install/10-svc", "echo source >> /svc");
    shop.hook("e/install.d/svc-package-install/10-svc", "echo package >> /svc");
    shop.hook("e/install.d/60-after", "[ -x /usr/local/bin/plain ] && cat /etc/deep/file > /seen");
    let elements = "[tiny-os, e, install-types, install-static, install-bin]";
    assert_eq!(made(&shop, elements, "svc"), "source\n");
    assert_eq!(content(&shop, "seen"), "static\n");
    let listed = accepts(
        "tar",
        &[
            "-tvf",
            &archive(&shop),
            "--numeric-owner",
            "./etc/deep/file",
            "./usr/tool",
            "./usr/local/bin/plain",
        ],
    );
    let modes: Vec<&str> = listed.lines().map(|line| line.split_once(' ').expect("a mode").0).collect();
    assert_eq!(modes, ["-rw-r--r--", "-rwxr-xr-x", "-rwxr-xr-x"], "{listed}");
    assert!(listed.lines().all(|line| line.contains(" 0/0 ")), "{listed}");
    let image = image(&shop, elements, &[]);
    shop.build(&image, &["--env", "DIB_INSTALLTYPE_svc=package"]).well();
    assert_eq!(content(&shop, "svc"), "package\n");
}

#[test]
fn sources_and_manifests() {
    let shop = Workshop::new();
    // Below a directory that the sandbox shows.
    let origin = tempfile::tempdir_in("/srv").expect("make a directory in /srv");
    accepts("chmod", &["755", origin.path().to_str().expect("UTF-8")]);
    let at = |name: &str| origin.path().join(name).to_str().expect("UTF-8").to_string();
    let script = format!(
        "set -eu; cd {}; export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
         git init -q -b main repo; cd repo; echo one > file; git add file; git commit -qm one; git tag v1
         echo two > file; git commit -qam two; git rev-parse v1 > ../sha; cd ..
         mkdir d-1; echo in tar > d-1/file; tar czf d.tgz d-1; echo plain > plain; chmod -R a+rX .",
        origin.path().display()
    );
    accepts("sh", &["-c", &script]);
    shop.write(
        "e/source-repository-e",
        &format!(
            "# what and where\nrepo git /opt/repo file://{} v1\nd tar /opt/d file://{} .\nplain file /opt/plain file://{}\n",
            at("repo"),
            at("d.tgz"),
            at("plain")
        ),
    );
    shop.hook("e/install.d/10-look", "cat /opt/repo/file /opt/d/file /opt/plain > /got");
    let told = made(&shop, "[tiny-os, e, source-repositories]", "got");
    assert_eq!(told, "one\nin tar\nplain\n");
    let sha = fs::read_to_string(at("sha")).expect("read the commit");
    let manifest = content(&shop, "etc/dib-manifests/dib-manifest-git-e");
    assert!(manifest.contains("repo") && manifest.contains(sha.trim()), "{manifest}");
    let elements = content(&shop, "etc/dib-manifests/dib-element-manifest");
    assert!(elements.starts_with("e\n") && elements.contains("source-repositories\n"), "{elements}");
}

#[test]
fn a_hook_adds_hooks() {
    let shop = Workshop::new();
    shop.hook("e/install.d/10-own", "echo own >> /ran");
    shop.hook(
        "e/extra-data.d/10-add",
        r#"add() { printf '#!/bin/bash\necho %s >> /ran\n' "$1" > "$TMP_HOOKS_PATH/$1"; chmod +x "$TMP_HOOKS_PATH/$1"; }
mkdir -p "$TMP_HOOKS_PATH/post-install.d"
add install.d/9-before; add install.d/11-after; add post-install.d/5-later"#,
    );
    let expected = "install.d/9-before\nown\ninstall.d/11-after\npost-install.d/5-later\n";
    assert_eq!(made(&shop, "[tiny-os, e]", "ran"), expected);
    // The second time they are found, and nothing runs.
    let told = shop.build(&image(&shop, "[tiny-os, e]", &[]), &["--json"]).well();
    assert_eq!(told.steps("step-started"), [""; 0]);
    assert!(told.steps("step-cached").contains(&"install/9-before".to_string()));
}

#[test]
fn a_failing_hook_ends_the_build_with_its_code() {
    let shop = Workshop::new();
    for (end, words) in [("exit 3", "exit code 3"), ("kill -9 $$", "signal 9")] {
        shop.hook("e/install.d/10-fail", &format!("echo its last words\n{end}"));
        shop.hook("e/install.d/20-next", ": > /not-reached");
        let told = shop.build(&image(&shop, "[tiny-os, e]", &[]), &[]);
        told.refuses(HOOK, &["install/10-fail of element e", words, "its last words"]);
    }
    shop.hook("e/install.d/10-fail", "true");
    shop.write("e/environment.d/10-veto.bash", "echo not on this machine; exit 1\n");
    let told = shop.build(&image(&shop, "[tiny-os, e]", &[]), &[]);
    told.refuses(HOOK, &["environment.d/10-veto.bash", "not on this machine"]);
}

#[test]
fn large_files_reach_the_tree_from_a_closed_home() {
    let shop = Workshop::new();
    // Covered in the sandbox, closed to its ids, and more than the plan carries.
    let home = tempfile::tempdir_in("/root").expect("make a directory in /root");
    let dir = home.path().join("large/static/srv");
    fs::create_dir_all(&dir).expect("make an element");
    let bytes: Vec<u8> = (0..3u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(dir.join("large"), &bytes).expect("write 3 MiB");
    fs::write(home.path().join("large/element-deps"), "install-static\n").expect("write deps");
    let path = format!("{}:{}", shop.text("elements"), home.path().display());
    let image = image(&shop, "[tiny-os, large]", &[]);
    let build = || {
        let mut command = shop.dibber();
        command.args(["build", &image, "--elements-path", &path, "-o", &shop.text("work/out"), "--json"]);
        let output = command.output().expect("run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tar = Command::new("tar").args(["-xOf", &archive(&shop), "./srv/large"]).output().expect("tar");
        (String::from_utf8_lossy(&output.stdout).into_owned(), tar.stdout)
    };
    assert!(build().1 == bytes, "the file is another one");
    // Another content is another step.
    let changed: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
    fs::write(dir.join("large"), &changed).expect("write 3 MiB");
    let (events, found) = build();
    assert!(found == changed, "the file is the former one");
    assert!(events.contains("step-started"), "{events}");
}

#[test]
fn proxies_reach_hooks_and_nothing_else() {
    let shop = Workshop::new();
    let look = r#"[ "$http_proxy" = "$https_proxy" ]; [ "$HTTPS_PROXY" = "$http_proxy" ]
echo "going through $http_proxy"
printf %s "$http_proxy" | md5sum > ${TARGET_ROOT:-}/sum-${TARGET_ROOT:+outside}"#;
    shop.hook("e/extra-data.d/10-look", look);
    shop.hook(
        "e/install.d/10-look",
        "[ \"$http_proxy\" = \"$HTTPS_PROXY\" ]; echo \"going through $http_proxy\"",
    );
    let build = |password: &str| {
        let proxy = format!("http://me:{password}@proxy.example:3128/");
        let image = image(&shop, "[tiny-os, e, manifests]", &[("proxy", &proxy)]);
        shop.build(&image, &["--verbose", "--json"]).well()
    };
    let told = build("hunter2-first");
    assert!(told.out.contains("going through http://***@proxy.example:3128/"), "{}", told.out);
    for file in walk(&shop.out()) {
        let text = String::from_utf8_lossy(&fs::read(&file).expect("read")).into_owned();
        assert!(!text.contains("hunter2"), "{} tells the password", file.display());
    }
    assert!(!told.out.contains("hunter2") && !told.err.contains("hunter2"), "{}\n{}", told.out, told.err);
    // Another password leads to the same packages: no step runs again.
    assert_eq!(build("hunter2-second").steps("step-started"), [""; 0]);
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir)
        .expect("read")
        .map(|entry| entry.expect("read").path())
        .filter(|path| path.is_file())
        .collect()
}

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
    told("before-instal", "true", &[]).refuses(USAGE, &["no break point `before-instal`", "pre-install"]);
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

#[test]
fn boot_loader_programs_are_ours_while_hooks_run_and_theirs_afterwards() {
    let shop = Workshop::new();
    shop.write("dpkg/element-deps", "");
    shop.hook(
        "dpkg/root.d/50-db",
        "mkdir -p $TARGET_ROOT/{usr/sbin,var/lib/dpkg}; cd $TARGET_ROOT; printf '/bin/sh\\n/bin/sh.distrib\\ndash\\n' > var/lib/dpkg/diversions
echo 'GRUB probe' > usr/sbin/grub-probe; chmod 755 usr/sbin/grub-probe; cp var/lib/dpkg/diversions before",
    );
    // What a package's script does that dpkg installs meanwhile: dpkg itself writes to the diverted name.
    shop.hook(
        "e/install.d/10-packages",
        "grep -qx /usr/sbin/grub-install /var/lib/dpkg/diversions
echo 'GRUB install' > /usr/sbin/grub-install.dibber-diverted
/usr/sbin/grub-install --target=i386-pc /dev/sda; DIB_ROOT_UUID=0b0e /usr/sbin/grub-probe -t fs_uuid / > /probe",
    );
    shop.hook("e/cleanup.d/50-look", "cp $TARGET_ROOT/usr/sbin/grub-install $TARGET_ROOT/seen");
    assert_eq!(made(&shop, "[tiny-os, dpkg, e]", "probe"), "0b0e\n");
    assert_eq!(content(&shop, "seen"), "GRUB install\n");
    assert_eq!(content(&shop, "var/lib/dpkg/diversions"), content(&shop, "before"));
    let mut inside: Vec<String> = names(&shop);
    inside.retain(|name| {
        name.starts_with("usr/sbin/") || name.starts_with("var/lib/dpkg/") || name.starts_with("usr/bin/")
    });
    inside.retain(|name| !name.ends_with('/'));
    inside.sort();
    assert_eq!(inside, ["usr/sbin/grub-install", "usr/sbin/grub-probe", "var/lib/dpkg/diversions"]);
    assert_eq!(content(&shop, "usr/sbin/grub-probe"), "GRUB probe\n");
}

/// dib's own network-free acceptance: an element of its test suite, as its authors wrote it, in every form that both know.
#[test]
fn dibs_fake_os_comes_out_in_every_form() {
    let shop = Workshop::new();
    let elements = dib_test_elements();
    let image = shop.image(
        "fake",
        &[("elements", "[fake-os]"), ("outputs", "[tar, raw, qcow2, squashfs]"), ("size", "200MiB")],
    );
    let mut command = shop.dibber();
    command.args([
        "build",
        &image,
        "--elements-path",
        elements.path().to_str().expect("UTF-8"),
        "-o",
        &shop.text("work/out"),
    ]);
    let output = command.output().expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let at = |name: &str| shop.out().join(name).to_str().expect("UTF-8").to_string();
    let listed: BTreeMap<String, String> = accepts("tar", &["-tvf", &at("fake.tar")])
        .lines()
        .map(|line| (line.rsplit("./").next().expect("a path").to_string(), line.to_string()))
        .collect();
    for name in ["etc/", "mnt/", "proc/", "dev/", "sys/", "tmp/"] {
        assert!(listed.contains_key(name), "no {name} in {listed:?}");
    }
    accepts("e2fsck", &["-fn", &at("fake.raw")]);
    accepts("qemu-img", &["compare", "-f", "raw", "-F", "qcow2", &at("fake.raw"), &at("fake.qcow2")]);
    assert!(accepts("unsquashfs", &["-l", &at("fake.squash")]).contains("squashfs-root/etc"));
}

/// The elements of dib's own tests, which only its source archive has.
fn dib_test_elements() -> tempfile::TempDir {
    let venv = std::env::var("DIBBER_DIB_VENV")
        .expect("DIBBER_DIB_VENV must name a virtual environment with diskimage-builder 3.43.0; scripts/test makes one");
    let dir = tempfile::tempdir_in("/var/lib").expect("make a directory");
    accepts("chmod", &["755", dir.path().to_str().expect("UTF-8")]);
    let at = dir.path().to_str().expect("UTF-8");
    let pip = format!("{venv}/bin/pip");
    accepts(
        &pip,
        &[
            "--quiet",
            "download",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--dest",
            at,
            "diskimage-builder==3.43.0",
        ],
    );
    let archive = dir.path().join("diskimage_builder-3.43.0.tar.gz");
    let archive = archive.to_str().expect("UTF-8");
    let inside = "diskimage_builder-3.43.0/tests/elements/fake-os";
    accepts("tar", &["-C", at, "--strip-components=3", "-xzf", archive, inside]);
    let found = run("ls", &[&format!("{at}/fake-os/root.d/10-fake-os")]);
    assert!(found.status.success(), "the archive has another layout");
    dir
}
