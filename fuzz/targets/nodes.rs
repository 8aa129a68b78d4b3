//! Files of machines, and flavors.

#![no_main]

use dibber_deploy::flavor::Flavor;
use dibber_deploy::select::{Fleet, NodesFormat};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for format in [NodesFormat::Json, NodesFormat::Yaml, NodesFormat::Csv] {
        let _ = Fleet::read(text, format).map_err(|error| error.to_string());
    }
    let _ = Flavor::read(text).map_err(|error| error.to_string());
});
