//! The same, for those who upload with other tools.
//!
//! In: members, ids. Out: a shell script of `openstack image create`, and ironic's settings. Never: a word that the shell would
//! read as something else; a request.

use super::{DesiredImage, GlanceError, Member};

/// A property of a disk that names its kernel or its ramdisk.
struct IdProperty {
    property: &'static str,
    /// The id, as the shell finds it.
    id: String,
}

/// A script that creates every image with python-openstackclient, kernels and ramdisks before the disks that name them, and prints
/// ironic's settings for the pairs that deploy.
pub fn openstack_script(members: &[Member], visibility: Option<&str>) -> Result<String, GlanceError> {
    let mut lines = vec!["set -eu".to_string()];
    for member in members {
        let mut ids = Vec::new();
        if let Some(pair) = &member.pair {
            for (property, desired) in [("kernel_id", &pair.kernel), ("ramdisk_id", &pair.ramdisk)] {
                lines.push(create(desired, visibility, &[])?);
                ids.push(IdProperty { property, id: id_of(desired)? });
            }
        }
        if let Some(disk) = &member.disk {
            lines.push(create(disk, visibility, &ids)?);
        }
    }
    let id = |desired: &DesiredImage| id_of(desired);
    if let Some(settings) = settings(members, id)? {
        // The ids are known to the shell only; nothing else in these lines is the shell's.
        lines.push(format!("cat <<END\n{settings}END"));
    }
    Ok(lines.join("\n"))
}

/// ironic's `[conductor]` settings for the kernels and ramdisks that deploy machines: one for each architecture, those for one
/// platform left out, since ironic asks for the architecture only. `id` tells the id of an image.
pub fn ironic_settings(members: &[Member], id: impl Fn(&str) -> Option<String>) -> Option<String> {
    let found =
        settings(members, |desired| Ok::<_, std::convert::Infallible>(id(&desired.name).unwrap_or_default()));
    found.unwrap_or_else(|never| match never {})
}

fn settings<E>(
    members: &[Member],
    id: impl Fn(&DesiredImage) -> Result<String, E>,
) -> Result<Option<String>, E> {
    let (mut kernels, mut ramdisks) = (Vec::new(), Vec::new());
    let alone = |member: &&Member| member.disk.is_none() && member.target.platform.is_none();
    for member in members.iter().filter(alone) {
        if let Some(pair) = &member.pair {
            kernels.push(format!("{}:{}", member.target.arch, id(&pair.kernel)?));
            ramdisks.push(format!("{}:{}", member.target.arch, id(&pair.ramdisk)?));
        }
    }
    if kernels.is_empty() {
        return Ok(None);
    }
    let (kernels, ramdisks) = (kernels.join(","), ramdisks.join(","));
    Ok(Some(format!("[conductor]\ndeploy_kernel_by_arch = {kernels}\ndeploy_ramdisk_by_arch = {ramdisks}\n")))
}

fn create(
    desired: &DesiredImage,
    visibility: Option<&str>,
    ids: &[IdProperty],
) -> Result<String, GlanceError> {
    let path = desired.path.to_string_lossy();
    let numbers = [("--min-disk", desired.min_disk), ("--min-ram", desired.min_ram)];
    let mut words: Vec<String> = ["openstack", "image", "create"].map(String::from).into();
    // In one word: a value that begins with `-` is a value all the same.
    let mut option = |name: &str, value: &str| -> Result<(), GlanceError> {
        words.push(format!("{name}={}", quoted(value)?));
        Ok(())
    };
    option("--disk-format", desired.formats.disk)?;
    option("--container-format", desired.formats.container)?;
    for (name, number) in numbers.iter().filter(|(_, number)| *number > 0) {
        option(name, &number.to_string())?;
    }
    for (name, value) in &desired.properties {
        option("--property", &format!("{name}={value}"))?;
    }
    option("--file", &path)?;
    for IdProperty { property, id } in ids {
        words.push(format!("--property={property}=\"{id}\""));
    }
    words.extend(visibility.map(|visibility| format!("--{visibility}")));
    words.extend(["--".into(), quoted(&desired.name)?]);
    Ok(words.join(" "))
}

fn id_of(desired: &DesiredImage) -> Result<String, GlanceError> {
    Ok(format!("$(openstack image show -f value -c id -- {})", quoted(&desired.name)?))
}

fn quoted(word: &str) -> Result<String, GlanceError> {
    let quoted = shlex::try_quote(word).map_err(|_| GlanceError::Cloud {
        place: format!("{word:?}"),
        why: "a NUL cannot stand in a command".into(),
    })?;
    Ok(quoted.into_owned())
}
