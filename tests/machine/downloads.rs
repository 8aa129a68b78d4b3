//! Downloads that outlive a build: what one image's hooks leave does not reach another image, and what a disk has forgotten is
//! fetched again.
//!
//! In: an archive on loopback, and the host's apt, working in the tree as an operating system's would. Out: what is in the tree,
//! what was fetched. Never: a package that an image got because another one's hook put it there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so by a panic")]

use std::fs;
use std::path::PathBuf;

use dibber_tests::archive::{Archive, package};
use dibber_tests::workshop::Workshop;
use dibber_tests::{accepts, flip_bit};

/// apt of the host with the tree's lists, downloads and sources.
const APT: &str = "apt=(apt-get -q --yes -o Dir=$TARGET_ROOT -o Dir::State::status=$TARGET_ROOT/var/lib/dpkg/status \
                   -o APT::Architecture=amd64 -o APT::Sandbox::User= -o Debug::NoLocking=true -o Acquire::Languages=none \
                   -o Dir::Etc::parts=/dev/null -o Acquire::GzipIndexes=false -o APT::Keep-Downloaded-Packages=true)";

/// A shop whose element `apt` binds the cache as dib's do, reads the lists, and unpacks the package `word`. Its hooks name the image, so
/// that no image takes another's results for its own.
fn shop(archive: &Archive) -> Workshop {
    let shop = Workshop::new();
    archive.add("trial", "word", "good\n");
    let url = archive.url();
    shop.hook(
        "apt/root.d/60-lists",
        &format!(
            "{APT}\n: $IMAGE_NAME; cd $TARGET_ROOT; mkdir -p var/lib/apt/lists/partial var/lib/dpkg var/cache/apt/archives etc/apt\n\
             : > var/lib/dpkg/status; echo 'deb [trusted=yes] {url} trial main' > etc/apt/sources.list\n\
             mkdir -p $DIB_IMAGE_CACHE/apt/trial/partial\n\
             sudo mount --bind $DIB_IMAGE_CACHE/apt/trial $TARGET_ROOT/var/cache/apt/archives\n\"${{apt[@]}}\" update"
        ),
    );
    shop.hook(
        "apt/extra-data.d/20-word",
        &format!(
            "{APT}\n\"${{apt[@]}}\" --download-only install word\n\
             dpkg-deb -x $TARGET_ROOT/var/cache/apt/archives/word_1_all.deb $TARGET_ROOT"
        ),
    );
    shop
}

fn image(shop: &Workshop, name: &str, elements: &str) -> String {
    shop.image(name, &[("elements", elements), ("outputs", "[tar]")])
}

fn word(shop: &Workshop, name: &str) -> String {
    accepts("tar", &["-xOf", &shop.text(&format!("work/out/{name}.tar")), "./word"])
}

/// Where the package is kept.
fn kept(shop: &Workshop) -> PathBuf {
    let packages = shop.cache().join("downloads/shared/packages");
    let mut all = fs::read_dir(packages).unwrap().map(|entry| entry.unwrap().path());
    all.find(|path| path.to_str().unwrap().ends_with("-word_1_all.deb")).expect("it is kept")
}

#[test]
fn a_package_is_fetched_once_for_all_images() {
    let archive = Archive::new();
    let shop = shop(&archive);
    for name in ["first", "second", "third"] {
        shop.build(&image(&shop, name, "[tiny-os, apt]"), &[]).well();
        assert_eq!((word(&shop, name).as_str(), archive.asked("word_1_all.deb")), ("good\n", 1), "{name}");
    }
}

