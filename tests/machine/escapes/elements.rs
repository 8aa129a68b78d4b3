//! Elements whose files mislead whoever lays them out, copies them or reads what they left.
//!
//! In: an element with links, names and files of odd kinds. Out: the host and the store as they were. Never: a hook's own powers:
//! what it may do to its own tree is no escape.

use std::fs;
use std::os::unix::fs::symlink;

use dibber_tests::workshop::{USER, Workshop, contents};

/// A trap that an element or a hook sets, and that a build must not step into.
struct Trap {
    name: &'static str,
    /// Hooks, by path and script.
    hooks: &'static [(&'static str, &'static str)],
    /// Symbolic links, by path and target. `@` stands for the directory with what is precious.
    links: &'static [(&'static str, &'static str)],
    /// Further elements, after `tiny-os`.
    elements: &'static str,
}

/// `$P` is the directory with what is precious, which no hook sees.
const TRAPS: [Trap; 17] = [
    Trap {
        name: "a link of one element under the path of another's file",
        hooks: &[("b/lib/written", "true")],
        links: &[("a/lib", "@")],
        elements: "b, a",
    },
    Trap {
        name: "the same the other way round",
        hooks: &[("b/lib/written", "true")],
        links: &[("a/lib", "@")],
        elements: "a, b",
    },
    Trap {
        name: "a link into the stage, and one below it to a file of the host",
        hooks: &[],
        links: &[("a/lib", "/run/dibber/stage"), ("b/lib/x86_64-good.raw.json", "@/precious")],
        elements: "b, a",
    },
    Trap {
        name: "a link in place of a phase's directory",
        hooks: &[("b/install.d/50-b", "true")],
        links: &[("a/install.d", "@")],
        elements: "a, b",
    },
    Trap {
        name: "links in static and bin",
        hooks: &[("a/element-deps", "install-static\ninstall-bin")],
        links: &[("a/static/etc/passwd", "@/precious"), ("a/bin/tool", "@/precious")],
        elements: "a",
    },
    Trap {
        name: "a link at the top of an element",
        hooks: &[],
        links: &[("a/package-installs.yaml", "@/precious"), ("a/pkg-map", "@/precious")],
        elements: "a",
    },
    Trap {
        name: "a hook's link where native steps once staged their files",
        hooks: &[(
            "a/post-root.d/50-a",
            "mkdir -p $TMP_HOOKS_PATH/.dibber/fstab; ln -s /run/dibber/store/written $TMP_HOOKS_PATH/.dibber/fstab/fstab",
        )],
        links: &[],
        elements: "a",
    },
    Trap {
        name: "a hook's link in place of the fetched sources",
        hooks: &[(
            "a/extra-data.d/99-a",
            "rm -rf $TMP_HOOKS_PATH/.dibber; ln -s /run/dibber/store $TMP_HOOKS_PATH/.dibber",
        )],
        links: &[],
        elements: "a, source-repositories",
    },
    Trap {
        name: "a link to the store in place of the hooks directory",
        hooks: &[(
            "a/extra-data.d/99-a",
            "mv $TMP_HOOKS_PATH $TMP_BUILD_DIR/away 2>/dev/null || rm -rf $TMP_HOOKS_PATH; ln -s /run/dibber/store $TMP_HOOKS_PATH",
        )],
        links: &[],
        elements: "a",
    },
    Trap {
        name: "a link to the store in place of the tree",
        hooks: &[(
            "a/cleanup.d/99-a",
            "cp -a $TMP_BUILD_DIR/mnt $TMP_BUILD_DIR/away; rm -rf $TMP_BUILD_DIR/mnt 2>/dev/null || true; ln -sfn /run/dibber/store $TMP_BUILD_DIR/mnt",
        )],
        links: &[],
        elements: "a",
    },
    Trap {
        name: "a link to / in place of the tree",
        hooks: &[(
            "a/cleanup.d/99-a",
            "rm -rf $TMP_BUILD_DIR/mnt 2>/dev/null || true; ln -sfn / $TMP_BUILD_DIR/mnt",
        )],
        links: &[],
        elements: "a",
    },
    Trap {
        name: "a fifo for what the shims write down",
        hooks: &[("a/install.d/50-a", "rm -f /run/dibber/record; mkfifo /run/dibber/record")],
        links: &[],
        elements: "a",
    },
    Trap {
        name: "a file without end for what the shims write down",
        hooks: &[("a/install.d/50-a", "rm -f /run/dibber/record; ln -s /dev/zero /run/dibber/record")],
        links: &[],
        elements: "a",
    },
    Trap {
        name: "a link in place of the database of packages",
        hooks: &[(
            "a/finalise.d/50-a",
            "mkdir -p /var/lib/dpkg; ln -s /run/dibber/store/answers /var/lib/dpkg/status",
        )],
        links: &[],
        elements: "a, manifests",
    },
    Trap {
        name: "a fifo in place of the database of packages",
        hooks: &[("a/finalise.d/50-a", "mkdir -p /var/lib/dpkg; mkfifo /var/lib/dpkg/status")],
        links: &[],
        elements: "a, manifests",
    },
    Trap {
        name: "a hook that is a link to a program of the host",
        hooks: &[("a/extra-data.d/10-a", "ln -s /usr/bin/env $TMP_HOOKS_PATH/install.d/60-added")],
        links: &[],
        elements: "a",
    },
    Trap {
        name: "links for what is made in /tmp and /run of the tree",
        hooks: &[("a/root.d/90-a", "rm -rf $TARGET_ROOT/run; ln -s /run/dibber/store $TARGET_ROOT/run")],
        links: &[],
        elements: "a",
    },
];

