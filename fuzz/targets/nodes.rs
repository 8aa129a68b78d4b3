//! Files of machines, and flavors.

#![no_main]

use dibber_deploy::flavor::Flavor;
use dibber_deploy::select::Fleet;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Fleet::read(text).map_err(|error| error.to_string());
    let _ = Flavor::read(text).map_err(|error| error.to_string());
});
