//! Files of the building machine that an image names: hooks are given them, and nothing beside them.
//!
//! In: variables that name files of a person's. Out: what hooks found. Never: a directory that holds more than was meant.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use dibber_tests::accepts;
use dibber_tests::workshop::{USER, Workshop};

/// Files where a person has them: the key is closed to others, as keys are.
fn person(shop: &Workshop, user: Option<&str>) -> PathBuf {
    let home = shop.at("work/home");
    fs::create_dir_all(home.join("repository")).expect("make a directory");
    for (name, text) in
        [("key", "the key\n"), ("other", "SECRET\n"), ("repository/file", "of the repository\n")]
    {
        fs::write(home.join(name), text).expect("write a file");
        let mode = if name.contains('/') { 0o644 } else { 0o600 };
        fs::set_permissions(home.join(name), PermissionsExt::from_mode(mode)).expect("set a mode");
    }
    // Whatever the umask: hooks of root's builds read what everybody may read.
    fs::set_permissions(home.join("repository"), PermissionsExt::from_mode(0o755)).expect("set a mode");
    accepts("chown", &["-R", user.unwrap_or("root"), home.to_str().expect("UTF-8")]);
    home
}

fn with_hooks(user: Option<&'static str>) -> (Workshop, PathBuf, String) {
    let shop = Workshop::of(user);
    let home = person(&shop, user);
    shop.hook("a/extra-data.d/10-before", "echo before");
    shop.hook(
        "a/extra-data.d/50-reads",
        &format!(
            "cat $THE_KEY $THE_REPOSITORY/file; ls {0}/other && exit 3; echo x 2>/dev/null > $THE_KEY && exit 4\n\
             cp $THE_KEY $TARGET_ROOT/key",
            home.display()
        ),
    );
    let image = shop.image("good", &[("elements", "[tiny-os, a]"), ("outputs", "[tar]")]);
    (shop, home, image)
}

fn variables(home: &std::path::Path) -> [String; 4] {
    let path = |name: &str| home.join(name).display().to_string();
    [
        "--env".into(),
        format!("THE_KEY={}", path("key")),
        "--env".into(),
        format!("THE_REPOSITORY={}", path("repository")),
    ]
}

#[test]
fn a_file_that_a_variable_names_is_given_alone() {
    for user in [None, Some(USER)] {
        let (shop, home, image) = with_hooks(user);
        let variables = variables(&home);
        let more: Vec<&str> = variables.iter().map(String::as_str).collect();
        shop.build(&image, &more).well();
        let log = fs::read_to_string(shop.out().join("x86_64-good.log")).expect("read the log");
        assert!(log.contains("the key\nof the repository\n"), "{user:?}: {log}");
        let tar = shop.out().join("good.tar");
        assert_eq!(accepts("tar", &["-xOf", tar.to_str().expect("UTF-8"), "./key"]), "the key\n");
        assert_eq!(fs::read_to_string(home.join("key")).expect("read"), "the key\n");

        // Nothing changed: nothing runs. The file changed: the step that reads it runs, and none before it.
        let json: Vec<&str> = more.iter().copied().chain(["--json"]).collect();
        assert_eq!(shop.build(&image, &json).well().steps("step-started"), [""; 0]);
        fs::write(home.join("key"), "another key\n").expect("write");
        let ran = shop.build(&image, &json).well().steps("step-started");
        assert_eq!(ran.first().map(String::as_str), Some("extra-data/50-reads"), "{ran:?}");
    }
}

#[test]
fn plan_lists_what_hooks_are_given() {
    let (shop, home, image) = with_hooks(None);
    let elements = shop.text("elements");
    let variables = variables(&home);
    let mut words = vec!["plan", image.as_str(), "--elements-path", elements.as_str()];
    words.extend(variables.iter().map(String::as_str));
    let told = shop.run(&words).well();
    let expected =
        format!("hooks are given {}/key of this machine, read-only: THE_KEY names it", home.display());
    assert!(told.out.contains(&expected), "{}", told.out);
}

/// A variable that was meant to name a file, and under which no hook would find one.
#[test]
fn a_file_that_a_variable_names_and_nobody_can_read_is_an_error() {
    let shop = Workshop::of(Some(USER));
    let home = person(&shop, Some(USER));
    // As elements of others do: without the file they go on.
    shop.hook("a/extra-data.d/50-reads", "if [ -f \"${THE_KEY:-}\" ]; then cat $THE_KEY; fi");
    let image = shop.image("good", &[("elements", "[tiny-os, a]"), ("outputs", "[tar]")]);
    let path = |name: &str| home.join(name).display().to_string();
    fs::set_permissions(home.join("other"), PermissionsExt::from_mode(0o000)).expect("set a mode");
    fs::create_dir(home.join("closed")).expect("make a directory");
    fs::set_permissions(home.join("closed"), PermissionsExt::from_mode(0o000)).expect("set a mode");
    accepts("chown", &["root", &path("other"), &path("closed")]);
    accepts("mkfifo", &[&path("pipe")]);
    for (value, words) in [
        (path("missing"), "and there is no such file on this machine"),
        (path("other"), "which cannot be read"),
        (path("closed/key"), "which cannot be reached"),
        (path("pipe"), "neither a file nor a directory"),
        ("home/key".to_string(), &*format!("write {}", path("key"))),
        ("./home/key".to_string(), "hooks do not find"),
        ("/dev/fd/63".to_string(), "neither a file nor a directory"),
    ] {
        let told = shop.build(&image, &["--env", &format!("THE_KEY={value}")]);
        assert!(told.code.is_some_and(|code| code != 0), "{value}: {}", told.err);
        told.refuses(told.code.unwrap_or_default(), &["THE_KEY names", words]);
    }
    // Of a list, each.
    let list = format!("{}:{}", path("key"), path("repository/file"));
    shop.hook("a/extra-data.d/50-reads", "IFS=:; for f in $THE_KEY; do cat $f; done");
    shop.build(&image, &["--env", &format!("THE_KEY={list}")]).well();
    let log = fs::read_to_string(shop.out().join("x86_64-good.log")).expect("read the log");
    assert!(log.contains("the key\nof the repository\n"), "{log}");
}

#[test]
fn a_directory_that_holds_the_cache_or_a_home_is_not_given() {
    let (shop, _, image) = with_hooks(None);
    let elements = shop.text("elements");
    for (wide, what) in [(shop.text("work"), "the output directory"), ("/root".into(), "a home directory")] {
        let variable = format!("THE_KEY={wide}");
        let told = shop.run(&["plan", &image, "--elements-path", &elements, "--env", &variable]).well();
        assert!(told.out.contains(&format!("which THE_KEY names: it holds {what}")), "{}", told.out);
        // The hook does not find it.
        assert_eq!(shop.build(&image, &["--env", &variable]).code, Some(5));
    }
}

/// A variable may say where to write: a directory that hooks have of their own is that, and not the host's.
#[test]
fn directories_of_hooks_own_stay_theirs() {
    let shop = Workshop::new();
    shop.hook(
        "a/extra-data.d/50-writes",
        "for dir in $THE_DIRS; do echo x > $dir/written; rm $dir/written; done",
    );
    let image = shop.image("good", &[("elements", "[tiny-os, a]"), ("outputs", "[tar]")]);
    shop.build(&image, &["--env", "THE_DIRS=/tmp /var/tmp /run /run/lock /var/log", "--env", "OTHER=/tmp"])
        .well();
}
