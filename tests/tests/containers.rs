//! Containers, judged by qemu-img, imago and the kernel's own cmp.
//!
//! In: random and hand-made extents. Out: verdicts. Never: our own reading of what we wrote.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dibber_build::pour::{Container, Files, Manner, PourError, Poured, Stamp, Target, pour};
use dibber_format::qcow2::{Compression, Options};
use dibber_model::{Extent, Extents, FileRef, Piece};
use dibber_tests::{accepts, flip_bit, objects, write_image};
use proptest::prelude::*;
use tempfile::TempDir;

/// Files by name, with the stamps that they had at first.
struct Named(Vec<(PathBuf, Stamp)>);

impl Named {
    fn new(paths: &[PathBuf]) -> Self {
        Named(paths.iter().map(|p| (p.clone(), Stamp::of(&p.metadata().unwrap()))).collect())
    }
}

impl Files for Named {
    fn open(&self, file: FileRef) -> io::Result<File> {
        File::open(self.name(file))
    }
    fn name(&self, file: FileRef) -> PathBuf {
        self.0[file.0 as usize].0.clone()
    }
    fn stamp(&self, file: FileRef) -> Option<Stamp> {
        Some(self.0[file.0 as usize].1)
    }
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Pours into files called `0`, `1` ... of a directory.
fn poured(
    dir: &Path,
    extents: &Extents,
    files: &Named,
    (containers, threads, sums): (&[Container], usize, bool),
) -> Result<Vec<(PathBuf, Poured)>, PourError> {
    let paths: Vec<PathBuf> = (0..containers.len()).map(|n| dir.join(n.to_string())).collect();
    let open: Vec<File> = paths
        .iter()
        .map(|p| File::options().read(true).write(true).create_new(true).open(p).unwrap())
        .collect();
    let targets: Vec<Target<'_>> = paths
        .iter()
        .zip(&open)
        .zip(containers)
        .map(|((path, file), container)| Target { file, path, container: *container, sums })
        .collect();
    let manner = Manner { threads, progress: &|_| () };
    Ok(paths.iter().cloned().zip(pour(extents, files, &targets, manner)?).collect())
}

fn qcow2(compression: Compression, cluster: u32) -> Container {
    Container::Qcow2(Options { compression, cluster })
}

const ALL: [Compression; 3] = [Compression::None, Compression::ZLIB, Compression::ZSTD];

/// What a random extent is made of.
#[derive(Clone, Debug)]
enum Stuff {
    Fill(u8),
    Noise(u64),
    Words(u64),
    File { offset: u64 },
}

/// A file with noise, zeros that are not holes, and text.
fn source_file(dir: &Path) -> PathBuf {
    let path = dir.join("source");
    let mut bytes = noise(5, 3 << 20);
    bytes[1 << 20..][..1 << 20].fill(0);
    for (n, byte) in bytes[2 << 20..].iter_mut().enumerate() {
        *byte = b"all work and no play "[n % 21] ^ u8::from(n % 1021 == 0);
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

fn stuff() -> impl Strategy<Value = Stuff> {
    prop_oneof![
        prop_oneof![Just(0), any::<u8>()].prop_map(Stuff::Fill),
        any::<u64>().prop_map(Stuff::Noise),
        any::<u64>().prop_map(Stuff::Words),
        (0..1_u64 << 20).prop_map(|offset| Stuff::File { offset }),
    ]
}

fn length() -> impl Strategy<Value = u64> {
    prop_oneof![1..9_000_u64, (1..40_u64).prop_map(|n| n << 16), 1..(2_u64 << 20)]
}

fn piece(stuff: &Stuff, len: u64) -> Piece {
    match *stuff {
        Stuff::Fill(byte) => Piece::Fill { byte, len },
        Stuff::Noise(seed) => Piece::bytes(noise(seed, len as usize)),
        Stuff::Words(seed) => {
            Piece::bytes(noise(seed, 700).into_iter().cycle().take(len as usize).collect::<Vec<_>>())
        }
        Stuff::File { offset } => Piece::File { file: FileRef(0), offset, len: len.min(2 << 20) },
    }
}

/// Gaps, lengths and stuff, and what follows them; sometimes across an L2 table's reach of 512 MiB.
type Sketch = (Vec<(u64, u64, Stuff)>, u64);

fn sketches() -> impl Strategy<Value = Sketch> {
    let gap = prop_oneof![
        8 => Just(0),
        8 => 1..5_000_u64,
        8 => (0..20_u64).prop_map(|n| n << 16),
        1 => Just(600 << 20)
    ];
    let parts = prop::collection::vec((gap, length(), stuff()), 0..8);
    (parts, prop_oneof![Just(0), 0..200_000_u64])
}

fn disk((parts, rest): &Sketch) -> Extents {
    let (mut at, mut list) = (0, Vec::new());
    for (gap, len, stuff) in parts {
        at += gap;
        list.push(Extent { at, piece: piece(stuff, *len) });
        at += len;
    }
    Extents::new(at + rest, list).unwrap()
}

/// Every container of a disk is sound and holds the disk, and no byte depends on the number of threads.
fn holds(extents: &Extents, cluster: u32) {
    let dir = TempDir::new().unwrap();
    let files = [source_file(dir.path())];
    let plain = dir.path().join("plain");
    write_image(extents, &files, &plain);
    let mut containers = vec![Container::Raw];
    containers.extend(ALL.map(|compression| qcow2(compression, cluster)));
    let mut first: Option<Vec<(PathBuf, Poured)>> = None;
    for threads in [1, 2, 7] {
        let into = dir.path().join(format!("threads-{threads}"));
        std::fs::create_dir(&into).unwrap();
        let now = poured(&into, extents, &Named::new(&files), (&containers, threads, false)).unwrap();
        let first = first.get_or_insert_with(|| now.clone());
        for ((a, said), (b, again)) in first.iter().zip(&now) {
            assert_eq!(said, again);
            accepts("cmp", &[text(a), text(b)]);
        }
    }
    let first = first.unwrap();
    accepts("cmp", &[text(&plain), text(&first[0].0)]);
    for (path, said) in &first[1..] {
        assert_eq!(said.len, extents.len().next_multiple_of(512));
        assert_eq!(said.file_len, path.metadata().unwrap().len());
        let check = accepts("qemu-img", &["check", "-f", "qcow2", text(path)]);
        assert!(check.contains("No errors were found"), "{check}");
        if !extents.is_empty() {
            let compare = ["compare", "-f", "raw", "-F", "qcow2", text(&plain), text(path)];
            assert!(accepts("qemu-img", &compare).contains("identical"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_disks(sketch in sketches(), bits in prop_oneof![4 => Just(16_u32), 1 => Just(12), 1 => Just(21)]) {
        holds(&disk(&sketch), 1 << bits);
    }
}
