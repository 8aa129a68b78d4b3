//! Files with holes in archives: they stay as small as their data, and other readers find the holes.
//!
//! In: a tree with sparse files. Out: a tar file, read by GNU tar, Python and bsdtar. Never: a hole that one of them fills with anything but
//! zeros, or bytes that depend on who builds.

use std::fs;
use std::os::unix::fs::MetadataExt;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

const SPARSE: &str = r#"
mkdir /s; cd /s
truncate -s 1G end; echo end >> end
truncate -s 300M all
dd if=/dev/zero of=begin bs=1 count=0 seek=20M 2>/dev/null; echo begin | dd of=begin conv=notrunc 2>/dev/null
for i in $(seq 0 99); do echo $i | dd of=many bs=4096 seek=$((i * 50)) conv=notrunc 2>/dev/null; done
n=$(printf 'n%.0s' $(seq 200)); mkdir $n; truncate -s 5M $n/$n; echo x >> $n/$n
ln end hard; chmod 600 all
seq 20000 > whole
"#;

const PYTHON: &str = r#"
import hashlib, sys, tarfile
for m in tarfile.open(sys.argv[1]):
    if m.isreg() and m.name.startswith("./s/"):
        print(hashlib.sha256(tarfile.open(sys.argv[1]).extractfile(m.name).read()).hexdigest(), m.name)
"#;

#[test]
fn other_readers_find_the_holes() {
    let shop = Workshop::new();
    shop.hook("e/install.d/10-sparse", SPARSE);
    let image = shop.image("good", &[("elements", "[tiny-os, e]"), ("outputs", "[tar]")]);
    shop.build(&image, &[]).well();
    let tar = shop.out().join("good.tar");
    let size = fs::metadata(&tar).expect("the tar").len();
    assert!(size < 64 << 20, "{size} bytes");
    let tar = tar.to_str().expect("UTF-8");
    let unpacked = shop.at("work/unpacked");
    fs::create_dir(&unpacked).expect("make a directory");
    accepts("tar", &["-xf", tar, "-C", unpacked.to_str().expect("UTF-8"), "./s"]);
    let end = fs::metadata(unpacked.join("s/end")).expect("end");
    assert_eq!((end.len(), end.nlink()), ((1 << 30) + 4, 2));
    assert!(end.blocks() * 512 < 1 << 20, "{} blocks", end.blocks());
    for (name, length) in [("all", 300 << 20), ("begin", 20 << 20), ("many", 99 * 50 * 4096 + 3)] {
        assert_eq!(fs::metadata(unpacked.join("s").join(name)).expect(name).len(), length, "{name}");
    }
    let sums = |root: &std::path::Path| {
        let root = root.to_str().expect("UTF-8");
        let script = format!("cd {root}; find ./s -type f | LC_ALL=C sort | xargs sha256sum | sed 's/  / /'");
        accepts("sh", &["-c", &script])
    };
    let expected = sums(&unpacked);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines.dedup();
        lines
    };
    // A hard link is a member without content in Python.
    let by_python = sorted(&accepts("python3", &["-c", PYTHON, tar]));
    let expected = sorted(&expected);
    for line in &by_python {
        assert!(expected.contains(line), "{line}\n{expected:#?}");
    }
    assert!(by_python.len() + 1 >= expected.len(), "{by_python:#?}");
    let second = shop.at("work/second");
    fs::create_dir(&second).expect("make a directory");
    accepts("bsdtar", &["-xf", tar, "-C", second.to_str().expect("UTF-8"), "./s"]);
    assert_eq!(sorted(&sums(&second)), expected);
}
