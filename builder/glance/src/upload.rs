//! A set, member by member: kernel and ramdisk first, the disk that names them last.
//!
//! In: members and a Glance. Out: what was done to each image, with its id. Never: a name that stands for content that was not
//! checked.

use serde_json::{Value, json};

use super::images::Image;
use super::transfer::transfer;
use super::{Glance, GlanceError, Member, Progress, Wanted, decide};

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
    pub outcome: Outcome,
    /// Former images of that name, by the names that they have now.
    pub renamed: Vec<String>,
}

/// What was done to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was right.
    Unchanged,
    /// The content was right; these attributes and properties were not.
    Changed(Vec<String>),
    /// It was sent.
    Sent,
}

/// The ids that a disk is given, by property.
type Ids = Vec<(&'static str, Option<String>)>;

/// Puts one member into Glance. Whatever was done before a failure is in `done`.
pub fn upload(
    glance: &mut Glance,
    member: &Member,
    settings: &Settings,
    progress: &dyn Progress,
    done: &mut Vec<Uploaded>,
) -> Result<(), GlanceError> {
    let mut ids: Ids = Vec::new();
    if let Some(pair) = &member.pair {
        for (property, wanted) in [("kernel_id", &pair.kernel), ("ramdisk_id", &pair.ramdisk)] {
            let image = one(glance, wanted, settings, progress)?;
            ids.push((property, image.id.clone()));
            done.push(image);
        }
    }
    if let Some(disk) = &member.disk {
        let mut disk = disk.clone();
        for (property, id) in ids {
            // In a dry run a kernel that is not there has no id yet, and the disk is told of none.
            disk.properties.extend(id.map(|id| (property.to_string(), id)));
        }
        done.push(one(glance, &disk, settings, progress)?);
    }
    Ok(())
}

fn one(
    glance: &mut Glance,
    wanted: &Wanted,
    settings: &Settings,
    progress: &dyn Progress,
) -> Result<Uploaded, GlanceError> {
    let sought = [wanted.name.as_str(), &decide::unchecked(&wanted.name)];
    let there = glance.named(&sought, &|property| decide::is_compared(wanted, property))?;
    let decision = decide::decide(wanted, there, glance.project());
    let renamed = decision.rename.iter().map(|(_, name)| name.clone()).collect();
    let told = |id: Option<String>, outcome| Uploaded { name: wanted.name.clone(), id, outcome, renamed };
    if settings.dry_run {
        let changes = decision.keep.as_ref().map(|image| names(wanted, image, settings));
        return Ok(told(decision.keep.map(|image| image.id), outcome(changes)));
    }
    for id in &decision.remove {
        progress.warned(&format!("removed image {id}, which an upload of {} left", wanted.name));
        glance.remove(id)?;
    }
    let (image, kept) = match decision.keep {
        Some(image) => (image, true),
        None => (transfer(glance, wanted, settings, progress)?, false),
    };
    let changed = kept.then(|| names(wanted, &image, settings));
    for (id, name) in &decision.rename {
        glance.change(id, &[json!({ "op": "replace", "path": "/name", "value": name })])?;
    }
    let changes: Vec<Value> =
        decide::changes(wanted, &image, settings.visibility.as_deref()).into_values().collect();
    if !changes.is_empty() {
        glance.change(&image.id, &changes)?;
    }
    Ok(told(Some(image.id), outcome(changed)))
}

fn names(wanted: &Wanted, image: &Image, settings: &Settings) -> Vec<String> {
    decide::changes(wanted, image, settings.visibility.as_deref()).into_keys().collect()
}

fn outcome(changes: Option<Vec<String>>) -> Outcome {
    match changes {
        None => Outcome::Sent,
        Some(changes) if changes.is_empty() => Outcome::Unchanged,
        Some(changes) => Outcome::Changed(changes),
    }
}
