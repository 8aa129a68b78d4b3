//! FAT12, FAT16 and FAT32, for reading (Microsoft's FAT specification 1.03, ECMA-107).
//!
//! In: the bytes of a partition. Out: its files. Never: a chain of clusters followed for longer than its file is.

use std::io::Write;
use std::rc::Rc;

use super::ShowError;
use super::disk::FilesystemInfo;
use super::fat_dir;
use super::field::{byte, le16, le32, text};
use super::source::{Source, read_up_to};
use super::volume::{Entries, Entry, PathNames, Volume, shown};

/// Longest directory: 65536 entries of 32 bytes.
const DIRECTORY_MAX: u64 = 65536 * 32;
/// Longest table whose free clusters are counted, in bytes: that of a FAT32 of 16 million clusters.
const COUNT_MAX: u64 = 64 << 20;
/// Bytes of the table that are counted at once: whole entries of every width.
const COUNT_PIECE: u64 = 3 << 16;

/// Where a directory's entries are.
#[derive(Clone, Copy)]
enum Run {
    /// The root of FAT12 and FAT16.
    Fixed { at: u64, len: u64 },
    /// A chain of clusters.
    Chain(u32),
}

/// An open filesystem.
pub(super) struct Fat {
    source: Rc<dyn Source>,
    /// Bits of an entry of the table: 12, 16 or 32.
    bits: u32,
    table_at: u64,
    table_bytes: u64,
    /// Where cluster 2 begins.
    data_at: u64,
    cluster_bytes: u64,
    clusters: u32,
    root: Run,
    volume_id: u32,
    label: String,
}

/// Whether these first bytes are a FAT's boot sector, and not an MBR's or anything else's code.
pub(super) fn is_boot_sector(head: &[u8]) -> bool {
    let (sector, cluster) = (le16(head, 11), byte(head, 13));
    let jump = matches!((byte(head, 0), byte(head, 2)), (0xeb, 0x90)) || byte(head, 0) == 0xe9;
    jump && matches!(sector, 512 | 1024 | 2048 | 4096)
        && cluster.is_power_of_two()
        && le16(head, 14) > 0
        && matches!(byte(head, 16), 1 | 2)
        && byte(head, 21) >= 0xf0
}

impl Fat {
    pub(super) fn open(source: &Rc<dyn Source>, head: &[u8]) -> Result<Fat, ShowError> {
        let bad = |why: String| ShowError::damaged("FAT boot sector", why);
        let sector = u64::from(le16(head, 11));
        let either = |short: u16, long: u32| if short == 0 { u64::from(long) } else { u64::from(short) };
        let sectors = either(le16(head, 19), le32(head, 32));
        let table_sectors = either(le16(head, 22), le32(head, 36));
        let (reserved, copies) = (u64::from(le16(head, 14)), u64::from(byte(head, 16)));
        let root_bytes = u64::from(le16(head, 17)) * 32;
        if sectors * sector > source.len() {
            return Err(bad(format!("{sectors} sectors of {sector} bytes on {} bytes", source.len())));
        }
        // All terms are below 2^32 sectors of at most 2^12 bytes.
        let root_at = (reserved + copies * table_sectors) * sector;
        let data_at = root_at + root_bytes.next_multiple_of(sector);
        let cluster_bytes = u64::from(byte(head, 13)) * sector;
        let data = (sectors * sector).checked_sub(data_at);
        let data =
            data.ok_or_else(|| bad(format!("its tables end at {data_at}, past its {sectors} sectors")))?;
        let clusters =
            u32::try_from(data / cluster_bytes).map_err(|_| bad("more than 2^32 clusters".into()))?;
        // The count decides, as the specification says in bold letters; a root of no fixed size is FAT32's alone.
        let bits = match clusters {
            _ if root_bytes == 0 => 32,
            0..4085 => 12,
            _ => 16,
        };
        let (table_at, table_bytes) = (reserved * sector, table_sectors * sector);
        if table_bytes * 8 < (u64::from(clusters) + 2) * u64::from(bits) {
            return Err(bad(format!("a table of {table_bytes} bytes for {clusters} clusters")));
        }
        let (tail, root) = match bits {
            32 => (64, Run::Chain(le32(head, 44))),
            _ => (36, Run::Fixed { at: root_at, len: root_bytes }),
        };
        // The extended boot record: signature, volume id, label.
        let extended = matches!(byte(head, tail + 2), 0x28 | 0x29);
        let volume_id = if extended { le32(head, tail + 3) } else { 0 };
        let source = Rc::clone(source);
        let mut fat = Fat {
            source,
            bits,
            table_at,
            table_bytes,
            data_at,
            cluster_bytes,
            clusters,
            root,
            volume_id,
            label: String::new(),
        };
        // The label in the root directory is the one that counts; the boot sector's is often `NO NAME`.
        let in_boot = if byte(head, tail + 2) == 0x29 { text(head, tail + 7, 11) } else { String::new() };
        let in_root = fat_dir::label(&fat.directory(fat.root, &[])?);
        fat.label = in_root.unwrap_or(if in_boot == "NO NAME" { String::new() } else { in_boot });
        Ok(fat)
    }

