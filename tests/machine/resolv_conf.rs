//! `/etc/resolv.conf` is the image's: hooks and packages write, remove, move and link it, while the machine's name servers are there for
//! every hook.
//!
//! In: hooks, each as a package or an element of others does it. Out: the image's file, by tar. Never: a line of this machine's file in the
//! `/etc` of an image or a cache.

use std::fs;
use std::process::Command;

use dibber_tests::accepts;
use dibber_tests::workshop::{Told, Workshop, run};

/// The building machine's file, for this test alone.
const MACHINE: &str = "printf 'nameserver 192.0.2.53\\nsearch builder.example\\n' > resolv; mount --bind resolv /etc/resolv.conf; exec \"$@\"";
/// Another machine's.
const OTHER: &str = "echo nameserver 192.0.2.99 > resolv; mount --bind resolv /etc/resolv.conf; exec \"$@\"";

/// Every hook finds the machine's name servers.
const RESOLVES: &str = "grep -q 'nameserver 192.0.2' /etc/resolv.conf";

fn build_on(machine: &str, shop: &Workshop, image: &str, more: &[&str]) -> Told {
    let mut command: Command = shop.wrapped(&["unshare", "--mount", "sh", "-ec", machine, "sh"]);
    run(command.args(shop.arguments(image)).args(more))
}

/// What the image has there: a link's target, a file's text, or nothing.
fn built(shop: &Workshop, image: &str) -> String {
    let tar = shop.out().join(format!("{image}.tar"));
    let tar = tar.to_str().expect("UTF-8");
    let list = accepts("tar", &["-tvf", tar, "./etc"]);
    assert!(!list.contains("resolv.conf.ORIG"), "{list}");
    match list.lines().find_map(|line| line.split_once("./etc/resolv.conf")) {
        None => "none".into(),
        Some((_, link)) if link.starts_with(" -> ") => link.into(),
        Some((_, "")) => accepts("tar", &["-xOf", tar, "./etc/resolv.conf"]),
        Some((_, other)) => panic!("{other}: {list}"),
    }
}

/// One image whose hooks are these, `PHASE.d/NAME` and text; the image's file.
fn with_hooks(name: &str, hooks: &[(&str, &str)]) -> String {
    let shop = Workshop::new();
    for (path, text) in hooks {
        shop.hook(&format!("e/{path}"), text);
    }
    // Names resolve to the end, on both sides.
    shop.hook("e/finalise.d/98-inside", RESOLVES);
    shop.hook(
        "e/cleanup.d/01-outside",
        "grep -q 'nameserver 192.0.2' $TARGET_ROOT/etc/resolv.conf || test -L $TARGET_ROOT/etc/resolv.conf",
    );
    let image = shop.image(name, &[("elements", "[tiny-os, e]"), ("outputs", "[tar]")]);
    build_on(MACHINE, &shop, &image, &[]).well();
    let found = built(&shop, name);
    assert!(!found.contains("192.0.2.53") && !found.contains("builder.example"), "{name}: {found}");
    found
}

const OWN: &str = "nameserver 127.0.0.1";

