//! What no foreign program makes; tests/machine/show reads what qemu-img makes.

use super::super::source::Memory;
use super::*;

/// A header of version 3 with clusters of 64 KiB, one L1 entry that points at an L2 table, and that table.
fn file(change: impl FnOnce(&mut Vec<u8>)) -> Result<Qcow2, ShowError> {
    let mut bytes = vec![0; 4 << 16];
    bytes[..4].copy_from_slice(b"QFI\xfb");
    for (at, value) in [(4, 3u32), (20, 16), (36, 1), (100, 104)] {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    for (at, value) in [(24, 1u64 << 20), (40, 1 << 16), (1 << 16, 2 << 16)] {
        bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
    }
    change(&mut bytes);
    let budget = Rc::new(Budget::new());
    Qcow2::open(Rc::new(Memory::new(bytes, Rc::clone(&budget))), budget)
}

fn entry(bytes: &mut [u8], index: usize, value: u64) {
    let at = (2 << 16) + 8 * index;
    bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

#[test]
fn absent_zero_and_plain_clusters() {
    let disk = file(|bytes| {
        entry(bytes, 1, 3 << 16 | 1);
        entry(bytes, 2, 3 << 16 | 1 << 63);
        bytes[3 << 16..].fill(7);
    });
    let mut read = vec![9; 3 << 16];
    disk.unwrap().read_at(0, &mut read).unwrap();
    assert!(read[..2 << 16].iter().all(|b| *b == 0) && read[2 << 16..].iter().all(|b| *b == 7));
}

#[test]
fn refusals_name_the_feature() {
    for (at, value, words) in [
        (7, 4, "version 4"),
        (15, 1, "backing file"),
        (23, 8, "2^8"),
        (23, 22, "2^22"),
        (35, 2, "encrypted"),
        (79, 2, "marked corrupt"),
        (79, 4, "external file"),
        (79, 16, "extended L2"),
        (79, 32, "0x20"),
        (39, 0, "maps 0 bytes"),
        (41, 1, "past the end"),
    ] {
        let error = file(|bytes| bytes[at] = value).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(words), "{at}: {error}");
    }
}

#[test]
fn damaged_tables_are_told() {
    let read = |change: fn(&mut Vec<u8>)| {
        let error = file(change).unwrap().read_at(0, &mut [0; 4096]).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    };
    read(|bytes| bytes[(1 << 16) + 6] = 2); // the L2 table between clusters
    read(|bytes| bytes[(1 << 16) + 3] = 1); // past the end
    read(|bytes| entry(bytes, 0, 0x200)); // a cluster between clusters
    read(|bytes| entry(bytes, 0, 9 << 16)); // past the end
    read(|bytes| entry(bytes, 0, 1 << 62 | 3 << 16 | 5)); // no deflate stream
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        changes in proptest::collection::vec((0usize..4 << 16, proptest::num::u8::ANY), 0..40),
        near in proptest::collection::vec((0usize..112, proptest::num::u8::ANY), 0..6),
        entries in proptest::collection::vec(proptest::num::u64::ANY, 0..16),
        at in 0u64..1 << 20,
    ) {
        let disk = file(|bytes| {
            for (index, value) in entries.iter().enumerate() {
                entry(bytes, index, *value);
            }
            for (at, value) in changes.iter().chain(&near) {
                bytes[*at] = *value;
            }
        });
        if let Ok(disk) = disk {
            let _ = disk.read_at(at, &mut vec![0; 100_000]);
        }
    }
}