/// In every way that a hook has: in the cache, in apt's directory of the tree, under every name, and by links.
#[test]
fn a_package_that_a_hook_put_there_reaches_no_other_image() {
    let archive = Archive::new();
    let shop = shop(&archive);
    let files = shop.at("elements/evil/static");
    fs::create_dir_all(&files).unwrap();
    let evil = package(&files, "word", "evil\n");
    let good = shop.at("good.deb");
    fs::copy(package(&shop.at("work"), "word", "good\n"), &good).unwrap();
    let sum = accepts("sha256sum", &[good.to_str().unwrap()]);
    assert_eq!(fs::metadata(&evil).unwrap().len(), fs::metadata(&good).unwrap().len(), "apt compares sizes");
    shop.write("evil/element-deps", "install-static\n");
    let put = format!(
        "shopt -s nullglob; evil=$TMP_HOOKS_PATH/static/word_1_all.deb\n\
         mkdir -p $DIB_IMAGE_CACHE/apt/trial $DIB_IMAGE_CACHE/packages $DIB_IMAGE_CACHE/apt/other\n\
         for at in apt/trial/word_1_all.deb apt/other/word_1_all.deb packages/{0}-word_1_all.deb word_1_all.deb; do\n\
           rm -f $DIB_IMAGE_CACHE/$at; cp $evil $DIB_IMAGE_CACHE/$at; done\n\
         for at in $DIB_IMAGE_CACHE/packages/*; do cat $evil > $at; done\n\
         cp $evil $TARGET_ROOT/var/cache/apt/archives/word_1_all.deb\n\
         cp $evil $DIB_IMAGE_CACHE/own; ln $DIB_IMAGE_CACHE/own $DIB_IMAGE_CACHE/apt/trial/second_1_all.deb\n\
         ln -s /run/dibber/cache/own $DIB_IMAGE_CACHE/apt/trial/third_1_all.deb",
        &sum[..64]
    );
    // Before the package is installed, and after; in the image that is built first.
    for (name, phase, number) in
        [("early", "extra-data", 10), ("late", "extra-data", 90), ("last", "cleanup", 90)]
    {
        shop.hook(&format!("{name}/{phase}.d/{number}-put"), &put);
        let told = shop.build(&image(&shop, name, &format!("[tiny-os, apt, evil, {name}]")), &[]);
        assert_eq!(told.code, Some(0), "{name}: {}", told.err);
        assert_eq!(word(&shop, name), "good\n", "an earlier step's cache is no later step's");
        let good = format!("good-{name}");
        shop.build(&image(&shop, &good, "[tiny-os, apt]"), &[]).well();
        assert_eq!(word(&shop, &good), "good\n", "after {name}");
    }
}

/// Any file can be called a package: one of a hook that knows a secret, or has a file of the person's, is not handed on.
#[test]
fn packages_tell_others_nothing_that_they_were_not_told() {
    let archive = Archive::new();
    let shop = shop(&archive);
    fs::write(shop.at("key"), "the person's key").unwrap();
    shop.hook(
        "tells/extra-data.d/50-tells",
        "mkdir -p $DIB_IMAGE_CACHE/apt/x $DIB_IMAGE_CACHE/wheels\n\
         (echo ${A_PASSWORD:-}; cat ${A_KEY:-/dev/null}) > $DIB_IMAGE_CACHE/apt/x/told_1_amd64.deb\n\
         cp $DIB_IMAGE_CACHE/apt/x/told_1_amd64.deb $DIB_IMAGE_CACHE/wheels/told-1-py3-none-any.whl",
    );
    // What comes after knows what came before.
    shop.hook(
        "tells/extra-data.d/60-later",
        "mkdir -p $DIB_IMAGE_CACHE/wheels; cp /etc/hostname $DIB_IMAGE_CACHE/wheels/later-1-py3-none-any.whl",
    );
    shop.hook(
        "asks/extra-data.d/50-asks",
        "ls $DIB_IMAGE_CACHE/packages > $TARGET_ROOT/word 2> /dev/null || : > $TARGET_ROOT/word",
    );
    let knowing = image(&shop, "knowing", "[tiny-os, apt, tells]");
    shop.build(&knowing, &["--env", "A_PASSWORD=hunter2hunter2"]).well();
    let key = format!("A_KEY={}", shop.text("key"));
    shop.build(&knowing, &["--env", &key]).well();
    shop.build(&image(&shop, "asking", "[tiny-os, asks]"), &[]).well();
    let all = word(&shop, "asking");
    assert!(!all.contains("told") && !all.contains("later"), "{all}");
    // Who knows the same secret shares its packages; the others share theirs.
    for name in ["one", "two"] {
        let known = image(&shop, name, "[tiny-os, apt]");
        shop.build(&known, &["--env", "A_PASSWORD=hunter2hunter2"]).well();
        assert_eq!(archive.asked("word_1_all.deb"), 2, "{name}");
    }
}

