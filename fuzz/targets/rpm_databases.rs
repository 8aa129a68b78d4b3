//! rpm's databases: SQLite, Berkeley DB, and its own container, by the first bytes.

#![no_main]

use dibber_packages::{Database, DatabaseKind};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let kind = match bytes.first() {
        Some(b'S') => DatabaseKind::RpmSqlite,
        Some(b'R') => DatabaseKind::RpmNdb,
        _ => DatabaseKind::RpmBerkeley,
    };
    let _ = Database { kind, path: "" }.packages(bytes);
});