/// A name, hooks by their paths, and what the image has.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const CASES: &[Case] = &[
    ("untouched", &[("install.d/10-reads", RESOLVES)], "none"),
    // An archive of /etc that a hook makes has the time of neither.
    (
        "timed",
        &[
            ("root.d/50-x", "touch -d @1000000000 $TARGET_ROOT/etc"),
            (
                "install.d/20-y",
                "set -- $(stat -c %Y /etc /etc/resolv.conf); test \"$*\" = '1000000000 1000000000'",
            ),
        ],
        "none",
    ),
    // dib's published interface, alone and with the file itself (octavia's no-resolvconf).
    ("original", &[("install.d/10-x", "echo nameserver 127.0.0.1 > /etc/resolv.conf.ORIG")], OWN),
    (
        "both",
        &[(
            "install.d/10-x",
            "for f in /etc/resolv.conf /etc/resolv.conf.ORIG; do echo nameserver 127.0.0.1 > $f; done",
        )],
        OWN,
    ),
    ("written", &[("install.d/10-x", "echo nameserver 127.0.0.1 > /etc/resolv.conf")], OWN),
    ("added-to", &[("install.d/10-x", "echo nameserver 127.0.0.1 >> /etc/resolv.conf")], OWN),
    ("edited", &[("install.d/10-x", "sed -i '/search/d' /etc/resolv.conf")], "none"),
    ("removed", &[("install.d/10-x", "rm /etc/resolv.conf; test ! -e /etc/resolv.conf")], "none"),
    // systemd-resolved's postinst, and its removal by a later hook.
    (
        "linked",
        &[(
            "install.d/10-x",
            "mv /etc/resolv.conf /etc/.resolv.conf.bak\nln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf\ngrep -q nameserver /etc/resolv.conf",
        )],
        " -> ../run/systemd/resolve/stub-resolv.conf",
    ),
    (
        "moved-back",
        &[
            (
                "install.d/10-x",
                "mv /etc/resolv.conf /etc/resolv.conf.bak; ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf",
            ),
            ("install.d/20-y", "rm /etc/resolv.conf; mv /etc/resolv.conf.bak /etc/resolv.conf"),
        ],
        "none",
    ),
    // resolvconf's.
    (
        "resolvconf",
        &[(
            "install.d/10-x",
            "mkdir -p /etc/resolvconf/resolv.conf.d; ln -s /run/resolvconf /etc/resolvconf/run\ncp /etc/resolv.conf /etc/resolvconf/resolv.conf.d/original\nln -sf /etc/resolvconf/run/resolv.conf /etc/resolv.conf",
        )],
        " -> /etc/resolvconf/run/resolv.conf",
    ),
    // A link to a file of the tree's own.
    (
        "elsewhere",
        &[(
            "install.d/10-x",
            "echo nameserver 127.0.0.53 > /usr/own.conf; ln -sf ../usr/own.conf /etc/resolv.conf",
        )],
        " -> ../usr/own.conf",
    ),
    (
        "link-wins",
        &[("install.d/10-x", "echo nameserver 1 > /etc/resolv.conf.ORIG; ln -sf /run/x/y /etc/resolv.conf")],
        " -> /run/x/y",
    ),
    // root.d's own, and the copy of the machine's that tools of root.d take.
    ("own", &[("root.d/50-x", "echo nameserver 127.0.0.1 > $TARGET_ROOT/etc/resolv.conf")], OWN),
    ("own-link", &[("root.d/50-x", "ln -s /run/x/y $TARGET_ROOT/etc/resolv.conf")], " -> /run/x/y"),
    (
        "copied",
        &[
            ("root.d/50-x", "cp -L /etc/resolv.conf $TARGET_ROOT/etc/resolv.conf"),
            ("root.d/60-y", "grep -q 192.0.2.53 $TARGET_ROOT/etc/resolv.conf"),
        ],
        "none",
    ),
    (
        "outside",
        &[("cleanup.d/90-x", "rm $TARGET_ROOT/etc/resolv.conf; ln -s /run/x/y $TARGET_ROOT/etc/resolv.conf")],
        " -> /run/x/y",
    ),
];

#[test]
fn the_image_has_what_hooks_made_of_it() {
    for (name, hooks, expected) in CASES {
        assert_eq!(with_hooks(name, hooks).trim_end_matches('\n'), *expected, "{name}");
    }
}

/// A cached step leads to the same image on every machine, and holds nothing of the one that ran it.
#[test]
fn layers_hold_nothing_of_the_machines_file_in_etc() {
    let hooks = "cp /etc/resolv.conf /etc/one.bak; mkdir /etc/x; cp -a /etc/resolv.conf /etc/x/two; mv /etc/resolv.conf /etc/three";
    let images: Vec<Vec<u8>> = [MACHINE, OTHER]
        .into_iter()
        .map(|machine| {
            let shop = Workshop::new();
            shop.hook("e/root.d/50-copy", "cp -L /etc/resolv.conf $TARGET_ROOT/etc/resolv.conf");
            shop.hook("e/install.d/10-copies", hooks);
            let image = shop.image("good", &[("elements", "[tiny-os, e]"), ("outputs", "[tar]")]);
            build_on(machine, &shop, &image, &[]).well();
            let held = Command::new("grep").args(["-rlaF", "nameserver 192.0.2"]).arg(shop.cache()).output();
            assert_eq!(String::from_utf8_lossy(&held.expect("grep").stdout), "");
            fs::read(shop.out().join("good.tar")).expect("read the tar")
        })
        .collect();
    assert!(images[0] == images[1], "the images of two machines differ");
}
