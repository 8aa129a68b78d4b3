//! Packages of systems that rpm keeps: whichever of its databases a tree has, its list is rpm's own. Debian's rpm writes SQLite alone; the
//! container of SUSE's is tested beside its reader.
//!
//! In: packages that rpmbuild makes, put by rpm into its database, and from there into one of Berkeley DB's by that library's own tool. Out: what
//! the description and `dibber show` list. Never: a program of the image's run for it.

use std::fs;
use std::path::Path;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;
use serde_json::Value;

/// A package with a long header, one with an epoch, one for every architecture.
const SPEC: &str = r#"
Name: big
Version: 1.0~rc1
Release: 3.el9
Summary: many files
License: none
%description
x
%files
/opt/big
%package -n epochal
Summary: with an epoch
Epoch: 2
BuildArch: noarch
%description -n epochal
x
%files -n epochal
%install
mkdir -p %{buildroot}/opt/big
for n in $(seq 3000); do echo $n > %{buildroot}/opt/big/a-file-with-a-rather-long-name-of-number-$n; done
"#;

const BUILD: &str = r#"
cd "$1"
for n in $(seq 150); do
    printf '%%package -n many-%s\nSummary: one of many\nVersion: %s\nBuildArch: noarch\n%%description -n many-%s\nx\n%%files -n many-%s\n' $n $n $n $n
done >> big.spec
rpmbuild --quiet --define "_topdir $PWD/top" --define '_build_id_links none' --define '__os_install_post %{nil}' -bb big.spec
mkdir -p sqlite berkeley
rpm --dbpath "$PWD/sqlite" --initdb
find top/RPMS -name '*.rpm' | sort | xargs rpm --dbpath "$PWD/sqlite" --justdb --nodeps -i
rpm --dbpath "$PWD/sqlite" -qa --qf '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH}\n' | LC_ALL=C sort > list
# No rpm of today writes it: the same headers, by the library's own tool, with the counter that rpm has under the key 0.
python3 - <<'PY' | db5.3_load -h berkeley Packages
import sqlite3, struct
rows = sqlite3.connect('sqlite/rpmdb.sqlite').execute('select hnum, blob from Packages').fetchall()
print('VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END')
print(' 00000000\n ' + struct.pack('<I', len(rows)).hex())
for number, blob in rows:
    print(' ' + struct.pack('<I', number).hex() + '\n ' + blob.hex())
print('DATA=END')
PY
"#;

/// Builds an image with the database at a path, and compares all that lists its packages.
fn lists_it(shop: &Workshop, database: &str, path: &str, expected: &str) {
    let bytes = fs::read(shop.at("work").join(database)).expect("a database");
    let stem = shop.at("elements/rpmdb/static");
    if stem.exists() {
        fs::remove_dir_all(&stem).expect("empty the element");
    }
    let place = stem.join(path);
    fs::create_dir_all(place.parent().expect("a directory")).expect("make a directory");
    fs::write(&place, bytes).expect("write the database");
    let image = shop.image("good", &[("elements", "[tiny-os, rpmdb]"), ("outputs", "[raw, tar]")]);
    shop.build(&image, &[]).well();
    let sidecar = fs::read_to_string(shop.out().join("good.raw.json")).expect("a description");
    let sidecar: Value = serde_json::from_str(&sidecar).expect("JSON");
    let packages = sidecar["packages"].as_array().expect("packages");
    let lines = |packages: &[Value], name: &str| -> String {
        let line = |p: &Value| format!("{} {} {}\n", text(&p[name]), text(&p["version"]), text(&p["arch"]));
        packages.iter().map(line).collect()
    };
    assert_eq!(lines(packages, "name"), expected, "{database}");
    assert_eq!(
        shop.run(&["show", &shop.text("work/out/good.raw"), "--packages"]).well().out,
        expected,
        "{database}"
    );
    let tar = shop.text("work/out/good.tar");
    let manifest = accepts("tar", &["-xOf", &tar, "./etc/dib-manifests/dib-manifest-rpm-good"]);
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(lines(manifest["packages"].as_array().expect("packages"), "package"), expected);
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn each_of_its_databases() {
    let shop = Workshop::new();
    shop.write("rpmdb/element-deps", "install-static\nmanifests\n");
    let work = shop.at("work");
    fs::create_dir_all(&work).expect("make a directory");
    fs::write(work.join("big.spec"), SPEC.trim_start()).expect("write a spec");
    accepts("bash", &["-eu", "-o", "pipefail", "-c", BUILD, "bash", work.to_str().expect("UTF-8")]);
    let expected = fs::read_to_string(work.join("list")).expect("rpm's list");
    assert_eq!(expected.lines().count(), 152);
    assert!(
        expected.contains("big 1.0~rc1-3.el9 x86_64\n")
            && expected.contains("epochal 2:1.0~rc1-3.el9 noarch\n")
    );
    lists_it(&shop, "sqlite/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite", &expected);
    lists_it(&shop, "sqlite/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", &expected);
    lists_it(&shop, "berkeley/Packages", "var/lib/rpm/Packages", &expected);
}

#[test]
fn a_damaged_one_is_named() {
    let shop = Workshop::new();
    shop.write("rpmdb/element-deps", "install-static\n");
    shop.write("rpmdb/static/var/lib/rpm/rpmdb.sqlite", "SQLite format 3\0 and no more");
    let image = shop.image("good", &[("elements", "[tiny-os, rpmdb]"), ("outputs", "[tar]")]);
    shop.build(&image, &[]).refuses(3, &["/var/lib/rpm/rpmdb.sqlite", "damaged"]);
    assert!(!Path::new(&shop.text("work/out/good.tar")).exists());
}
