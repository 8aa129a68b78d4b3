//! The description beside an image, held against it.
//!
//! In: the path of an image. Out: whether `IMAGE.json` is its description. Never: a description trusted, or a large file summed:
//! that takes as long as reading it.

use std::io::Read;
use std::path::{Path, PathBuf};

use dibber_model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ShowError, open};

/// Largest file whose digest is taken, in bytes: about two seconds of work.
const SUMMED_MAX: u64 = 2 << 30;

/// Whether a sidecar describes the file beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SidecarCheck {
    /// The sidecar.
    pub file: PathBuf,
    /// Digest that it names.
    pub says: String,
    /// Digest of the file, unless its length already differs from what the sidecar says, or is more than 2 GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether both are one; `None` if that was not found out.
    pub equal: Option<bool>,
}

/// What is read of a sidecar.
#[derive(Deserialize)]
struct Said {
    sha256: String,
    bytes: Option<u64>,
}

/// Compares; `None` if there is no sidecar.
pub(super) fn check(path: &Path) -> Result<Option<SidecarCheck>, ShowError> {
    let mut name = path.as_os_str().to_os_string();
    name.push(".json");
    let file = PathBuf::from(name);
    let read = open::sidecar(&file).map_err(|source| ShowError::Sidecar { file: file.clone(), source })?;
    let Some(text) = read else { return Ok(None) };
    let Ok(Said { sha256: says, bytes }) = serde_json::from_slice(&text) else { return Ok(None) };
    let open::OpenImage { file: image, len } = open::image(path)?;
    let other_length = bytes.is_some_and(|bytes| bytes != len);
    let sha256 = (!other_length && len <= SUMMED_MAX).then(|| sum(image)).transpose()?;
    let equal = if other_length { Some(false) } else { sha256.as_ref().map(|sha256| *sha256 == says) };
    Ok(Some(SidecarCheck { file, says, sha256, equal }))
}

fn sum(file: impl Read) -> std::io::Result<String> {
    let mut file = file.take(SUMMED_MAX);
    let (mut hasher, mut bytes) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(Digest::from(<[u8; 32]>::from(hasher.finalize())).to_string()),
            read => hasher.update(&bytes[..read]),
        }
    }
}