fn set(trap: &Trap, user: Option<&'static str>) {
    let shop = Workshop::of(user);
    let precious = shop.at("work/precious-dir");
    fs::create_dir(&precious).expect("make a directory");
    fs::write(precious.join("precious"), "what was here\n").expect("write a file");
    if let Some(user) = user {
        dibber_tests::accepts("chown", &["-R", user, precious.to_str().expect("UTF-8")]);
    }
    for (path, script) in trap.hooks {
        match path.contains(".d/") || path.contains("lib/") {
            true => shop.hook(path, script),
            false => shop.write(path, script),
        };
    }
    for (path, target) in trap.links {
        let at = shop.at("elements").join(path);
        fs::create_dir_all(at.parent().expect("elements/")).expect("make a directory");
        symlink(target.replace('@', precious.to_str().expect("UTF-8")), at).expect("make a link");
    }
    let image =
        shop.image("good", &[("elements", &format!("[tiny-os, {}]", trap.elements)), ("outputs", "[tar]")]);
    let before = contents(&precious);
    let told = shop.build(&image, &[]);
    let named = format!("{}, as {user:?}: {told:?}", trap.name);
    // Whether such a tree can be built at all is its author's affair; an end of the program's own making it must be.
    assert!(matches!(told.code, Some(0 | 3 | 5 | 7)), "{named}");
    assert!(!told.err.contains("panicked"), "{named}");
    assert_eq!(contents(&precious), before, "{named}");
    let store: Vec<String> = contents(&shop.cache()).into_keys().collect();
    assert!(
        !store.iter().any(|path| !path.contains("checkpoints/") && path.ends_with("written")),
        "{named}: {store:?}"
    );
    let tar = shop.out().join("good.tar");
    if tar.exists() {
        let listed = dibber_tests::accepts("tar", &["-tf", tar.to_str().expect("UTF-8")]);
        let leaked = ["./checkpoints/", "./answers/", "./usr/share/doc/"];
        assert!(
            !leaked.iter().any(|path| listed.contains(path)),
            "{named}: the store or the host is in the image"
        );
    }
    assert_eq!(shop.processes(), [""; 0], "{named}");
}

#[test]
fn traps_of_elements_and_hooks_are_not_stepped_into() {
    for trap in &TRAPS {
        for user in [None, Some(USER)] {
            set(trap, user);
        }
    }
}