    /// Label, volume id and use.
    pub(super) fn describe(&self, info: &mut FilesystemInfo) -> Result<(), ShowError> {
        info.label.clone_from(&self.label);
        info.uuid = format!("{:04X}-{:04X}", self.volume_id >> 16, self.volume_id & 0xffff);
        if self.table_bytes <= COUNT_MAX {
            let free = self.free_clusters()?;
            info.free_bytes = Some(free * self.cluster_bytes);
            let whole = self.data_at + u64::from(self.clusters) * self.cluster_bytes;
            info.used_bytes = Some(whole.saturating_sub(free * self.cluster_bytes));
        }
        Ok(())
    }

    fn free_clusters(&self) -> Result<u64, ShowError> {
        let (bits, end) = (u64::from(self.bits), self.clusters.saturating_add(2));
        let (mut free, mut n) = (0, 2);
        while n < end {
            // Pieces begin where an entry does; those of 12 bits begin at a byte every second time.
            let from = u64::from(n & !1) * bits / 8;
            let piece = read_up_to(&*self.source, self.table_at + from, COUNT_PIECE as usize + 4)?;
            let until = u32::try_from((from + COUNT_PIECE) * 8 / bits).unwrap_or(end).min(end);
            free += (n..until).filter(|n| self.entry_in(&piece, from, *n) == 0).count() as u64;
            n = until;
        }
        Ok(free)
    }

    /// Entry `n` of a piece of the table that begins at byte `from` of it.
    fn entry_in(&self, table: &[u8], from: u64, n: u32) -> u32 {
        let at = (u64::from(n) * u64::from(self.bits) / 8).saturating_sub(from) as usize;
        match self.bits {
            12 => u32::from(le16(table, at)) >> (4 * (n % 2)) & 0xfff,
            16 => le16(table, at).into(),
            // The four upper bits are reserved.
            _ => le32(table, at) & 0x0fff_ffff,
        }
    }

    /// The cluster after `n`; `None` at the end of its chain.
    fn next(&self, n: u32) -> Result<Option<u32>, ShowError> {
        let at = u64::from(n) * u64::from(self.bits) / 8;
        let piece = read_up_to(&*self.source, self.table_at + at, 4)?;
        let next = self.entry_in(&piece, at, n);
        let end = 0x0fff_fff8_u32 & ((1u64 << self.bits.min(28)) - 1) as u32;
        Ok((next < end).then_some(next))
    }

    /// Hands on `len` bytes of a chain, or all of it up to `DIRECTORY_MAX` if `len` is none.
    fn chain(
        &self,
        first: u32,
        len: Option<u64>,
        place: PathNames<'_>,
        sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), ShowError> {
        let (mut left, mut cluster) = (len.unwrap_or(DIRECTORY_MAX), Some(first));
        while left > 0 {
            let Some(n) = cluster else {
                if len.is_none() {
                    return Ok(());
                }
                return Err(ShowError::damaged(
                    shown(place),
                    format!("its clusters end {left} bytes too early"),
                ));
            };
            if n < 2 || n - 2 >= self.clusters {
                return Err(ShowError::damaged(shown(place), format!("cluster {n} of {}", self.clusters)));
            }
            let at = self.data_at + u64::from(n - 2) * self.cluster_bytes;
            let bytes = read_up_to(&*self.source, at, self.cluster_bytes.min(left) as usize)?;
            sink(&bytes)?;
            left -= self.cluster_bytes.min(left);
            cluster = self.next(n)?;
        }
        if len.is_none() && cluster.is_some() {
            return Err(ShowError::damaged(
                shown(place),
                format!("a directory of more than {DIRECTORY_MAX} bytes"),
            ));
        }
        Ok(())
    }

    fn directory(&self, run: Run, place: PathNames<'_>) -> Result<Vec<u8>, ShowError> {
        let mut bytes = Vec::new();
        match run {
            Run::Fixed { at, len } => bytes = read_up_to(&*self.source, at, len as usize)?,
            Run::Chain(first) => self.chain(first, None, place, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?,
        }
        // Whoever asks goes through all of them: comparing a name takes longer than reading it.
        self.source.budget().look_at(bytes.len() / fat_dir::ENTRY)?;
        Ok(bytes)
    }

    /// Where a directory's entries are. Its node is its first cluster, of which the root's entry has none.
    fn run(&self, dir: &Entry) -> Run {
        match u32::try_from(dir.node) {
            Ok(0) => self.root,
            first => Run::Chain(first.unwrap_or(u32::MAX)),
        }
    }
}

impl Volume for Fat {
    fn root(&self) -> Result<Entry, ShowError> {
        Ok(fat_dir::root())
    }

    /// Names are compared as FAT does, without regard to case.
    fn child(&self, dir: &Entry, name: &[u8], place: PathNames<'_>) -> Result<Option<Entry>, ShowError> {
        let bytes = self.directory(self.run(dir), place)?;
        let wanted = String::from_utf8_lossy(name);
        let found = fat_dir::each(&bytes).find(|found| found.is_called(&wanted));
        Ok(found.map(|found| found.entry()))
    }

    fn list(&self, dir: &Entry, place: PathNames<'_>) -> Result<Vec<Entry>, ShowError> {
        let mut entries = Entries::default();
        for found in fat_dir::each(&self.directory(self.run(dir), place)?) {
            entries.add(found.entry(), place)?;
        }
        Ok(entries.sorted())
    }

    fn read(&self, file: &Entry, place: PathNames<'_>, sink: &mut dyn Write) -> Result<(), ShowError> {
        let first = u32::try_from(file.node).unwrap_or(0);
        self.chain(first, Some(file.size), place, &mut |piece| sink.write_all(piece))
    }
}
