//! What is to be done about one image, given what Glance holds.
//!
//! In: the image that is wanted, the images of its name. Out: a decision, as data. Never: a request.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::DesiredImage;
use super::images::Image;
use super::set_image::ID;

/// What stands after a name until the content is checked.
const UNCHECKED: &str = ".unchecked";
/// Properties that a node's choice or ironic's reading hangs on: one that is not wanted must not stay.
const MANAGED_PROPERTIES: [&str; 4] = ["kernel_id", "ramdisk_id", "img_type", "tripleo_platform"];

/// An image that gives its name up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rename {
    pub(super) id: String,
    /// The name that it gets.
    pub(super) name: String,
}

/// What is to be done. The order of the fields is the order of the doing.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// Ids of what an upload that did not end has left.
    pub(super) remove: Vec<String>,
    /// The image that holds the content already, if there is one.
    pub(super) keep: Option<Image>,
    /// Images to be renamed.
    pub(super) rename: Vec<Rename>,
}

/// The name that an image has until it is checked.
pub(super) fn unchecked(name: &str) -> String {
    format!("{name}{UNCHECKED}")
}

/// Whether anything hangs on this property of an image.
pub(super) fn is_compared(desired: &DesiredImage, property: &str) -> bool {
    property == ID || MANAGED_PROPERTIES.contains(&property) || desired.properties.contains_key(property)
}

/// Decides. `project` is ours, where there are projects: another's public image of that name is let be.
pub(super) fn decide(desired: &DesiredImage, there: Vec<Image>, project: Option<&str>) -> Decision {
    let mut decision = Decision::default();
    let ours = |image: &Image| project.is_none() || image.owner.as_deref() == project;
    let mut there: Vec<Image> = there.into_iter().filter(ours).collect();
    // An image that has its name is kept before one that has not; of equals, the eldest.
    there.sort_by_key(|image| {
        (image.name.as_deref() != Some(desired.name.as_str()), image.created_at.clone(), image.id.clone())
    });
    for image in there {
        let named = image.name.as_deref() == Some(desired.name.as_str());
        let active = image.status == "active";
        if decision.keep.is_none() && active && mismatch(desired, &image).is_none() {
            decision.keep = Some(image);
        } else if !named && image.property(ID).is_some() {
            decision.remove.push(image.id);
        } else if named && (active || image.status == "deactivated") {
            let name = previous_name(&desired.name, &image.created_at);
            decision.rename.push(Rename { id: image.id, name });
        }
    }
    decision
}

/// TripleO's name for what was replaced: the digits of its creation (`--update-existing`).
fn previous_name(name: &str, created_at: &str) -> String {
    let digits: String = created_at.chars().filter(char::is_ascii_digit).collect();
    format!("{name}_{digits}")
}

/// Why an image is not what is wanted, by Glance's own account of it; none if it is.
pub(super) fn mismatch(desired: &DesiredImage, image: &Image) -> Option<String> {
    let formats = (image.disk_format.as_deref(), image.container_format.as_deref());
    if formats != (Some(desired.formats.disk), Some(desired.formats.container)) {
        return Some(format!(
            "its formats are {formats:?}, not {}, {}",
            desired.formats.disk, desired.formats.container
        ));
    }
    if image.size != Some(desired.bytes) {
        let size = image.size.map_or("none".into(), |size| size.to_string());
        return Some(format!("its size is {size}, and {} bytes were sent", desired.bytes));
    }
    let right = match image.os_hash_algo.as_deref() {
        Some("sha512") => desired.sha512.clone(),
        Some("sha256") => desired.sha256.to_string(),
        other => {
            return Some(format!(
                "it hashes by {other:?}; dibber compares sha512 and sha256 (hashing_algorithm)"
            ));
        }
    };
    match image.os_hash_value.as_deref() {
        Some(value) if value == right => None,
        value => Some(format!(
            "its os_hash_value is {:.16}..., and the file's {right:.16}...",
            value.unwrap_or("none")
        )),
    }
}

/// The body of `POST /v2/images` for an image, under the name that it has until it is checked.
pub(super) fn description(desired: &DesiredImage, visibility: Option<&str>) -> Value {
    let mut body = json!({
        "name": unchecked(&desired.name),
        "disk_format": desired.formats.disk,
        "container_format": desired.formats.container,
        "min_disk": desired.min_disk,
        "min_ram": desired.min_ram,
    });
    for (name, value) in &desired.properties {
        body[name] = value.as_str().into();
    }
    if let Some(visibility) = visibility {
        body["visibility"] = visibility.into();
    }
    body
}

