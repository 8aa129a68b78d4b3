//! The list of a set, and descriptions of files.

#![no_main]

use dibber_build::output::{SetFile, Sidecar};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(set) = serde_json::from_slice::<SetFile>(bytes) {
        let _ = (set.owns("a.qcow2.json"), set.find("a", "x86_64", None).is_some());
        let _ = serde_json::to_vec(&set);
    }
    let _ = serde_json::from_slice::<Sidecar>(bytes).map(|sidecar| serde_json::to_vec(&sidecar));
});
