//! Block-device configs.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| dibber_fuzz::planned(dibber_fuzz::IMAGE, text, &[]));
