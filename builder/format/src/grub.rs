//! GRUB's i386-pc boot loader, as grub-bios-setup would leave it on a disk.
//!
//! In: boot.img, core.img, and the sector where core.img will start. Out: both, patched. Never: a look at a disk.
//!
//! Offsets are those of GRUB 2's `include/grub/i386/pc/boot.h` and `kernel.h`; core.img must lie in one piece.

use alloc::vec::Vec;

/// GRUB for a BIOS reads such sectors only.
const SECTOR: usize = 512;
/// `GRUB_BOOT_MACHINE_KERNEL_SECTOR`: the first sector of core.img, 64 bits.
const KERNEL_SECTOR: usize = 0x5c;
/// `GRUB_BOOT_MACHINE_DRIVE_CHECK`: a jump past the mend for BIOSes that give a hard disk the drive number of a floppy.
/// grub-bios-setup puts two NOPs there when it installs to a hard disk.
const DRIVE_CHECK: usize = 0x66;
/// Bytes of boot.img that are code; the disk signature and the table follow.
const CODE: usize = 440;
/// `GRUB_BOOT_MACHINE_LIST_SIZE` below the end of core.img's first sector: sector (64 bits), count and segment (16 each).
const BLOCK_LIST: usize = SECTOR - 12;
/// `GRUB_BOOT_MACHINE_KERNEL_SEG` + 0x20: where the second sector of core.img is loaded.
const SEGMENT: u16 = 0x0820;

/// Why these are not GRUB's images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrubError {
    /// Not a boot sector.
    #[error("boot.img has {len} bytes{}; take boot.img of GRUB's i386-pc directory", if *len == SECTOR { ", and no 55 aa at its end" } else { ", and a boot sector has 512" })]
    NotBootImg {
        /// Its length.
        len: usize,
    },
    /// Not a core image.
    #[error("core.img has {len} bytes; one that grub-mkimage -O i386-pc made has more than 512 and at most {}", usize::from(u16::MAX) * SECTOR)]
    NotCoreImg {
        /// Its length.
        len: usize,
    },
    /// A place that the boot loader cannot name.
    #[error("core.img cannot start at sector {0}")]
    BadPlace(u64),
}

/// The code for the first sector of the disk, and core.img for its place at sector `core_lba`, in whole sectors.
pub fn bios(boot_img: &[u8], core_img: &[u8], core_lba: u64) -> Result<([u8; CODE], Vec<u8>), GrubError> {
    if boot_img.len() != SECTOR || !boot_img.ends_with(&[0x55, 0xaa]) {
        return Err(GrubError::NotBootImg { len: boot_img.len() });
    }
    let sectors = core_img.len().div_ceil(SECTOR);
    let Some(rest) = u16::try_from(sectors).ok().and_then(|n| n.checked_sub(1)).filter(|n| *n > 0) else {
        return Err(GrubError::NotCoreImg { len: core_img.len() });
    };
    if core_lba == 0 || core_lba.checked_add(sectors as u64).is_none() {
        return Err(GrubError::BadPlace(core_lba));
    }
    let mut code: [u8; CODE] = core::array::from_fn(|i| boot_img[i]);
    code[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&core_lba.to_le_bytes());
    code[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&[0x90, 0x90]);
    let mut core = core_img.to_vec();
    core.resize(sectors * SECTOR, 0);
    let list = &mut core[BLOCK_LIST..SECTOR];
    list[..8].copy_from_slice(&(core_lba + 1).to_le_bytes());
    list[8..10].copy_from_slice(&rest.to_le_bytes());
    list[10..].copy_from_slice(&SEGMENT.to_le_bytes());
    Ok((code, core))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_images_are_patched_in_their_places_only() {
        let mut boot = [7; 512];
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let (code, core) = bios(&boot, &[9; 1025], 0x1_0000_0800).unwrap();
        assert_eq!(code[0x5c..0x64], [0, 8, 0, 0, 1, 0, 0, 0]);
        assert_eq!(code[0x66..0x68], [0x90, 0x90]);
        assert_eq!(code.iter().filter(|b| **b != 7).count(), 10);
        assert_eq!(core.len(), 1536);
        assert_eq!(core[0x1f4..0x200], [1, 8, 0, 0, 1, 0, 0, 0, 2, 0, 0x20, 8]);
        assert_eq!(core.iter().take(1025).filter(|b| **b != 9).count(), 12);
    }

    #[test]
    fn other_files_are_refused() {
        let mut boot = [7; 512];
        assert_eq!(bios(&boot, &[9; 1025], 1), Err(GrubError::NotBootImg { len: 512 }));
        assert_eq!(bios(&boot[1..], &[9; 1025], 1), Err(GrubError::NotBootImg { len: 511 }));
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(bios(&boot, &[9; 512], 1), Err(GrubError::NotCoreImg { len: 512 }));
        assert!(bios(&boot, &alloc::vec![0; 33 << 20], 1).is_err());
        assert_eq!(bios(&boot, &[9; 1025], 0), Err(GrubError::BadPlace(0)));
        assert!(bios(&boot, &[9; 1025], u64::MAX).is_err());
    }
}
