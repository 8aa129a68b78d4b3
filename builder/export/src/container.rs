//! A tree as a container image of one layer, in one file, without a daemon.
//!
//! The file is an archive of an OCI image layout (OCI image specification, image-layout.md), which podman, skopeo and buildah take as
//! `oci-archive:`; where it is for Docker, it has `manifest.json` too, as `docker save` writes it, and `docker load` takes it.
//!
//! In: a tree, its files, an architecture, a tag. Out: the archive; its bytes are a function of these. Never: a registry, a clock.

mod documents;

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dibber_model::Tree;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::files::Files;
use super::tar::{Form, NamedWriter, write_members};
use super::{LeftOut, PourError};
use documents::Documents;

/// What a container image is called and made for.
#[derive(Clone, Copy, Debug)]
pub struct ContainerImage<'a> {
    /// The file to make.
    pub path: &'a Path,
    /// The architecture, as OCI calls it: `amd64`.
    pub arch: &'a str,
    /// Its name: `repository:tag`.
    pub tag: &'a str,
    /// Time of creation, in seconds since 1970.
    pub epoch: u64,
    /// The same as RFC 3339 has it.
    pub created: &'a str,
    /// Who made it.
    pub builder: &'a str,
    /// Whether Docker's manifest is in it.
    pub for_docker: bool,
}

/// A blob by its digest.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    /// SHA-256 in hexadecimal digits.
    pub(super) digest: String,
    /// Its length.
    pub(super) bytes: u64,
}

/// Writes the image, and tells what its layer cannot hold. The layer is made first, beside the file: the archive names it by its digest.
pub fn write_container(
    tree: &Tree,
    files: &dyn Files,
    image: ContainerImage<'_>,
) -> Result<Vec<LeftOut>, PourError> {
    let scratch = ScratchFile::new(image.path.with_extension("layer"))?;
    let mut to =
        HashingWriter { to: BufWriter::with_capacity(1 << 20, &scratch.file), hash: Sha256::new(), bytes: 0 };
    let stream = NamedWriter { to: &mut to, path: &scratch.path };
    let left_out = write_members(tree, files, stream, Form::LAYER)?;
    let layer = to.finish().map_err(|e| PourError::write(&scratch.path, 0, e))?;
    let fail = |source| PourError::write(image.path, 0, source);
    let archive = File::options().write(true).create(true).truncate(true).open(image.path).map_err(fail)?;
    Archive { tar: Builder::new(BufWriter::with_capacity(1 << 20, archive)), epoch: image.epoch }
        .write(&Documents::new(&image, &layer), &layer, &scratch.file)
        .map_err(fail)?;
    Ok(left_out)
}

/// The outer archive.
struct Archive<W: Write> {
    tar: Builder<W>,
    epoch: u64,
}

impl<W: Write> Archive<W> {
    fn write(mut self, documents: &Documents, layer: &Blob, mut content: &File) -> io::Result<()> {
        self.file("oci-layout", &documents.layout)?;
        self.file("index.json", &documents.index)?;
        if let Some(manifest) = &documents.docker_manifest {
            self.file("manifest.json", manifest)?;
        }
        self.directory("blobs/")?;
        self.directory("blobs/sha256/")?;
        self.file(&blob_path(&documents.config_blob), &documents.config)?;
        self.file(&blob_path(&documents.manifest_blob), &documents.manifest)?;
        content.seek(SeekFrom::Start(0))?;
        let mut header = self.header(EntryType::Regular, 0o644, layer.bytes);
        self.tar.append_data(&mut header, blob_path(layer), content.take(layer.bytes))?;
        self.tar.into_inner()?.flush()
    }

    fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, 0o644, content.len() as u64);
        self.tar.append_data(&mut header, path, content)
    }

    fn directory(&mut self, path: &str) -> io::Result<()> {
        let mut header = self.header(EntryType::Directory, 0o755, 0);
        self.tar.append_data(&mut header, path, io::empty())
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.epoch);
        header.set_size(size);
        header
    }
}

/// Where a layout keeps a blob.
pub(super) fn blob_path(blob: &Blob) -> String {
    format!("blobs/sha256/{}", blob.digest)
}

/// A file that is gone when this is.
struct ScratchFile {
    file: File,
    path: PathBuf,
}

impl ScratchFile {
    fn new(path: PathBuf) -> Result<Self, PourError> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        Ok(ScratchFile { file: file.map_err(|e| PourError::write(&path, 0, e))?, path })
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        // It is in the stage, which goes as a whole.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What is written, counted and summed.
struct HashingWriter<W: Write> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> HashingWriter<W> {
    fn finish(mut self) -> io::Result<Blob> {
        self.to.flush()?;
        Ok(Blob { digest: hex(&self.hash.finalize()), bytes: self.bytes })
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The digest of a document.
pub(super) fn blob_of(content: &[u8]) -> Blob {
    Blob { digest: hex(&Sha256::digest(content)), bytes: content.len() as u64 }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
