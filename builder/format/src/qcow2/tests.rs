//! Properties that hold without a reader; qemu-img judges the rest in tests/machine/containers.rs.

use alloc::vec;
use alloc::vec::Vec;

use super::*;

fn image(len: u64, options: Options, clusters: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut codec = Codec::new(options).unwrap();
    let mut packer = Packer::new(len, options).unwrap();
    let (mut body, mut packed) = (Vec::new(), Vec::new());
    for (index, bytes) in clusters {
        packed.clear();
        let kind = codec.pack(bytes, &mut packed);
        packer.push(*index, kind, &packed, &mut body).unwrap();
    }
    let mut file = packer.finish(&mut body);
    file.extend_from_slice(&body);
    file
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    core::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(len)
    .collect()
}

#[test]
fn zeros_take_no_cluster() {
    let options = Options { compression: Compression::None, cluster: 65536 };
    // Header, L1, one refcount block, refcount table.
    assert_eq!(image(1 << 30, options, &[(7, vec![0; 65536])]).len(), 4 << 16);
    // And with data: an L2 table and the cluster.
    assert_eq!(image(1 << 30, options, &[(7, vec![1; 65536])]).len(), 6 << 16);
}

#[test]
fn noise_is_stored_plain_and_the_rest_is_not() {
    for compression in [Compression::ZLIB, Compression::ZSTD] {
        let mut codec = Codec::new(Options { compression, cluster: 65536 }).unwrap();
        let mut out = Vec::new();
        assert_eq!(codec.pack(&noise(65536), &mut out), Packed::Plain);
        assert_eq!(out.len(), 65536);
        out.clear();
        assert!(matches!(codec.pack(&vec![7; 65536], &mut out), Packed::Compressed(len) if len < 300));
        assert_eq!(codec.pack(&vec![0; 65536], &mut out), Packed::Zero);
    }
}

#[test]
fn deflate_streams_fit_a_window_of_4_kib() {
    // A copy of what lies 5000 bytes back is out of reach for a 4 KiB window, and in reach for a longer one.
    let mut cluster = noise(5000);
    cluster.extend_from_within(..);
    cluster.resize(65536, 0);
    let mut codec = Codec::new(Options { compression: Compression::ZLIB, cluster: 65536 }).unwrap();
    let mut out = Vec::new();
    assert!(matches!(codec.pack(&cluster, &mut out), Packed::Compressed(len) if len >= 10_000));
}

#[test]
fn a_codec_keeps_no_memory() {
    for compression in [Compression::ZLIB, Compression::ZSTD] {
        let options = Options { compression, cluster: 4096 };
        let (a, b) = (vec![1; 4096], noise(1024).repeat(4));
        let mut used = Codec::new(options).unwrap();
        let (mut first, mut scratch, mut again) = (Vec::new(), Vec::new(), Vec::new());
        Codec::new(options).unwrap().pack(&b, &mut first);
        used.pack(&a, &mut scratch);
        for _ in 0..100 {
            used.pack(&noise(4096), &mut scratch);
        }
        used.pack(&b, &mut again);
        assert_eq!(first, again);
    }
}

#[test]
fn refusals() {
    let with = |compression, cluster| Options { compression, cluster }.check();
    assert_eq!(with(Compression::None, 256), Err(Qcow2Error::Cluster(256)));
    assert_eq!(with(Compression::None, 65535), Err(Qcow2Error::Cluster(65535)));
    assert!(matches!(with(Compression::Zlib { level: 10 }, 65536), Err(Qcow2Error::Level { level: 10, .. })));
    let small = Options { compression: Compression::None, cluster: 512 };
    assert!(matches!(Packer::new(1 << 40, small), Err(Qcow2Error::TooLarge { .. })));
    assert!(matches!(Packer::new(u64::MAX, Options::default()), Err(Qcow2Error::TooLarge { .. })));
    let mut packer = Packer::new(1 << 20, Options::default()).unwrap();
    let body = &mut Vec::new();
    packer.push(3, Packed::Compressed(1), &[1], body).unwrap();
    assert_eq!(packer.push(3, Packed::Compressed(1), &[1], body), Err(Qcow2Error::Order(3)));
    assert_eq!(packer.push(16, Packed::Compressed(1), &[1], body), Err(Qcow2Error::Order(16)));
    assert_eq!(packer.push(4, Packed::Plain, &[1], body), Err(Qcow2Error::Order(4)));
}

#[test]
fn a_host_cluster_is_shared_by_no_more_than_its_count_holds() {
    let options = Options { compression: Compression::ZSTD, cluster: 1 << 21 };
    let mut packer = Packer::new(1 << 40, options).unwrap();
    let mut body = Vec::new();
    for index in 0..u64::from(u16::MAX) {
        packer.push(index, Packed::Compressed(1), &[1], &mut body).unwrap();
    }
    assert_eq!(body.len(), 65_535);
    packer.push(65_535, Packed::Compressed(1), &[1], &mut body).unwrap();
    assert_eq!(body.len(), (1 << 21) + 1);
}