/// Changes that make an image with the right content the one that is wanted; none if it is. Properties that somebody else
/// set stay.
pub(super) fn changes(
    desired: &DesiredImage,
    image: &Image,
    visibility: Option<&str>,
) -> BTreeMap<String, Value> {
    let mut changes = BTreeMap::new();
    let mut replace = |name: &str, value: Value| {
        changes.insert(name.to_string(), json!({ "op": "replace", "path": pointer(name), "value": value }));
    };
    if image.name.as_deref() != Some(desired.name.as_str()) {
        replace("name", desired.name.as_str().into());
    }
    if image.min_disk != desired.min_disk {
        replace("min_disk", desired.min_disk.into());
    }
    if image.min_ram != desired.min_ram {
        replace("min_ram", desired.min_ram.into());
    }
    if let Some(visibility) = visibility.filter(|desired| image.visibility.as_deref() != Some(*desired)) {
        replace("visibility", visibility.into());
    }
    for (name, value) in &desired.properties {
        if image.property(name) != Some(value.as_str()) {
            let op = if image.rest.contains_key(name) { "replace" } else { "add" };
            changes.insert(name.clone(), json!({ "op": op, "path": pointer(name), "value": value }));
        }
    }
    for name in MANAGED_PROPERTIES {
        if image.rest.contains_key(name) && !desired.properties.contains_key(name) {
            changes.insert(name.into(), json!({ "op": "remove", "path": pointer(name) }));
        }
    }
    changes
}

/// A name as a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::super::Formats;
    use super::*;

    fn desired() -> DesiredImage {
        let digest: dibber_model::Digest = [7; 32].into();
        DesiredImage {
            name: "p9-ppc64le-x".into(),
            formats: Formats { disk: "qcow2", container: "bare" },
            min_disk: 2,
            min_ram: 0,
            properties: [("hw_architecture", "ppc64le"), (ID, "i")].map(|(k, v)| (k.into(), v.into())).into(),
            path: "x".into(),
            bytes: 10,
            sha256: digest,
            sha512: "ab".repeat(64),
        }
    }

    fn image(id: &str, change: impl FnOnce(&mut Image)) -> Image {
        let mut image: Image = serde_json::from_value(json!({
            "id": id, "name": "p9-ppc64le-x", "status": "active", "disk_format": "qcow2", "container_format": "bare",
            "size": 10, "min_disk": 2, "min_ram": 0, "visibility": "shared", "owner": "me",
            "os_hash_algo": "sha512", "os_hash_value": "ab".repeat(64), "created_at": "2026-11-22T01:02:03Z",
            "hw_architecture": "ppc64le", ID: "i", "theirs": "stays",
        }))
        .unwrap();
        change(&mut image);
        image
    }

    #[test]
    fn what_is_right_is_kept_and_not_changed() {
        let decision = decide(&desired(), vec![image("a", |_| ())], Some("me"));
        let kept = decision.keep.unwrap();
        assert!(decision.remove.is_empty() && decision.rename.is_empty());
        assert!(changes(&desired(), &kept, None).is_empty());
        assert!(changes(&desired(), &kept, Some("shared")).is_empty());
    }

    #[test]
    fn content_that_differs_is_renamed_and_half_an_upload_removed() {
        let there = vec![
            image("old", |i| i.os_hash_value = Some("cd".repeat(64))),
            image("half", |i| (i.status, i.name) = ("queued".into(), Some("p9-ppc64le-x.unchecked".into()))),
            image("theirs", |i| i.owner = Some("you".into())),
            image("starting", |i| i.status = "queued".into()),
        ];
        let decision = decide(&desired(), there, Some("me"));
        assert!(decision.keep.is_none());
        assert_eq!(decision.remove, ["half"]);
        assert_eq!(
            decision.rename,
            [Rename { id: "old".into(), name: "p9-ppc64le-x_20261122010203".into() }]
        );
    }

    #[test]
    fn a_checked_upload_that_lacks_only_its_name_gets_it() {
        let there = vec![image("whole", |i| i.name = Some("p9-ppc64le-x.unchecked".into()))];
        let decision = decide(&desired(), there, None);
        let changes = changes(&desired(), &decision.keep.unwrap(), None);
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn a_kernel_on_a_whole_disk_goes_and_the_rest_stays() {
        let there = image("a", |i| {
            i.rest.insert("kernel_id".into(), Some("k".into()));
            i.rest.insert("hw_architecture".into(), Some("x86_64".into()));
            i.min_disk = 1;
        });
        let changes = changes(&desired(), &there, None);
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["hw_architecture", "kernel_id", "min_disk"]);
        assert_eq!(changes["kernel_id"]["op"], "remove");
    }

    #[test]
    fn another_size_hash_or_algorithm_is_a_fault() {
        assert_eq!(mismatch(&desired(), &image("a", |_| ())), None);
        assert_eq!(
            mismatch(
                &desired(),
                &image("a", |i| {
                    i.os_hash_algo = Some("sha256".into());
                    i.os_hash_value = Some(Digest7::hex());
                })
            ),
            None
        );
        for change in [
            (|i| i.size = Some(9)) as fn(&mut Image),
            |i| i.os_hash_value = None,
            |i| i.os_hash_algo = Some("md5".into()),
            |i| i.disk_format = Some("raw".into()),
        ] {
            assert!(mismatch(&desired(), &image("a", change)).is_some());
        }
    }

    struct Digest7;
    impl Digest7 {
        fn hex() -> String {
            "07".repeat(32)
        }
    }
}
