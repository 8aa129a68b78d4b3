//! `dibber check-flavor`.
//!
//! In: an image or its name, and a flavor. Out: what speaks against giving one to the other. Never: a cloud asked.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::path::{Path, PathBuf};

use clap::Args;
use dibber_deploy::flavor::{Flavor, ImageRequirements, check};
use dibber_deploy::select::NodeRequirements;
use dibber_deploy::structure::Structure;
use dibber_fs::text;
use dibber_imageset::members::{Members, Trust};
use dibber_imageset::{StructureFacts, sidecar_of};
use dibber_inspect::{Image, TableFound};
use dibber_model::{Arch, Bytes, Platform};
use dibber_plan::Role;
use serde_json::json;

use crate::exit::Exit;
use crate::printable::printable;
use crate::report::Problem;
use crate::select::{problem, target};
use crate::terminal::{say, tell};
use crate::text::pretty;

/// `dibber check-flavor`.
#[derive(Debug, Args)]
pub(crate) struct CheckFlavorArgs {
    /// A disk image, or the name of one in a set.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// The directory with the set, where IMAGE is a name.
    #[arg(long = "in", value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Architecture of the node, where IMAGE is a name; without it, x86_64.
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
    /// Platform of the node within the architecture.
    #[arg(long, requires = "arch")]
    pub(crate) platform: Option<Platform>,
    /// The flavor, as `openstack flavor show -f json` prints it. What else is given wins over it.
    #[arg(long, value_name = "FILE", required_unless_present = "root_gb")]
    pub(crate) flavor: Option<PathBuf>,
    /// Root disk of the flavor, in GiB; 0 is as large as the image.
    #[arg(long, value_name = "N")]
    pub(crate) root_gb: Option<u64>,
    /// Its ephemeral disk, in GiB.
    #[arg(long, value_name = "N")]
    pub(crate) ephemeral_gb: Option<u64>,
    /// Its swap, in MiB.
    #[arg(long, value_name = "N")]
    pub(crate) swap_mb: Option<u64>,
    /// Its memory, in MiB.
    #[arg(long, value_name = "N")]
    pub(crate) ram_mb: Option<u64>,
    /// Its processors.
    #[arg(long, value_name = "N")]
    pub(crate) vcpus: Option<u64>,
    /// An extra spec, such as capabilities:boot_mode=uefi.
    #[arg(long = "property", value_name = "NAME=VALUE")]
    pub(crate) properties: Vec<String>,
    /// Fails where it would warn.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Holds a flavor against an image.
pub(crate) fn check_flavor(args: &CheckFlavorArgs) -> Result<Exit, Problem> {
    let flavor = flavor(args)?;
    let (path, requirements, why) = requirements(args)?;
    let findings = check(&flavor, &requirements);
    let name = flavor.name.as_deref().unwrap_or("the flavor");
    if args.json {
        say(pretty(&json!({
            "image": path.display().to_string(),
            "structure": requirements.structure,
            "why": why,
            "min_disk": requirements.min_disk,
            "flavor": flavor.name,
            "fits": findings.is_empty(),
            "findings": findings,
        })));
    } else {
        let size = Bytes(requirements.virtual_bytes);
        say(format!("{}: {} of {size} ({why})", path.display(), requirements.structure));
        for finding in &findings {
            let word = if args.strict { "error" } else { "warning" };
            tell(format!("{word}: {}", printable(finding.why.as_bytes())));
        }
        if findings.is_empty() {
            say(format!("{} fits", printable(name.as_bytes())));
        }
    }
    Ok(if args.strict && !findings.is_empty() { Exit::Unfit } else { Exit::Ok })
}

fn flavor(args: &CheckFlavorArgs) -> Result<Flavor, Problem> {
    let mut flavor = match &args.flavor {
        None => Flavor::default(),
        Some(file) => {
            let wrong = |why: &dyn std::fmt::Display| {
                let why = printable(why.to_string().as_bytes());
                Problem::new(Exit::Input, format!("{}: {why}", file.display()))
            };
            let text = text::read(file).map_err(|error| wrong(&error))?;
            Flavor::read(&text).map_err(|error| wrong(&error))?
        }
    };
    flavor.root_gb = args.root_gb.unwrap_or(flavor.root_gb);
    flavor.ephemeral_gb = args.ephemeral_gb.unwrap_or(flavor.ephemeral_gb);
    flavor.swap_mb = args.swap_mb.unwrap_or(flavor.swap_mb);
    flavor.ram_mb = args.ram_mb.or(flavor.ram_mb);
    flavor.vcpus = args.vcpus.or(flavor.vcpus);
    for property in &args.properties {
        flavor.set(property).map_err(|error| Problem::new(Exit::Usage, error))?;
    }
    Ok(flavor)
}

/// The image, what it wants, and how its structure is known.
fn requirements(args: &CheckFlavorArgs) -> Result<(PathBuf, ImageRequirements, String), Problem> {
    let given = Path::new(&args.image);
    if given.is_file() {
        return of_file(given);
    }
    if args.image.contains('/') {
        return Err(Problem::new(Exit::Input, format!("{}: there is no such file", given.display())));
    }
    let members = Members::read(&args.dir, &args.image, Trust::Lengths).map_err(problem)?;
    let target = target(args.arch, args.platform.as_ref())?;
    let selection = members.select(&NodeRequirements::from(target.clone()), &args.image);
    let Some(member) = selection.member else {
        let steps: Vec<String> = selection.attempts.iter().map(ToString::to_string).collect();
        let message = format!("no {} for {target}: {}", args.image, steps.join("; "));
        return Err(Problem::new(Exit::Unfit, message));
    };
    match member.of_role(Role::Disk).next() {
        Some(disk) => of_file(&disk.path),
        None => Err(Problem::new(Exit::Input, format!("{} has no disk among its files", member.basename))),
    }
}

/// By its sidecar, or, where it has none, by its bytes.
fn of_file(path: &Path) -> Result<(PathBuf, ImageRequirements, String), Problem> {
    let wrong = |why: String| Problem::new(Exit::Input, format!("{}: {why}", path.display()));
    let sidecar = match sidecar_of(path) {
        Ok(Some(sidecar)) => sidecar,
        Ok(None) => return of_bytes(path),
        Err(error) => return Err(wrong(format!("its .json is no sidecar: {error}"))),
    };
    let Some(virtual_bytes) = sidecar.virtual_bytes.filter(|_| sidecar.role.is_none_or(|r| r == Role::Disk))
    else {
        return Err(wrong(format!("this is a {}, and flavors are held against disks", sidecar.kind)));
    };
    let structure = sidecar.structure.unwrap_or_else(|| StructureFacts::of(&sidecar.properties));
    let requirements = ImageRequirements {
        structure: structure.is,
        virtual_bytes,
        min_disk: sidecar.min_disk.unwrap_or(gib(virtual_bytes)),
        min_ram: sidecar.min_ram,
        properties: sidecar.properties,
    };
    Ok((path.into(), requirements, structure.why))
}

fn of_bytes(path: &Path) -> Result<(PathBuf, ImageRequirements, String), Problem> {
    let image = Image::open(path)
        .map_err(|error| Problem::new(Exit::Input, format!("{}: {error}", path.display())))?;
    let (container, disk) = (image.container(), image.disk());
    let bare = disk.table == TableFound::None;
    let (structure, what) = match bare {
        true => (Structure::Partition, "no partition table".to_string()),
        false => (Structure::WholeDisk, format!("a partition table ({})", disk.table)),
    };
    let requirements = ImageRequirements {
        structure,
        virtual_bytes: container.virtual_bytes,
        min_disk: gib(container.virtual_bytes),
        min_ram: None,
        properties: Default::default(),
    };
    Ok((path.into(), requirements, format!("it has no sidecar, and {what}")))
}

fn gib(bytes: u64) -> u64 {
    bytes.div_ceil(Bytes::gib(1).0)
}
