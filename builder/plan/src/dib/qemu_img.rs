//! `--qemu-img-options` and `QEMU_IMG_OPTIONS`: the options of a qcow2, as `qemu-img create -o help` names them.
//!
//! In: `key=value` with commas between. Out: what the writer here does by itself, and the rest, for which qemu-img itself is run. Never:
//! a value judged that qemu-img judges better.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Options of a qcow2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QemuImgOptions {
    /// `compression_type=`: zlib or zstd.
    pub compression: Option<String>,
    /// All of them, if one is none of those that are written without qemu-img.
    pub foreign: Option<String>,
}

impl QemuImgOptions {
    /// Reads them.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut options = QemuImgOptions::default();
        let mut foreign = false;
        let pairs: Vec<&str> = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).collect();
        for pair in &pairs {
            match pair.split_once('=') {
                Some(("compression_type", kind @ ("zlib" | "zstd"))) => {
                    options.compression = Some(kind.to_string());
                }
                // What is written is version 3, which qemu-img calls so.
                Some(("compat", "1.1" | "v3")) => {}
                Some((key, value)) if !key.is_empty() && !value.is_empty() => foreign = true,
                _ => {
                    return Err(format!(
                        "`--qemu-img-options`: `{pair}` is not a key with its value, such as compat=1.1"
                    ));
                }
            }
        }
        options.foreign = foreign.then(|| pairs.join(","));
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_here_needs_no_qemu_img() {
        let read = |text| QemuImgOptions::read(text);
        assert_eq!(read("compat=1.1,").unwrap(), QemuImgOptions::default());
        assert_eq!(read("compression_type=zstd").unwrap().compression.as_deref(), Some("zstd"));
        let both = read("compat=0.10, cluster_size=2M").unwrap();
        assert_eq!(both.foreign.as_deref(), Some("compat=0.10,cluster_size=2M"));
        assert!(read("compat").unwrap_err().contains("`compat` is not a key"));
    }
}
