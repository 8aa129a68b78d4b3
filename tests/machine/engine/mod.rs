//! The elements engine at run time: which hooks run, where, in which order, and what they find.
//!
//! In: elements of a few lines. Out: what their hooks saw, read from a tar archive of the tree. Never: the network, but for dib's
//! own source archive. Needs root, as all tests that build.

mod breaks;
mod commands;
mod elements;
mod fake_os;
mod plumbing;

use std::fs;
use std::path::Path;
use std::process::Command;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

/// The code of docs/exit-codes.md.
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
    for (end, words) in
        [("exit 3", "exit code 3"), ("exit 255", "exit code 255"), ("kill -9 $$", "exit code 137 (signal 9)")]
    {
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

/// Each variable is its own, and one that is exported is told of.
#[test]
fn proxies_are_told_apart() {
    let shop = Workshop::new();
    shop.hook("e/install.d/10-look", "env | grep -i _proxy= | LC_ALL=C sort > /proxies");
    let image = image(&shop, "[tiny-os, e]", &[("outputs", "[tar]")]);
    let words = [
        "http_proxy=http://plain:3128",
        "https_proxy=http://secure:3129",
        "no_proxy=localhost",
        "ftp_proxy=",
    ];
    let more: Vec<&str> = words.iter().flat_map(|word| ["--env", *word]).collect();
    let mut command = shop.dibber();
    command
        .args(shop.arguments(&image))
        .args(&more)
        .env("ALL_PROXY", "socks5h://me:hunter2@s")
        .env("http_proxy", "http://x");
    let told = dibber_tests::workshop::run(&mut command).well();
    let tar = Command::new("tar").args(["-xOf", &archive(&shop), "./proxies"]).output().expect("tar");
    assert_eq!(
        String::from_utf8_lossy(&tar.stdout),
        "HTTPS_PROXY=http://secure:3129\nHTTP_PROXY=http://plain:3128\nNO_PROXY=localhost\nhttp_proxy=http://plain:3128\n\
         https_proxy=http://secure:3129\nno_proxy=localhost\n"
    );
    assert!(told.err.contains("hooks do not see ALL_PROXY, which the environment has"), "{}", told.err);
    assert!(!told.err.contains("hunter2"), "{}", told.err);
}

/// A file stands for a device until capture.
#[test]
fn devices_that_hooks_make_are_in_the_image() {
    let shop = Workshop::new();
    let makes = "cd $TARGET_ROOT; mkdir -p d; mknod d/console c 5 1; mknod -m 0660 d/sda b 8 0; sudo mknod d/pipe p\n\
                 mknod d/gone c 1 3; rm d/gone; mknod d/old c 1 5; mv d/old d/new; chmod 600 d/new; ! mknod d/new c 1 5 2>/dev/null
                 (umask 077; mknod d/closed b 8 1); ! mknod d/none c 0x1000 0 2>/dev/null
                 for of in 1000 0; do : > d/of-$of; setfattr -n user.dibber.device -v 'c 1 1' d/of-$of; chown $of d/of-$of; done
                 mkdir d/dir; setfattr -n user.dibber.device -v 'c 1 1' d/dir";
    shop.hook("e/post-root.d/10-devices", makes);
    let image = image(&shop, "[tiny-os, e]", &[("outputs", "[tar]")]);
    shop.build(&image, &[]).well();
    let list = accepts("tar", &["--numeric-owner", "-tvf", &archive(&shop), "./d"]);
    let told: Vec<String> = list
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|words| format!("{} {} {}", words[0], words[2], words[words.len() - 1]))
        .collect();
    for device in [
        "crw-r--r-- 5,1 ./d/console",
        "brw-rw---- 8,0 ./d/sda",
        "prw-r--r-- 0 ./d/pipe",
        "crw------- 1,5 ./d/new",
        "brw------- 8,1 ./d/closed",
        // Only root makes devices: a mark on another's file makes none.
        "crw-r--r-- 1,1 ./d/of-0",
        "-rw-r--r-- 0 ./d/of-1000",
    ] {
        assert!(told.iter().any(|line| line == device), "no {device} in {told:#?}");
    }
    assert!(!list.contains("gone") && !list.contains("old") && !list.contains("none"), "{list}");
    assert!(!accepts("cat", &[&archive(&shop)]).contains("dibber.device"), "a mark is in the image");
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir)
        .expect("read")
        .map(|entry| entry.expect("read").path())
        .filter(|path| path.is_file())
        .collect()
}
