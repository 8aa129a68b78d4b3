//! What the options of a command line mean.
//!
//! In: options with their values, in their order. Out: [`DibOptions`]. Never: a value that is not looked at until a build is under way.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::{Bytes, MkfsOptions};

use super::options::OptionName;
use super::qemu_img::QemuImgOptions;
use crate::disk::mkfs_options;

/// What options of `disk-image-create` mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DibOptions {
    /// `-a`.
    pub arch: Option<String>,
    /// `-o`, as it was written.
    pub name: Option<String>,
    /// `-t`, comma-separated; the last one holds.
    pub types: Vec<String>,
    /// `-p`, comma-separated; they add up.
    pub packages: Vec<String>,
    /// `-n`.
    pub skip_base: bool,
    /// `-u`: qcow2 without compression.
    pub uncompressed: bool,
    /// `-c`.
    pub clear_environment: bool,
    /// How often `-x`.
    pub trace: u32,
    /// `--checksum`.
    pub checksum: bool,
    /// `--logfile`.
    pub logfile: Option<String>,
    /// `--offline`.
    pub offline: bool,
    /// `--image-cache`.
    pub image_cache: Option<String>,
    /// `--qemu-img-options`.
    pub qemu_img: QemuImgOptions,
    /// `--image-size`, in GiB there.
    pub size: Option<Bytes>,
    /// `--image-extra-size`, in MiB there.
    pub extra_size: Option<Bytes>,
    /// `--mkfs-options`, `--mkfs-journal-size`, `--max-online-resize`.
    pub mkfs: MkfsOptions,
    /// `--root-label`.
    pub root_label: Option<String>,
    /// `--ramdisk-element`.
    pub ramdisk_element: Option<String>,
    /// `--install-type`.
    pub install_type: Option<String>,
    /// `--docker-target`.
    pub docker_target: Option<String>,
    /// Those that were given and do nothing here.
    pub without_effect: Vec<OptionName>,
    /// `--help`, `--version`: the first that was given.
    pub ask: Option<OptionName>,
}

impl DibOptions {
    /// Variables that hooks see of them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.trace > 0 {
            found.push(("DIB_DEBUG_TRACE", self.trace.to_string()));
        }
        if self.offline {
            found.push(("DIB_OFFLINE", "1".into()));
        }
        if let Some(kind) = &self.install_type {
            found.push(("DIB_DEFAULT_INSTALLTYPE", kind.clone()));
        }
        found
    }
}

/// Takes one option with its value; the error says what is wrong with the value.
pub(crate) fn apply(options: &mut DibOptions, name: OptionName, value: &str) -> Result<(), String> {
    let commas = || value.split(',').filter(|word| !word.is_empty()).map(ToString::to_string);
    let text = || Some(value.to_string());
    match name {
        OptionName::Arch => options.arch = text(),
        OptionName::ImageName => options.name = text(),
        OptionName::Types => options.types = commas().collect(),
        OptionName::Packages => options.packages.extend(commas()),
        OptionName::Trace => options.trace += 1,
        OptionName::Uncompressed => options.uncompressed = true,
        OptionName::ClearEnvironment => options.clear_environment = true,
        OptionName::SkipBase => options.skip_base = true,
        OptionName::Logfile => options.logfile = text(),
        OptionName::Checksum => options.checksum = true,
        OptionName::Offline => options.offline = true,
        OptionName::ImageCache => options.image_cache = text(),
        OptionName::RootLabel => options.root_label = text(),
        OptionName::RamdiskElement => options.ramdisk_element = text(),
        OptionName::DockerTarget => options.docker_target = text(),
        OptionName::InstallType => options.install_type = text(),
        OptionName::QemuImgOptions => options.qemu_img = QemuImgOptions::read(value)?,
        OptionName::NoTmpfs | OptionName::MinTmpfs => options.without_effect.push(name),
        OptionName::Help | OptionName::Version => options.ask = options.ask.or(Some(name)),
        OptionName::ImageSize
        | OptionName::ImageExtraSize
        | OptionName::MkfsJournalSize
        | OptionName::MaxOnlineResize
        | OptionName::MkfsOptions => return apply_size(options, name, value),
    }
    Ok(())
}

fn apply_size(options: &mut DibOptions, name: OptionName, value: &str) -> Result<(), String> {
    let wrong = |what: &str| format!("`{} {value}`: {what} is expected", name.facts().spelling());
    match name {
        OptionName::ImageSize => {
            let size = crate::disk::image_size(value);
            options.size = Some(size.ok_or_else(|| wrong("a number of GiB, such as 4 or 2.5,"))?);
        }
        OptionName::ImageExtraSize => {
            let size = extra_size(value);
            options.extra_size = Some(size.ok_or_else(|| wrong("a number of MiB, such as 512,"))?);
        }
        OptionName::MkfsJournalSize => {
            let size = mebibytes(value).ok_or_else(|| wrong("a whole number of MiB"))?;
            options.mkfs.journal = Some(size);
        }
        OptionName::MaxOnlineResize => {
            options.mkfs.grow_to = Some(grow_to(value).ok_or_else(|| wrong("a number of blocks"))?);
        }
        _ => {
            let read = mkfs_options(value).map_err(|why| format!("`--mkfs-options`: {why}"))?;
            options.mkfs = crate::disk::over(&read, &options.mkfs);
        }
    }
    Ok(())
}

/// A whole number of MiB, as `DIB_JOURNAL_SIZE` has it.
pub(crate) fn mebibytes(text: &str) -> Option<Bytes> {
    text.trim().parse::<u64>().ok()?.checked_mul(1 << 20).map(Bytes)
}

/// A number of MiB, as `DIB_IMAGE_EXTRA_SIZE` has it; awk takes fractions.
pub(crate) fn extra_size(text: &str) -> Option<Bytes> {
    Bytes::of_units(text.trim(), Bytes::mib(1))
}

/// `mke2fs -E resize=` counts blocks, of 4096 bytes here.
pub(crate) fn grow_to(text: &str) -> Option<Bytes> {
    text.trim().parse::<u64>().ok()?.checked_mul(4096).map(Bytes)
}
