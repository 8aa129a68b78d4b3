//! Thin pools: the chunks of thin volumes that hold something, one after the other, and the metadata that says whose they are.
//!
//! In: thin volumes with their bytes, and the room of a pool. Out: the bytes of the pool's data, and of its metadata as dm-thin has it.
//! Never: a chunk for a hole.
//!
//! After `drivers/md/dm-thin-metadata.c` and `drivers/md/persistent-data` of Linux, and thin_restore of thin-provisioning-tools.

mod blocks;
mod btree;
mod space_map;

use alloc::string::String;
use alloc::vec::Vec;

use dibber_model::{Extents, PlacedLv, PlacedVg};

use self::blocks::{BLOCK, Blocks, put32, put64};
use super::LvmError;

/// A thin volume of a pool.
pub(super) struct ThinVolume<'a> {
    /// What it holds; nothing is a hole.
    pub(super) content: Option<&'a Extents>,
}

/// What a pool holds.
pub(super) struct Pool {
    /// Its data.
    pub(super) data: Extents,
    /// Its metadata.
    pub(super) metadata: Extents,
}

/// Chunks of a volume that follow each other, in it and in the pool.
struct ChunkRun {
    volume: u64,
    data: u64,
    count: u64,
}

/// Makes a pool of its volumes. The first has device id 1, and so on; the pool has seen one transaction for each.
pub(super) fn pool(
    group: &PlacedVg,
    pool: &PlacedLv,
    volumes: &[ThinVolume<'_>],
    metadata_bytes: u64,
) -> Result<Pool, LvmError> {
    let bytes = group.bytes(pool);
    let chunk = PlacedVg::chunk_of(bytes);
    let available = bytes / chunk;
    let (mut parts, mut maps, mut used) = (Vec::new(), Vec::new(), 0);
    for volume in volumes {
        let runs = volume.content.map(|content| runs(content, chunk, &mut used)).unwrap_or_default();
        if let (Some(content), true) = (volume.content, used <= available) {
            let range = |run: &ChunkRun| run.volume * chunk..(run.volume + run.count) * chunk;
            parts.extend(runs.iter().map(|run| (run.data * chunk, content.cut(range(run)))));
        }
        maps.push(runs);
    }
    let full = |wanted: u64, available: u64, what| LvmError::PoolFull {
        group: group.spec.name.clone(),
        pool: pool.spec.name.clone(),
        what,
        wanted,
        available,
    };
    if used > available {
        return Err(full(used * chunk, available * chunk, "data"));
    }
    let data = Extents::compose(bytes, parts)
        .expect("chunks are given out once, one after the other, within the data");
    let blocks = metadata(&maps, available, chunk, metadata_bytes / BLOCK as u64);
    if blocks.len() as u64 > metadata_bytes {
        return Err(full(blocks.len() as u64, metadata_bytes, "metadata"));
    }
    let metadata = Extents::compose(metadata_bytes, [(0, crate::disk::buffer(blocks))]);
    Ok(Pool { data, metadata: metadata.expect("no longer than the metadata") })
}

/// Gives chunks to all of a volume that is no hole.
fn runs(content: &Extents, chunk: u64, used: &mut u64) -> Vec<ChunkRun> {
    let mut runs: Vec<ChunkRun> = Vec::new();
    for extent in content.iter() {
        let (mut first, end) = (extent.at / chunk, extent.end().div_ceil(chunk));
        if let Some(last) = runs.last_mut() {
            // An extent may begin in the chunk in which another ends.
            first = first.max(last.volume + last.count);
            if first == last.volume + last.count && first < end {
                last.count += end - first;
                *used += end - first;
                continue;
            }
        }
        if first < end {
            runs.push(ChunkRun { volume: first, data: *used, count: end - first });
            *used += end - first;
        }
    }
    runs
}

/// `THIN_SUPERBLOCK_MAGIC`, `THIN_VERSION` and `SUPERBLOCK_CSUM_XOR` of dm-thin-metadata.c.
const MAGIC: u64 = 27_022_010;
const VERSION: u32 = 2;
const SUPERBLOCK: u32 = 160_774;

/// The metadata, as far as it is used.
fn metadata(maps: &[Vec<ChunkRun>], data_chunks: u64, chunk: u64, metadata_blocks: u64) -> Vec<u8> {
    let mut blocks = Blocks::default();
    let superblock = blocks.take();
    let mut details = Vec::new();
    let mut trees = Vec::new();
    for (index, runs) in maps.iter().enumerate() {
        let device = index as u64 + 1;
        let pairs = runs.iter().flat_map(|run| {
            // The low 24 bits are the time of a snapshot.
            (0..run.count).map(|n| (run.volume + n, ((run.data + n) << 24).to_le_bytes()))
        });
        trees.push((device, btree::tree(&mut blocks, &pairs.collect::<Vec<_>>()).to_le_bytes()));
        // `struct disk_device_details`: mapped chunks, transaction, time of creation and of the last snapshot.
        let mut value = [0; 24];
        put64(&mut value, 0, runs.iter().map(|run| run.count).sum());
        put64(&mut value, 8, index as u64);
        details.push((device, value));
    }
    let mapping_root = btree::tree(&mut blocks, &trees);
    let details_root = btree::tree(&mut blocks, &details);
    let used = maps.iter().flatten().map(|run| run.count).sum();
    let data_map = space_map::of_data(&mut blocks, data_chunks, used);
    let metadata_map = space_map::of_metadata(&mut blocks, metadata_blocks);
    let fields = blocks.at(superblock);
    put64(fields, 8, superblock);
    put64(fields, 32, MAGIC);
    put32(fields, 40, VERSION);
    put64(fields, 48, maps.len() as u64);
    fields[64..64 + data_map.len()].copy_from_slice(&data_map);
    fields[192..192 + metadata_map.len()].copy_from_slice(&metadata_map);
    put64(fields, 320, mapping_root);
    put64(fields, 328, details_root);
    put32(fields, 336, (chunk / 512) as u32);
    put32(fields, 340, (BLOCK / 512) as u32);
    put64(fields, 344, metadata_blocks);
    blocks.seal(superblock, SUPERBLOCK);
    blocks.into_bytes()
}

/// The segment of a pool in the group's text, but for its extents.
pub(super) fn pool_lines(pool: &PlacedLv, data_bytes: u64, volumes: u64) -> Vec<String> {
    let name = &pool.spec.name;
    alloc::vec![
        "type = \"thin-pool\"".into(),
        alloc::format!("metadata = \"{name}_tmeta\""),
        alloc::format!("pool = \"{name}_tdata\""),
        alloc::format!("transaction_id = {volumes}"),
        alloc::format!("chunk_size = {}", PlacedVg::chunk_of(data_bytes) / 512),
        "discards = \"passdown\"".into(),
        "zero_new_blocks = 1".into(),
    ]
}
