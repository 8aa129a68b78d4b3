//! The package database of dpkg.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| drop(dibber_packages::dpkg_packages(text)));
