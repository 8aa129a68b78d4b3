//! What the fuzz targets call: the readers as the program calls them.
//!
//! In: bytes of anybody's. Out: nothing; a panic, an abort, or work without end is what the fuzzer looks for. Never: a file, or the
//! network.

use std::collections::BTreeMap;

use dibber_inspect::{Image, Kind, Report};
use dibber_model::{Arch, Digest};
use dibber_plan::{Body, ElementSource, Entry, Request, SourceSet, TextSource, explain, plan};

/// All that `dibber show` can be asked about an image.
pub fn image(bytes: &[u8]) {
    let Ok(image) = Image::of_bytes(bytes.to_vec()) else { return };
    let _ = Report::without_sidecar(&image).map(|report| serde_json::to_vec(&report));
    let Ok(tree) = image.tree() else { return };
    let mut file = None;
    if let Ok(root) = tree.find("/") {
        let _ = tree.walk(&root, &mut |path, entry| {
            if entry.kind == Kind::File && entry.size < 1 << 24 {
                file = Some(String::from_utf8_lossy(path).into_owned());
            }
            Ok(())
        });
    }
    let _ = image.packages();
    if let Some(Ok(at)) = file.map(|path| tree.find(&path)) {
        let _ = tree.read(&at, &mut std::io::sink());
    }
}

/// An element of these files.
pub fn element(name: &str, files: &[(&str, &str)]) -> ElementSource {
    let entry = |(path, text): &(&str, &str)| {
        let file = Entry::File {
            executable: path.contains(".d/"),
            digest: Digest::of(text.as_bytes()),
            body: Body::Inline(text.as_bytes().into()),
        };
        (path.to_string(), file)
    };
    let mut entries: BTreeMap<String, Entry> = files.iter().map(entry).collect();
    for path in files.iter().filter_map(|(path, _)| path.rsplit_once('/')) {
        entries.insert(path.0.to_string(), Entry::Dir);
    }
    ElementSource { name: name.to_string(), origin: format!("/e/{name}"), entries, modes: BTreeMap::new() }
}

/// Plans an image file with one small element and one named layout.
pub fn planned(image: &str, layout: &str, files: &[(&str, &str)]) {
    let tiny =
        [&[("element-provides", "operating-system\n"), ("root.d/10-tiny", "#!/bin/sh\n")], files].concat();
    let mut sources = SourceSet::default();
    sources.elements.insert("tiny".into(), element("tiny", &tiny));
    sources.layouts.insert("any".into(), TextSource { origin: "any.yaml".into(), text: layout.into() });
    sources.images.push(TextSource { origin: "image.yaml".into(), text: image.into() });
    match plan(&sources, &Request::on(Arch::X86_64)) {
        Ok(plans) => plans.iter().for_each(|plan| drop(explain(plan))),
        Err(error) => drop(error.to_string()),
    }
}

/// An image file that is sound, with the layout `any`.
pub const IMAGE: &str =
    "disk_images:\n  - {imagename: i, distro: tiny, skip_base: true, arch: x86_64, layout: any}\n";
/// A layout that is sound.
pub const LAYOUT: &str =
    "- local_loop: {name: image0}\n- mkfs: {name: mkfs_root, base: image0, mount: {mount_point: /}}\n";
