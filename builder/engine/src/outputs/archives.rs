//! Files that are made of the tree itself and not of a disk: archives, container images, squashfs.
//!
//! In: a captured tree. Out: files in the stage, and a warning for each thing that a format cannot hold. Never: a second read of a
//! file for one archive.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use dibber_export::{ContainerImage, LeftOut, NamedWriter, PourError, Squashfs};
use dibber_model::Tree;
use dibber_plan::output::{OutputKind, OutputOrigin, TreeArchive};

use super::description::WrittenFile;
use super::{OutputWriter, create};
use crate::error::BuildError;
use crate::event::Event;

impl OutputWriter<'_> {
    /// Makes every one that is asked for.
    pub(super) fn archives(&self, tree: &Tree) -> Result<Vec<WrittenFile>, BuildError> {
        let mut written = Vec::new();
        for kind in self.facts.build.plan.outputs.iter().copied() {
            let OutputOrigin::Archive(archive) = kind.origin() else { continue };
            let (path, mut tools) = (self.path(kind), BTreeMap::new());
            let left_out = match archive {
                TreeArchive::Tar => {
                    self.stream(&path, |stream| dibber_export::write_tar(tree, self.files, stream))?
                }
                TreeArchive::Tgz => {
                    self.stream(&path, |stream| dibber_export::write_tgz(tree, self.files, stream, 6))?
                }
                TreeArchive::Aci => {
                    let manifest = self.facts.build.plan.packaging.aci_manifest.as_deref();
                    self.stream(&path, |stream| dibber_export::write_aci(tree, self.files, stream, manifest))?
                }
                TreeArchive::Container { for_docker } => self.container(tree, &path, for_docker)?,
                TreeArchive::Squashfs => {
                    let epoch = u32::try_from(self.facts.build.epoch).unwrap_or(0);
                    let image = Squashfs { path: &path, compressor: "zstd", epoch, threads: self.threads };
                    let (version, left_out) = dibber_export::write_squashfs(tree, self.files, image)?;
                    tools.insert("mksquashfs".to_string(), version);
                    left_out
                }
            };
            self.tell(kind, left_out);
            written.push(WrittenFile { tools, ..self.finished(kind)? });
        }
        Ok(written)
    }

    /// A file that is written from its start to its end.
    fn stream(
        &self,
        path: &Path,
        write: impl FnOnce(NamedWriter<'_>) -> Result<Vec<LeftOut>, PourError>,
    ) -> Result<Vec<LeftOut>, BuildError> {
        let mut file = io::BufWriter::with_capacity(1 << 20, create(path)?);
        let left_out = write(NamedWriter { to: &mut file, path })?;
        file.into_inner().map_err(|e| BuildError::File { path: path.into(), source: e.into_error() })?;
        Ok(left_out)
    }

    fn container(&self, tree: &Tree, path: &Path, for_docker: bool) -> Result<Vec<LeftOut>, BuildError> {
        let build = self.facts.build;
        let created = jiff::Timestamp::from_second(build.epoch).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let image = ContainerImage {
            path,
            arch: build.plan.target.arch.facts().oci_name,
            tag: build.plan.packaging.tag.as_deref().unwrap_or("image:latest"),
            epoch: u64::try_from(build.epoch).unwrap_or(0),
            created: &created.to_string(),
            builder: concat!("dibber ", env!("CARGO_PKG_VERSION")),
            for_docker,
        };
        Ok(dibber_export::write_container(tree, self.files, image)?)
    }

    fn tell(&self, kind: OutputKind, left_out: Vec<LeftOut>) {
        for left in left_out {
            let text = format!("{}: {}: {}", kind.name(), left.path.display(), left.what);
            self.events.emit(Event::Warning { text });
        }
        if kind.origin() == OutputOrigin::Archive(TreeArchive::Aci)
            && self.facts.build.plan.packaging.aci_manifest.is_none()
        {
            let text = "aci: without a manifest no runtime takes the image; ACI_MANIFEST names the file, or `aci_manifest:` has its text";
            self.events.emit(Event::Warning { text: text.into() });
        }
    }
}
