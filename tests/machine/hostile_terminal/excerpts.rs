//! The excerpt around a place that is wrong, in texts that are no usual ones.

use std::fs;

use dibber_tests::workshop::Workshop;

use super::{run, said};

/// Writes an image file, and tells what `plan` says of it.
fn plan(shop: &Workshop, text: &[u8]) -> String {
    let path = shop.at("x.yaml");
    fs::write(&path, text).expect("write");
    let output = run(shop.dibber().arg("plan").arg(&path));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let longest = said.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(longest < 1000, "{longest} columns");
    said
}

#[test]
fn places_far_out_on_a_line_are_drawn() {
    let shop = Workshop::new();
    for packages in [9_000, 200_000] {
        let list: Vec<String> = (0..packages).map(|n| format!("\"p{n:05}\"")).collect();
        let text = format!(
            "{{\"disk_images\": [{{\"imagename\": \"good\", \"arch\": \"x86_64\", \"packages\": [{}], \"nokey\": 1}}]}}",
            list.join(",")
        );
        let column = text.find("\"nokey\"").expect("the key") + 1;
        let said = plan(&shop, text.as_bytes());
        for sign in [&format!("x.yaml:1:{column}"), "unknown key `nokey`", "\"nokey\": 1}]}", "here"] {
            assert!(said.contains(sign), "no `{sign}` in:\n{said}");
        }
    }
    // Far out in letters of several columns, and of several bytes.
    let wide = "\u{6f22}\u{1f600}e\u{301}".repeat(40_000);
    let said = plan(
        &shop,
        format!("{{disk_images: [{{imagename: good, packages: [\"{wide}\"], nokey: 1}}]}}").as_bytes(),
    );
    assert!(said.contains("unknown key `nokey`"), "{said}");
    // A key that is long itself.
    plan(&shop, format!("disk_images:\n  - imagename: good\n    {}: 1\n", "k".repeat(100_000)).as_bytes());
    plan(
        &shop,
        format!("disk_images:\n  - imagename: good\n    \"{}\": 1\n", "k\\e".repeat(30_000)).as_bytes(),
    );
}

#[test]
fn line_ends_tabs_and_bytes_of_all_kinds() {
    let shop = Workshop::new();
    for text in [
        &b"disk_images:\r\n  - imagename: good\r\n    nokey: 1\r\n"[..],
        b"disk_images:\r  - imagename: good\r    nokey: 1\r",
        b"disk_images:\n  - imagename: good\n    nokey:\t1\t# tab\n",
        b"disk_images:\n\t- imagename: good\n",
        b"disk_images:\n  - imagename: good\n    nokey: \0\n",
        b"\xef\xbb\xbfdisk_images:\n  - imagename: good\n    nokey: 1\n",
        b"disk_images:\n  - imagename: g\xff\xfe\n",
        b"\xff\xfed\0i\0s\0k\0",
        b"disk_images: [\n",
        b"disk_images:\n  - imagename: good\n    nokey: 1",
        b"nokey: 1",
        b"",
        b"\n\n\n\n",
        "disk_images:\n  - imagename: good\n    \u{85}nokey\u{2028}: 1\n".as_bytes(),
    ] {
        plan(&shop, text);
    }
}

#[test]
fn no_secret_beside_the_place() {
    let shop = Workshop::new();
    let tail = "nokey: 1\n";
    for line in [
        "proxy: http://me:PROXYPW7@127.0.0.1:3128",
        "proxy: me:PROXYPW7@127.0.0.1:3128",
        "mirror: 'http://me:PROXY%50W7@127.0.0.1/debian'",
        "environment: {DIB_DEV_USER_PASSWORD: PROXYPW7, A: b}",
        "environment: {\"GIT_TOKEN\": \"PROXYPW7\"}",
    ] {
        for text in [
            format!("disk_images:\n  - imagename: good\n    {line}\n    {tail}"),
            format!("disk_images:\n  - imagename: good\n    {tail}    {line}\n"),
            format!("disk_images: [{{imagename: good, {line}, nokey: 1}}]\n"),
        ] {
            let said = plan(&shop, text.as_bytes());
            assert!(said.contains("unknown key `nokey`"), "{said}");
            assert!(!said.contains("PROXYPW7") && !said.contains("PROXY%50W7"), "{said}");
        }
    }
}
