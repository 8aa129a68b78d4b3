//! Cylinders, heads and sectors, which nothing reads any more and every checker looks at.
//!
//! In: a sector number. Out: the three bytes of an MBR entry. Never: an address that anyone should use.

/// Heads and sectors per track that fdisk, sfdisk and every BIOS with translation assume.
const HEADS: u64 = 255;
const SECTORS: u64 = 63;

/// What stands for "past cylinder 1023": the last address there is, as sfdisk and Windows write it.
const PAST: [u8; 3] = [254, 0xff, 0xff];

/// The CHS bytes of a sector: head, sector (bits 0 to 5) with cylinder bits 8 and 9 above it, cylinder bits 0 to 7.
pub(crate) fn chs(lba: u64) -> [u8; 3] {
    let cylinder = lba / (HEADS * SECTORS);
    if cylinder > 1023 {
        return PAST;
    }
    let head = (lba / SECTORS) % HEADS;
    let sector = lba % SECTORS + 1;
    [head as u8, (sector | (cylinder >> 8) << 6) as u8, cylinder as u8]
}

#[cfg(test)]
mod tests {
    use super::chs;

    #[test]
    fn high_cylinders_keep_their_bits_apart() {
        assert_eq!(chs(0), [0, 1, 0]);
        assert_eq!(chs(2048), [32, 33, 0]);
        // Cylinder 300 is 0x12c: 0x2c below, 1 in the top bits of the sector byte. dib writes 0x4b here.
        assert_eq!(chs(300 * 255 * 63), [0, 0x41, 0x2c]);
        assert_eq!(chs(1024 * 255 * 63 - 1), [254, 0xff, 0xff]);
        assert_eq!(chs(1024 * 255 * 63), [254, 0xff, 0xff]);
    }
}
