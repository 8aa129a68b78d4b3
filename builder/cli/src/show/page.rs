//! What is in an image, for people.
//!
//! In: a report. Out: a page of words. Never: a control character of an image.

use dibber_inspect::{
    Container, Disk, FilesystemInfo, Partition, Report, SidecarCheck, System, TableFound, VolumeGroup,
};
use dibber_model::{Bytes, columns};

use crate::printable::printable;

/// The report as a page of words and a table of partitions.
pub(super) fn report(report: &Report) -> String {
    let mut text = format!("{}\n{}", container(&report.container), disk(&report.disk));
    if let Some(found) = &report.system {
        text += &system(found);
    }
    if let Some(check) = &report.sidecar {
        text += &sidecar(check);
    }
    text
}

fn sidecar(check: &SidecarCheck) -> String {
    let name = printable(check.file.as_os_str().as_encoded_bytes());
    let there = check.sha256.as_deref().unwrap_or("a file of another length");
    match check.equal {
        Some(true) => format!("\nsidecar   {name}: its sha256 is this file's\n"),
        Some(false) => format!(
            "\nsidecar   {name}: its sha256 is NOT this file's\n          it says {}\n          there is {there}\n",
            printable(check.says.as_bytes()),
        ),
        None => format!(
            "\nsidecar   {name}: not compared with this file, which takes long above 2 GiB; sha256sum IMAGE must print\n          {}\n",
            printable(check.says.as_bytes()),
        ),
    }
}

fn container(file: &Container) -> String {
    let mut text = file.format.to_string();
    if let (Some(version), Some(compression), Some(cluster)) =
        (file.version, file.compression, file.cluster_bytes)
    {
        text += &format!(" version {version}, {compression}, clusters of {}", Bytes(cluster));
    }
    format!(
        "file      {text}; {} bytes\ndisk      {} ({} bytes)",
        file.file_bytes,
        Bytes(file.virtual_bytes),
        file.virtual_bytes
    )
}

fn disk(disk: &Disk) -> String {
    let mut text = match (disk.table, &disk.id, disk.sector_bytes) {
        (TableFound::None, ..) => "table     none\n".to_string(),
        (table, id, sector) => format!(
            "table     {}, id {}, sectors of {} bytes\n",
            table.to_string().to_uppercase(),
            id.as_deref().unwrap_or("none"),
            sector.unwrap_or(512)
        ),
    };
    for note in &disk.notes {
        text += &format!("note      {}\n", printable(note.as_bytes()));
    }
    let head = ["", "name", "type", "start", "size", "holds", "label", "uuid", "used", "free", "mounted"];
    let mut rows = vec![head.map(str::to_string)];
    rows.extend(disk.partitions.iter().map(row));
    text += "\n";
    for line in columns(&rows, &[0, 3, 4, 8, 9]) {
        text += &(line + "\n");
    }
    for part in &disk.partitions {
        if let Some(problem) = part.filesystem.as_ref().and_then(|fs| fs.problem.as_ref()) {
            text += &format!("partition {}: {}\n", part.number, printable(problem.as_bytes()));
        }
    }
    disk.volume_groups.iter().fold(text, |text, found| text + &group(found))
}

/// A volume group, and a table of its logical volumes.
fn group(group: &VolumeGroup) -> String {
    let numbers: Vec<String> = group.partitions.iter().map(ToString::to_string).collect();
    let name = printable(group.name.as_bytes());
    let mut text = format!(
        "\ngroup     {name}, id {}, extents of {}, on partition {}\n",
        printable(group.id.as_bytes()),
        Bytes(group.extent_bytes),
        numbers.join(", ")
    );
    let head = ["name", "type", "size", "holds", "label", "uuid", "used", "free", "mounted"];
    let mut rows = vec![head.map(str::to_string)];
    rows.extend(group.volumes.iter().map(|volume| {
        let [holds, label, uuid, used, free, mounted] = held(volume.filesystem.as_ref());
        let size = Bytes(volume.bytes).to_string();
        [word(&volume.name), word(&volume.kind), size, holds, label, uuid, used, free, mounted]
    }));
    for line in columns(&rows, &[2, 6, 7]) {
        text += &(line + "\n");
    }
    for volume in &group.volumes {
        if let Some(problem) = volume.filesystem.as_ref().and_then(|fs| fs.problem.as_ref()) {
            let volume = printable(volume.name.as_bytes());
            text += &format!("logical volume {name}/{volume}: {}\n", printable(problem.as_bytes()));
        }
    }
    text
}

fn word(text: &str) -> String {
    if text.is_empty() { "-".to_string() } else { printable(text.as_bytes()) }
}

/// What is held, its label and UUID, what is used and free, and where it is mounted.
fn held(fs: Option<&FilesystemInfo>) -> [String; 6] {
    let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_string(), |bytes| Bytes(bytes).to_string());
    [
        word(fs.map_or("", |fs| &fs.kind)),
        word(fs.map_or("", |fs| &fs.label)),
        word(fs.map_or("", |fs| &fs.uuid)),
        size(fs.and_then(|fs| fs.used_bytes)),
        size(fs.and_then(|fs| fs.free_bytes)),
        word(fs.and_then(|fs| fs.mount_point.as_deref()).unwrap_or("")),
    ]
}

fn row(part: &Partition) -> [String; 11] {
    let [holds, label, uuid, used, free, mounted] = held(part.filesystem.as_ref());
    let (number, name, kind) = (part.number.to_string(), word(&part.name), part.type_words.clone());
    let (start, size) = (Bytes(part.start).to_string(), Bytes(part.bytes).to_string());
    [number, name, kind, start, size, holds, label, uuid, used, free, mounted]
}

fn system(found: &System) -> String {
    let kernels = if found.kernels.is_empty() { "none".to_string() } else { found.kernels.join(", ") };
    let packages = found.packages.map_or_else(|| "no dpkg".to_string(), |n| format!("{n} (dpkg)"));
    let name = found.name.as_deref().unwrap_or("without os-release");
    let name = printable(name.as_bytes());
    let place = match &found.volume {
        Some(volume) => format!("logical volume {}", printable(volume.as_bytes())),
        None => format!("partition {}", found.partition),
    };
    format!(
        "\nsystem    {name}, on {}\nkernels   {}\npackages  {packages}\n",
        place,
        printable(kernels.as_bytes())
    )
}
