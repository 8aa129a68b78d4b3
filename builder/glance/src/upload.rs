//! A set, member by member: kernel and ramdisk first, the disk that names them last.
//!
//! In: members and a Glance. Out: what was done to each image, with its id. Never: a name that stands for content that was not
//! checked.

use serde_json::{Value, json};

use super::decide::Rename;
use super::images::Image;
use super::transfer::transfer;
use super::{DesiredImage, Glance, GlanceError, Member, Progress, decide};

/// How to upload.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `public`, `shared`, `private` or `community`; without it Glance's default, and an image's own stays.
    pub visibility: Option<String>,
    /// How often an upload that was cut is sent again, whole.
    pub retries: u32,
    /// Only look.
    pub dry_run: bool,
}

/// An image that Glance holds now, or would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Its name.
    pub name: String,
    /// Its id; none where it was only looked for.
    pub id: Option<String>,
    /// What was done.
    pub outcome: UploadOutcome,
    /// Images that had that name before, by the names that they have now.
    pub renamed: Vec<String>,
}

/// What was done to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadOutcome {
    /// It was right.
    Unchanged,
    /// The content was right; these attributes and properties were not.
    Changed(Vec<String>),
    /// It was sent.
    Sent,
}

/// The ids that a disk is given, by property.
type Ids = Vec<(&'static str, Option<String>)>;

/// An upload of members, one after the other.
pub struct Upload<'a> {
    settings: &'a Settings,
    progress: &'a dyn Progress,
    /// What was done so far.
    done: Vec<Uploaded>,
}

impl<'a> Upload<'a> {
    /// One that has done nothing yet.
    pub fn new(settings: &'a Settings, progress: &'a dyn Progress) -> Self {
        Upload { settings, progress, done: Vec::new() }
    }

    /// What was done; after a failure, what was done before it.
    pub fn done(self) -> Vec<Uploaded> {
        self.done
    }

    /// Puts one member into Glance.
    pub fn put_member(&mut self, glance: &mut Glance, member: &Member) -> Result<(), GlanceError> {
        let mut ids: Ids = Vec::new();
        if let Some(pair) = &member.pair {
            for (property, desired) in [("kernel_id", &pair.kernel), ("ramdisk_id", &pair.ramdisk)] {
                let image = self.put_image(glance, desired)?;
                ids.push((property, image.id.clone()));
                self.done.push(image);
            }
        }
        if let Some(disk) = &member.disk {
            let mut disk = disk.clone();
            for (property, id) in ids {
                // In a dry run a kernel that is not there has no id yet, and the disk is told of none.
                disk.properties.extend(id.map(|id| (property.to_string(), id)));
            }
            let image = self.put_image(glance, &disk)?;
            self.done.push(image);
        }
        Ok(())
    }

    /// Puts one image into Glance.
    fn put_image(&self, glance: &mut Glance, desired: &DesiredImage) -> Result<Uploaded, GlanceError> {
        let Upload { settings, progress, .. } = *self;
        let sought = [desired.name.as_str(), &decide::unchecked(&desired.name)];
        let there = glance.named(&sought, &|property| decide::is_compared(desired, property))?;
        let decision = decide::decide(desired, there, glance.project());
        let renamed = decision.rename.iter().map(|rename| rename.name.clone()).collect();
        let told =
            |id: Option<String>, outcome| Uploaded { name: desired.name.clone(), id, outcome, renamed };
        if settings.dry_run {
            let changes = decision.keep.as_ref().map(|image| changed_names(desired, image, settings));
            return Ok(told(decision.keep.map(|image| image.id), outcome(changes)));
        }
        for id in &decision.remove {
            progress.warned(&format!("removed image {id}, which an upload of {} left", desired.name));
            glance.remove(id)?;
        }
        let (image, kept) = match decision.keep {
            Some(image) => (image, true),
            None => (transfer(glance, desired, settings, progress)?, false),
        };
        let changed = kept.then(|| changed_names(desired, &image, settings));
        for Rename { id, name } in &decision.rename {
            glance.change(id, &[json!({ "op": "replace", "path": "/name", "value": name })])?;
        }
        let changes: Vec<Value> =
            decide::changes(desired, &image, settings.visibility.as_deref()).into_values().collect();
        if !changes.is_empty() {
            glance.change(&image.id, &changes)?;
        }
        Ok(told(Some(image.id), outcome(changed)))
    }
}

fn changed_names(desired: &DesiredImage, image: &Image, settings: &Settings) -> Vec<String> {
    decide::changes(desired, image, settings.visibility.as_deref()).into_keys().collect()
}

fn outcome(changes: Option<Vec<String>>) -> UploadOutcome {
    match changes {
        None => UploadOutcome::Sent,
        Some(changes) if changes.is_empty() => UploadOutcome::Unchanged,
        Some(changes) => UploadOutcome::Changed(changes),
    }
}