#[test]
fn a_package_with_a_flipped_bit_is_fetched_again() {
    let archive = Archive::new();
    let shop = shop(&archive);
    shop.build(&image(&shop, "first", "[tiny-os, apt]"), &[]).well();
    flip_bit(&kept(&shop), 200);
    shop.build(&image(&shop, "second", "[tiny-os, apt]"), &[]).well();
    assert_eq!((word(&shop, "second").as_str(), archive.asked("word_1_all.deb")), ("good\n", 2));
    shop.build(&image(&shop, "third", "[tiny-os, apt]"), &[]).well();
    assert_eq!((word(&shop, "third").as_str(), archive.asked("word_1_all.deb")), ("good\n", 2));
}

/// A hook finds what it left, the next time that it runs with the same steps before it; nobody else does.
#[test]
fn what_else_a_hook_leaves_is_its_own() {
    let shop = Workshop::new();
    let count = ": $IMAGE_NAME; n=$(cat $DIB_IMAGE_CACHE/count 2> /dev/null || echo 0); echo $((n + 1)) > $DIB_IMAGE_CACHE/count\n\
                 cp $DIB_IMAGE_CACHE/count $TARGET_ROOT/count";
    shop.hook("count/extra-data.d/50-count", count);
    shop.hook("count/extra-data.d/60-other", "test ! -e $DIB_IMAGE_CACHE/count");
    let counted = |name: &str, more: &[&str]| {
        let image = image(&shop, name, "[tiny-os, count]");
        shop.build(&image, more).well();
        accepts("tar", &["-xOf", &shop.text(&format!("work/out/{name}.tar")), "./count"])
    };
    assert_eq!(counted("one", &[]), "1\n");
    assert_eq!(counted("two", &[]), "1\n", "another image's cache");
    // The same steps at another time.
    let mut words = shop.arguments(&image(&shop, "one", "[tiny-os, count]"));
    let at = words.iter().position(|word| word == "--source-date-epoch").unwrap();
    words[at + 1] = "1700000001".into();
    dibber_tests::workshop::run(shop.dibber().args(&words)).well();
    assert_eq!(accepts("tar", &["-xOf", &shop.text("work/out/one.tar"), "./count"]), "2\n");
    assert_eq!(counted("one", &["--env", "MORE=1"]), "1\n", "other variables");
}

/// A repository or a file in the cache that lost a bit is fetched again.
#[test]
fn sources_with_a_flipped_bit_are_fetched_again() {
    let archive = Archive::new();
    // Beside packages, whose cache is mounted into the tree by then.
    let shop = shop(&archive);
    archive.release("other", "a file to fetch\n");
    let remote = shop.at("remote");
    let git = |words: &[&str]| accepts("git", &[&["-C", remote.to_str().unwrap()], words].concat());
    fs::create_dir(&remote).unwrap();
    git(&["init", "--quiet", "-b", "main"]);
    fs::write(remote.join("file"), "content of a repository\n".repeat(100)).unwrap();
    git(&["add", "file"]);
    git(&["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "one"]);
    // Whatever the umask: what an element names is given where everybody may read it.
    accepts("chmod", &["-R", "a+rX", remote.to_str().unwrap()]);
    shop.write("src/element-deps", "source-repositories\n");
    let lines = format!(
        "a git /opt/a {} main\nb file /opt/b {}/dists/other/Release\n",
        remote.display(),
        archive.url()
    );
    shop.write("src/source-repository-x", &lines);
    let of = |name: &str| {
        shop.build(&image(&shop, name, "[tiny-os, apt, src]"), &["--env", &format!("RUN={name}")]).well();
        let read = |path: &str| accepts("tar", &["-xOf", &shop.text(&format!("work/out/{name}.tar")), path]);
        (read("./opt/a/file"), read("./opt/b"))
    };
    let right = of("first");
    assert!(right.0.starts_with("content of") && right.1 == "a file to fetch\n");
    let sources = shop.cache().join("downloads/sources");
    let found = accepts(
        "find",
        &[sources.to_str().unwrap(), "-type", "f", "(", "-path", "*/objects/*", "-o", "-name", "source", ")"],
    );
    let all: Vec<&str> = found.lines().filter(|path| !path.contains("/info/")).collect();
    assert!(all.len() > 2, "{found}");
    for path in all {
        flip_bit(path.as_ref(), 9);
    }
    assert!(of("second") == right);
}
