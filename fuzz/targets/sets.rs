//! The list of a set, and descriptions of files.

#![no_main]

use dibber_imageset::{SetFile, Sidecar};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(set) = SetFile::parse(bytes) {
        let names = set.images.iter().flat_map(|image| &image.files).flat_map(|file| file.names());
        for name in names {
            assert!(!name.contains('/') && !["", ".", ".."].contains(&name), "{name:?} leads elsewhere");
        }
        let again = serde_json::to_vec(&set).expect("a set has keys of text alone");
        assert_eq!(SetFile::parse(&again), Ok(set), "what is written is what is read");
    }
    let _ = serde_json::from_slice::<Sidecar>(bytes).map(|sidecar| serde_json::to_vec(&sidecar));
});
