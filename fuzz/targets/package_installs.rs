//! Lists of packages in elements, as YAML and as JSON.

#![no_main]

use dibber_fuzz::{IMAGE, LAYOUT, planned};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for file in ["package-installs.yaml", "package-installs.json", "package-installs-amd64.yaml"] {
        planned(IMAGE, LAYOUT, &[(file, text)]);
    }
});
