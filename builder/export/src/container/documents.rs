//! The JSON documents of a container image: its configuration, its manifest, the index of the layout, Docker's manifest.
//!
//! In: what the image is, and its layer. Out: documents, each with the digest that the next one names it by. Never: a file.

use serde_json::{Value, json};

use super::{Blob, ContainerImage, blob_of, blob_path};

/// The documents of an image.
pub(super) struct Documents {
    pub(super) layout: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) config_blob: Blob,
    pub(super) manifest: Vec<u8>,
    pub(super) manifest_blob: Blob,
    pub(super) index: Vec<u8>,
    pub(super) docker_manifest: Option<Vec<u8>>,
}

impl Documents {
    pub(super) fn new(image: &ContainerImage<'_>, layer: &Blob) -> Self {
        let name = full_name(image.tag);
        let config = bytes(&json!({
            "architecture": image.arch,
            "config": {},
            "created": image.created,
            "history": [{ "created": image.created, "created_by": image.builder }],
            "os": "linux",
            "rootfs": { "diff_ids": [digest(layer)], "type": "layers" },
        }));
        let config_blob = blob_of(&config);
        let manifest = bytes(&json!({
            "config": described("application/vnd.oci.image.config.v1+json", &config_blob),
            "layers": [described("application/vnd.oci.image.layer.v1.tar", layer)],
            "mediaType": MANIFEST,
            "schemaVersion": 2,
        }));
        let manifest_blob = blob_of(&manifest);
        let mut descriptor = described(MANIFEST, &manifest_blob);
        descriptor["annotations"] = json!({
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rsplit(':').next(),
        });
        descriptor["platform"] = json!({ "architecture": image.arch, "os": "linux" });
        let index = json!({
            "manifests": [descriptor],
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "schemaVersion": 2,
        });
        let docker = json!([{
            "Config": blob_path(&config_blob),
            "Layers": [blob_path(layer)],
            "RepoTags": [name],
        }]);
        Documents {
            layout: bytes(&json!({ "imageLayoutVersion": "1.0.0" })),
            index: bytes(&index),
            docker_manifest: image.for_docker.then(|| bytes(&docker)),
            config,
            config_blob,
            manifest,
            manifest_blob,
        }
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A name with its tag, which is `latest` where none is given.
fn full_name(tag: &str) -> String {
    match tag.rsplit_once(':') {
        Some((_, last)) if !last.contains('/') => tag.to_string(),
        _ => format!("{tag}:latest"),
    }
}

fn described(media_type: &str, blob: &Blob) -> Value {
    json!({ "digest": digest(blob), "mediaType": media_type, "size": blob.bytes })
}

fn digest(blob: &Blob) -> String {
    format!("sha256:{}", blob.digest)
}

fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
