//! Image files.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| dibber_fuzz::planned(text, dibber_fuzz::LAYOUT, &[]));
