//! Maps of package and service names.

#![no_main]

use dibber_plan::elements::pkg_map::parse;

use dibber_fuzz::{IMAGE, LAYOUT, planned};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = parse(text, "pkg-map").map_err(|error| error.to_string());
    for file in ["pkg-map", "svc-map"] {
        planned(IMAGE, LAYOUT, &[(file, text), ("package-installs.yaml", "a:\n")]);
    }
});
