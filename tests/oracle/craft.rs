//! Images made by hand, field by field: what no program would write.
//!
//! In: numbers for fields. Out: bytes. Never: a check; that nothing fits together is their purpose.

/// Bytes in a block of [`Ext`].
pub const BLOCK: usize = 4096;
/// First block of [`Ext`] that nothing is in.
pub const FREE: usize = 6;
/// A directory's mode.
pub const DIR: u16 = 0o040755;
/// A file's mode.
pub const FILE: u16 = 0o100644;
/// A symbolic link's mode.
pub const LINK: u16 = 0o120777;
/// Flag of an inode whose map is a tree of extents.
pub const EXTENTS: u32 = 0x8_0000;

/// Puts little-endian numbers of `width` bytes at places.
pub fn put(bytes: &mut [u8], width: usize, fields: &[(usize, u64)]) {
    for (at, value) in fields {
        bytes[*at..*at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
}

/// An ext4 without checksums and journal: one group, blocks of 4096 bytes, 64 inodes, a root directory in block [`FREE`].
#[derive(Clone)]
pub struct Ext {
    /// The filesystem.
    pub bytes: Vec<u8>,
}

impl Ext {
    /// Of so many blocks, with these entries in its root.
    pub fn new(blocks: usize, root: &[(u32, &str)]) -> Ext {
        let mut ext = Ext { bytes: vec![0; blocks * BLOCK] };
        let superblock = &mut ext.bytes[1024..2048];
        put(
            superblock,
            4,
            &[(0, 64), (4, blocks as u64), (0x18, 2), (0x20, 32768), (0x28, 64), (0x4c, 1), (0x60, 0x42)],
        );
        put(superblock, 2, &[(0x38, 0xef53), (0x58, 256)]);
        // The group's descriptor: its inodes begin at block 2.
        put(&mut ext.bytes[BLOCK..], 4, &[(8, 2)]);
        ext.directory(2, FREE, root);
        ext
    }

    /// Writes an inode, by its mode, size, flags and map.
    pub fn inode(&mut self, number: u32, (mode, size, flags): (u16, u64, u32), map: &[u8]) {
        let at = 2 * BLOCK + (number as usize - 1) * 256;
        let inode = &mut self.bytes[at..at + 256];
        put(inode, 2, &[(0, mode.into())]);
        put(inode, 4, &[(0x04, size & 0xffff_ffff), (0x6c, size >> 32), (0x20, flags.into())]);
        inode[0x28..0x28 + map.len()].copy_from_slice(map);
    }

    /// Writes a directory of one block.
    pub fn directory(&mut self, number: u32, block: usize, entries: &[(u32, &str)]) {
        self.inode(number, (DIR, BLOCK as u64, EXTENTS), &leaf(&[(0, 1, block as u64)]));
        self.block(block, &names(entries));
    }

    /// Writes a file of these bytes, from a block on.
    pub fn file(&mut self, number: u32, block: usize, content: &[u8]) {
        let count = content.len().div_ceil(BLOCK) as u16;
        self.inode(number, (FILE, content.len() as u64, EXTENTS), &leaf(&[(0, count, block as u64)]));
        self.block(block, content);
    }

    /// Writes bytes from a block on.
    pub fn block(&mut self, block: usize, bytes: &[u8]) {
        self.bytes[block * BLOCK..block * BLOCK + bytes.len()].copy_from_slice(bytes);
    }
}

/// A leaf of a tree of extents: first block in the file, length, first block on the disk.
pub fn leaf(extents: &[(u32, u16, u64)]) -> Vec<u8> {
    let entry = |(logical, len, block): &(u32, u16, u64)| {
        let mut entry = vec![0; 12];
        put(&mut entry, 4, &[(0, (*logical).into()), (8, *block)]);
        put(&mut entry, 2, &[(4, (*len).into()), (6, *block >> 32)]);
        entry
    };
    node(0, &extents.iter().map(entry).collect::<Vec<_>>())
}

/// An inner node: first block in the file, and the block of the node below.
pub fn index(depth: u16, children: &[(u32, u64)]) -> Vec<u8> {
    let entry = |(logical, block): &(u32, u64)| {
        let mut entry = vec![0; 12];
        put(&mut entry, 4, &[(0, (*logical).into()), (4, *block)]);
        entry
    };
    node(depth, &children.iter().map(entry).collect::<Vec<_>>())
}

fn node(depth: u16, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut node = vec![0; 12];
    let count = entries.len() as u64;
    put(&mut node, 2, &[(0, 0xf30a), (2, count), (4, count), (6, depth.into())]);
    node.extend(entries.concat());
    node
}

/// A block of a directory: inodes and names, the last one as long as is left.
pub fn names(entries: &[(u32, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (n, (inode, name)) in entries.iter().enumerate() {
        let last = n + 1 == entries.len();
        let len = if last { BLOCK - block.len() } else { (8 + name.len()).next_multiple_of(4) };
        let mut entry = vec![0; len];
        put(&mut entry, 4, &[(0, (*inode).into())]);
        put(&mut entry, 2, &[(4, len as u64)]);
        entry[6] = name.len() as u8;
        entry[8..8 + name.len()].copy_from_slice(name.as_bytes());
        block.extend(entry);
    }
    block.resize(BLOCK, 0);
    block
}

/// A FAT16 or FAT32 by its parameters, whose clusters are one sector: sectors of 512 bytes in all, and sectors of its table.
pub fn fat(sectors: u32, table: u32, wide: bool) -> Vec<u8> {
    let mut bytes = vec![0; sectors as usize * 512];
    bytes[..3].copy_from_slice(&[0xeb, 0x58, 0x90]);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes[13] = 1;
    bytes[16] = 1;
    bytes[21] = 0xf8;
    put(&mut bytes, 2, &[(11, 512), (14, 1)]);
    put(&mut bytes, 4, &[(32, sectors.into())]);
    if wide {
        put(&mut bytes, 4, &[(36, table.into()), (44, 2)]);
    } else {
        put(&mut bytes, 2, &[(17, 512), (22, table.into())]);
    }
    bytes
}

/// A GPT in sectors of 512 bytes, its checksums right, with these partitions: first and last sector.
pub fn gpt(disk: &mut [u8], partitions: &[(u64, u64)]) {
    let count = partitions.len().max(128);
    let mut entries = vec![0; count * 128];
    for (n, (entry, (first, last))) in entries.chunks_exact_mut(128).zip(partitions).enumerate() {
        entry[..16].copy_from_slice(&[0xaf; 16]);
        put(entry, 8, &[(16, n as u64 + 1), (32, *first), (40, *last)]);
    }
    let mut header = vec![0; 92];
    header[..8].copy_from_slice(b"EFI PART");
    put(&mut header, 4, &[(8, 0x1_0000), (12, 92), (80, count as u64), (84, 128)]);
    put(&mut header, 8, &[(24, 1), (32, disk.len() as u64 / 512 - 1), (72, 2)]);
    put(&mut header, 4, &[(88, crc32fast::hash(&entries).into())]);
    let sum = crc32fast::hash(&header);
    put(&mut header, 4, &[(16, sum.into())]);
    disk[512..604].copy_from_slice(&header);
    disk[1024..1024 + entries.len()].copy_from_slice(&entries);
}

/// A qcow2 file of version 3 whose disk has `size` bytes, with these pieces in it.
pub fn qcow2(size: u64, cluster_bits: u32, pieces: &[(u64, &[u8])]) -> Vec<u8> {
    let cluster = 1u64 << cluster_bits;
    let per_table = cluster / 8;
    let l1_len = size.div_ceil(cluster * per_table);
    let mut file = vec![0; ((1 + (l1_len * 8).div_ceil(cluster)) * cluster) as usize];
    file[..4].copy_from_slice(b"QFI\xfb");
    for (at, value) in [(4, 3u32), (20, cluster_bits), (36, l1_len as u32), (96, 4), (100, 104)] {
        file[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    for (at, value) in [(24, size), (40, cluster)] {
        file[at..at + 8].copy_from_slice(&value.to_be_bytes());
    }
    // The cluster that an entry leads to, made at first need.
    let follow = |file: &mut Vec<u8>, at: u64| {
        let entry = &file[at as usize..at as usize + 8];
        let known = u64::from_be_bytes(entry.try_into().expect("eight bytes were cut")) & !(1 << 63);
        if known != 0 {
            return known;
        }
        let new = file.len() as u64;
        file.resize(file.len() + cluster as usize, 0);
        file[at as usize..at as usize + 8].copy_from_slice(&(new | 1 << 63).to_be_bytes());
        new
    };
    for (place, piece) in pieces {
        let mut done = 0;
        while done < piece.len() {
            let at = place + done as u64;
            let now = ((cluster - at % cluster) as usize).min(piece.len() - done);
            let part = &piece[done..done + now];
            if part.iter().any(|byte| *byte != 0) {
                let l2 = follow(&mut file, cluster + at / cluster / per_table * 8);
                let data = (follow(&mut file, l2 + at / cluster % per_table * 8) + at % cluster) as usize;
                file[data..data + now].copy_from_slice(part);
            }
            done += now;
        }
    }
    file
}
