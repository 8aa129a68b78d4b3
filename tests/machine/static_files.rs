//! Modes of static files: as in the element, whoever checked it out under which umask.
//!
//! In: an element with files that its owner closed. Out: modes in the image, by tar. Never: a key that the image opens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop};

const MODES: [(&str, u32); 9] = [
    ("etc/plain", 0o644),
    ("etc/tls", 0o750),
    ("etc/tls/key.pem", 0o600),
    ("etc/sudoers.d", 0o755),
    ("etc/sudoers.d/x", 0o440),
    ("root/.ssh", 0o700),
    ("usr/bin/program", 0o755),
    ("usr/bin/raised", 0o4755),
    ("srv/drop", 0o1777),
];

fn element(shop: &Workshop, modes: impl Fn(u32) -> u32) {
    shop.write("e/element-deps", "install-static\n");
    for (path, mode) in MODES {
        let place = shop.at("elements/e/static").join(path);
        match path.contains('.') && !path.ends_with(".d") && !path.ends_with(".ssh")
            || mode & 0o111 == 0
            || path.contains("bin/")
        {
            true => drop(shop.write(&format!("e/static/{path}"), "text\n")),
            false => fs::create_dir_all(&place).expect("make a directory"),
        }
    }
    for (path, mode) in MODES {
        set(&shop.at("elements/e/static").join(path), modes(mode));
    }
}

fn set(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set a mode");
}

/// `drwx------` of a name in the image.
fn mode_of(shop: &Workshop, path: &str) -> String {
    let tar = shop.out().join("good.tar");
    let list = accepts("tar", &["-tvf", tar.to_str().expect("UTF-8")]);
    let names = [format!("./{path}"), format!("./{path}/")];
    let line = list.lines().find(|line| names.iter().any(|name| line.ends_with(&format!(" {name}"))));
    line.unwrap_or_else(|| panic!("no {path} in {list}")).split(' ').next().expect("a mode").to_string()
}

fn letters(mode: u32, is_dir: bool) -> String {
    let mut text = String::from(if is_dir { "d" } else { "-" });
    for (shift, special) in [(6, 0o4000), (3, 0o2000), (0, 0o1000)] {
        let bits = mode >> shift & 7;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0, shift) {
            (true, true, 0) => 't',
            (true, true, _) => 's',
            (_, x, _) => {
                if x {
                    'x'
                } else {
                    '-'
                }
            }
        });
    }
    text
}

#[test]
fn what_an_element_closes_the_image_closes() {
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        // The program reads elements as the person.
        element(&shop, |mode| mode);
        if let Some(user) = user {
            accepts("chown", &["-R", user, &shop.text("elements/e")]);
            // chown(2) takes the bit away.
            set(&shop.at("elements/e/static/usr/bin/raised"), 0o4755);
        }
        let image = shop.image("good", &[("elements", "[tiny-os, e]"), ("outputs", "[tar]")]);
        shop.build(&image, &[]).well();
        for (path, mode) in MODES {
            let found = mode_of(&shop, path);
            assert_eq!(found, letters(mode, found.starts_with('d')), "{path}");
        }
        // A directory that the tree has keeps its own mode.
        assert_eq!(mode_of(&shop, "tmp"), "drwxrwxrwt");
        // Another mode is another step, and leads to another image.
        set(&shop.at("elements/e/static/etc/plain"), 0o600);
        shop.build(&image, &[]).well();
        assert_eq!(mode_of(&shop, "etc/plain"), "-rw-------");
    }
}

#[test]
fn a_checkout_that_is_closed_throughout_says_nothing_of_its_files() {
    let shop = Workshop::new();
    element(&shop, |mode| mode & !0o077);
    set(&shop.at("elements/e"), 0o700);
    let image = shop.image("good", &[("elements", "[tiny-os, e]"), ("outputs", "[tar]")]);
    let told = shop.build(&image, &[]).well();
    assert!(told.err.contains("closed to others") && told.err.contains(": e;"), "{}", told.err);
    assert_eq!(mode_of(&shop, "etc/plain"), "-rw-r--r--");
    assert_eq!(mode_of(&shop, "usr/bin/program"), "-rwxr-xr-x");
}
