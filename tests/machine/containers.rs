//! Containers, judged by qemu-img, imago and the kernel's own cmp.
//!
//! In: random and hand-made extents. Out: verdicts. Never: our own reading of what we wrote.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dibber_export::{
    Container, Conversion, Files, PourError, Poured, Stamp, Target, WriteOptions, convert_raw, pour,
};
use dibber_format::qcow2::{Compression, Options};
use dibber_model::{Extent, Extents, FileRef, Piece};
use proptest::prelude::*;
use tempfile::TempDir;

use dibber_plan::output::{OUTPUTS, OutputOrigin};
use dibber_tests::{accepts, flip_bit, objects, write_image};

/// Files by name, with the stamps that they had at first.
struct Named(Vec<(PathBuf, Stamp)>);

impl Named {
    fn new(paths: &[PathBuf]) -> Self {
        Named(paths.iter().map(|p| (p.clone(), Stamp::from_metadata(&p.metadata().unwrap()))).collect())
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
    let options = WriteOptions { threads, progress: &|_| () };
    Ok(paths.iter().cloned().zip(pour(extents, files, &targets, options)?).collect())
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
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_disks(sketch in sketches(), bits in prop_oneof![4 => Just(16_u32), 1 => Just(9), 1 => Just(12), 1 => Just(21)]) {
        holds(&disk(&sketch), 1 << bits);
    }
}

/// A disk of text, noise, fills and holes, over the reach of one L2 table.
fn varied() -> Extents {
    let parts = [
        (70_000, 150_000, Stuff::File { offset: 2 << 20 }),
        (0, 100_000, Stuff::Noise(3)),
        (200_000, 300_000, Stuff::Fill(0xe5)),
        (600 << 20, 200_000, Stuff::Words(9)),
    ];
    disk(&(parts.to_vec(), 777))
}

/// The containers of the varied disk, and the file that `write_image` makes of it.
fn varied_images(dir: &Path) -> (PathBuf, Vec<(PathBuf, Poured)>) {
    let files = [source_file(dir)];
    let plain = dir.join("plain");
    write_image(&varied(), &files, &plain);
    let mut containers = vec![Container::Raw];
    containers.extend(ALL.map(|compression| qcow2(compression, 65536)));
    let images = poured(dir, &varied(), &Named::new(&files), (&containers, 2, true)).unwrap();
    (plain, images)
}

#[test]
fn sums_are_those_of_the_files() {
    let dir = TempDir::new().unwrap();
    let (_, images) = varied_images(dir.path());
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    for (path, said) in images {
        let sums = said.sums.unwrap();
        assert!(accepts("sha256sum", &[text(&path)]).starts_with(&hex(&sums.sha256)));
        assert!(accepts("sha512sum", &[text(&path)]).starts_with(&hex(&sums.sha512)));
    }
}

#[test]
fn raw_images_keep_their_holes() {
    let dir = TempDir::new().unwrap();
    let (_, images) = varied_images(dir.path());
    let metadata = images[0].0.metadata().unwrap();
    assert!(metadata.len() > 600 << 20);
    // 750,000 bytes of data, each of four runs with a block to spare at both ends.
    assert!(std::os::unix::fs::MetadataExt::blocks(&metadata) * 512 < 750_000 + 8 * 4096);
}

#[test]
fn qemu_tells_the_compression() {
    let dir = TempDir::new().unwrap();
    let (_, images) = varied_images(dir.path());
    for ((path, said), kind) in images[1..].iter().zip(["zlib", "zlib", "zstd"]) {
        let info: serde_json::Value =
            serde_json::from_str(&accepts("qemu-img", &["info", "--output=json", text(path)])).unwrap();
        let data = &info["format-specific"]["data"];
        assert_eq!(data["compat"], "1.1");
        assert_eq!(data["compression-type"], kind);
        assert_eq!(data["corrupt"], false);
        assert_eq!(info["virtual-size"], said.len);
        assert_eq!(info["cluster-size"], 65536);
    }
}

#[test]
fn imago_reads_deflate() {
    use imago::{FormatAccess, FormatDriverBuilder, PermissiveImplicitOpenGate};
    let dir = TempDir::new().unwrap();
    let (plain, images) = varied_images(dir.path());
    let plain = std::fs::read(plain).unwrap();
    for (path, _) in &images[1..3] {
        let image = imago::qcow2::Qcow2::<imago::file::File>::builder_path(path)
            .open(PermissiveImplicitOpenGate::default())
            .unwrap();
        let image = FormatAccess::new(image);
        assert_eq!(image.size(), plain.len().next_multiple_of(512) as u64);
        let mut bytes = vec![0; 1 << 20];
        for (n, want) in plain.chunks(1 << 20).enumerate() {
            let at = (n as u64) << 20;
            image.read(&mut bytes[..want.len() / 512 * 512], at).unwrap();
            assert!(bytes[..want.len() / 512 * 512] == want[..want.len() / 512 * 512], "differs near {at}");
        }
    }
}

fn be64(bytes: &[u8], at: u64) -> u64 {
    u64::from_be_bytes(bytes[at as usize..][..8].try_into().unwrap())
}

/// Offsets of table entries in a qcow2 file, as the specification says where to find them.
fn tables(bytes: &[u8]) -> [(&'static str, u64); 4] {
    const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
    let l1 = be64(bytes, 40);
    let l2 = be64(bytes, l1) & OFFSET;
    let refcount_table = be64(bytes, 48);
    let refcount_block = be64(bytes, refcount_table);
    // The entry of guest cluster 1, the first with data.
    [("L1", l1), ("L2", l2 + 8), ("refcount table", refcount_table), ("refcount block", refcount_block)]
}

#[test]
fn a_flipped_bit_is_found() {
    let dir = TempDir::new().unwrap();
    let (plain, images) = varied_images(dir.path());
    let twin = dir.path().join("twin");
    for (path, _) in &images[1..] {
        let bytes = std::fs::read(path).unwrap();
        for (name, at) in tables(&bytes) {
            std::fs::write(&twin, &bytes).unwrap();
            // In an offset: 64 KiB further or nearer. In a count: one more or less.
            flip_bit(&twin, at + if name == "refcount block" { 1 } else { 5 });
            objects("qemu-img", &["check", "-f", "qcow2", text(&twin)]);
        }
        std::fs::write(&twin, &bytes).unwrap();
        flip_bit(&twin, 0);
        objects("qemu-img", &["check", "-f", "qcow2", text(&twin)]);
        // A bit of content: the structure is sound, so only the comparison can tell.
        std::fs::write(&twin, &bytes).unwrap();
        let first = (be64(&bytes, tables(&bytes)[1].1) & 0x003f_ffff_ffff_ffff) + 300;
        flip_bit(&twin, first);
        objects("qemu-img", &["compare", "-f", "raw", "-F", "qcow2", text(&plain), text(&twin)]);
    }
}

/// One extent of the whole of a file, poured to zlib qcow2.
fn pour_file(dir: &Path, files: &Named, len: u64) -> PourError {
    let piece = Piece::File { file: FileRef(0), offset: 0, len };
    let extents = Extents::new(len, vec![Extent { at: 0, piece }]).unwrap();
    let into = TempDir::new_in(dir).unwrap();
    let containers = [Container::Raw, qcow2(Compression::ZLIB, 65536)];
    poured(into.path(), &extents, files, (&containers, 2, false)).unwrap_err()
}

#[test]
fn sources_that_change_are_named() {
    let dir = TempDir::new().unwrap();
    let path = source_file(dir.path());
    let files = Named::new(std::slice::from_ref(&path));
    File::options().write(true).open(&path).unwrap().set_len((3 << 20) + 1).unwrap();
    let said = pour_file(dir.path(), &files, 3 << 20).to_string();
    assert!(said.contains("source changed while it was read (length 3145728 then, 3145729 now"), "{said}");
    File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let said = pour_file(dir.path(), &files, 3 << 20).to_string();
    assert!(said.contains("source ends before byte") && said.contains("shrank"), "{said}");
    std::fs::remove_file(&path).unwrap();
    let said = pour_file(dir.path(), &files, 3 << 20).to_string();
    assert!(said.contains("cannot read") && said.contains("source: No such file"), "{said}");
}

#[test]
fn a_full_disk_is_named() {
    let full = File::options().read(true).write(true).open("/dev/full").unwrap();
    let path = Path::new("/dev/full");
    let extents = disk(&(vec![(0, 5 << 20, Stuff::Noise(1))], 0));
    let container = qcow2(Compression::None, 65536);
    let target = Target { file: &full, path, container, sums: false };
    let options = WriteOptions { threads: 2, progress: &|_| () };
    let error = pour(&extents, &Named(Vec::new()), &[target], options).unwrap_err();
    assert!(matches!(error, PourError::NoSpace { .. }), "{error}");
    let said = error.to_string();
    assert!(said.starts_with("no space left for /dev/full at byte") && said.contains("free some"), "{said}");
}

#[test]
fn wrong_options_are_refused_before_any_byte() {
    let dir = TempDir::new().unwrap();
    let containers = [qcow2(Compression::Zstd { level: 40 }, 65536)];
    let error = poured(dir.path(), &varied(), &Named(Vec::new()), (&containers, 1, false)).unwrap_err();
    assert!(error.to_string().contains("compression level 40 is out of range; use 1 to 22"), "{error}");
    assert_eq!(dir.path().join("0").metadata().unwrap().len(), 0);
}

#[test]
fn qemu_makes_its_formats_of_a_raw_file() {
    let dir = TempDir::new().unwrap();
    let files = [source_file(dir.path())];
    let extents = disk(&(vec![(70_000, 1 << 20, Stuff::File { offset: 0 })], (3 << 20) - 70_000));
    let raw = dir.path().join("raw");
    write_image(&extents, &files, &raw);
    let formats: Vec<_> = OUTPUTS
        .iter()
        .filter_map(|facts| match facts.origin {
            OutputOrigin::ByQemuImg { format, options } => Some((format, options)),
            _ => None,
        })
        .collect();
    assert!(formats.iter().any(|(name, _)| *name == "vmdk"), "{formats:?}");
    for (name, options) in formats {
        let to = dir.path().join(name);
        assert!(
            convert_raw(&raw, &to, Conversion { format: name, options, compressed: false })
                .unwrap()
                .starts_with("qemu-img version")
        );
        let info: serde_json::Value =
            serde_json::from_str(&accepts("qemu-img", &["info", "--output=json", text(&to)])).unwrap();
        assert_eq!(info["format"], name);
        accepts("qemu-img", &["compare", "-f", "raw", "-F", name, text(&raw), text(&to)]);
    }
    let said = convert_raw(
        &dir.path().join("absent"),
        &dir.path().join("x"),
        Conversion { format: "vhdx", options: "subformat=dynamic", compressed: false },
    )
    .unwrap_err();
    assert!(said.to_string().contains("`qemu-img` failed with exit status: 1"), "{said}");
}
