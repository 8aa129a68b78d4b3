//! `dibber check-flavor`: checks that nova and ironic could deploy an image with a flavor.
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
use crate::json::pretty_json;
use crate::printable::printable;
use crate::report::Problem;
use crate::select::{problem, target};
use crate::terminal::{print_stderr, print_stdout};

/// `dibber check-flavor`.
#[derive(Debug, Args)]
pub(crate) struct CheckFlavorArgs {
    /// A disk image file, or the name of an image in a set.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Directory of the set, where IMAGE is a name.
    #[arg(long = "in", value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Architecture of the node, where IMAGE is a name; default: x86_64.
    #[arg(long)]
    pub(crate) arch: Option<Arch>,
    /// Platform of the node within the architecture.
    #[arg(long, requires = "arch")]
    pub(crate) platform: Option<Platform>,
    /// File with the flavor, as `openstack flavor show -f json` prints it; the other options override what it says.
    #[arg(long, value_name = "FILE", required_unless_present = "root_gb")]
    pub(crate) flavor: Option<PathBuf>,
    /// Root disk of the flavor, in GiB; 0 means as large as the image.
    #[arg(long, value_name = "N")]
    pub(crate) root_gb: Option<u64>,
    /// Ephemeral disk of the flavor, in GiB.
    #[arg(long, value_name = "N")]
    pub(crate) ephemeral_gb: Option<u64>,
    /// Swap of the flavor, in MiB.
    #[arg(long, value_name = "N")]
    pub(crate) swap_mb: Option<u64>,
    /// Memory of the flavor, in MiB.
    #[arg(long, value_name = "N")]
    pub(crate) ram_mb: Option<u64>,
    /// Processors of the flavor.
    #[arg(long, value_name = "N")]
    pub(crate) vcpus: Option<u64>,
    /// An extra spec of the flavor, such as capabilities:boot_mode=uefi.
    #[arg(long = "property", value_name = "NAME=VALUE")]
    pub(crate) properties: Vec<String>,
    /// Treat warnings as errors.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Checks a flavor against an image.
pub(crate) fn check_flavor(args: &CheckFlavorArgs) -> Result<Exit, Problem> {
    let flavor = asked_flavor(args)?;
    let DemandingImage { path, demand, why } = find_image(args)?;
    let findings = check(&flavor, &demand);
    let name = flavor.name.as_deref().unwrap_or("the flavor");
    if args.json {
        print_stdout(pretty_json(&json!({
            "image": path.display().to_string(),
            "structure": demand.structure,
            "why": why,
            "min_disk": demand.min_disk,
            "flavor": flavor.name,
            "fits": findings.is_empty(),
            "findings": findings,
        })));
    } else {
        let size = Bytes(demand.virtual_bytes);
        print_stdout(format!("{}: {} of {size} ({why})", path.display(), demand.structure));
        for finding in &findings {
            let word = if args.strict { "error" } else { "warning" };
            print_stderr(format!("{word}: {}", printable(finding.why.as_bytes())));
        }
        if findings.is_empty() {
            print_stdout(format!("{} fits", printable(name.as_bytes())));
        }
    }
    Ok(if args.strict && !findings.is_empty() { Exit::Unfit } else { Exit::Ok })
}

fn asked_flavor(args: &CheckFlavorArgs) -> Result<Flavor, Problem> {
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

/// An image, and what it wants of a flavor.
struct DemandingImage {
    path: PathBuf,
    demand: ImageRequirements,
    /// How its structure is known.
    why: String,
}

/// The image that is asked for: a file, or one of a set.
fn find_image(args: &CheckFlavorArgs) -> Result<DemandingImage, Problem> {
    let given = Path::new(&args.image);
    if given.is_file() {
        return demand_by_sidecar(given);
    }
    if args.image.contains('/') {
        return Err(Problem::new(Exit::Input, format!("{}: there is no such file", given.display())));
    }
    let members = Members::read(&args.dir, &args.image, Trust::Lengths).map_err(problem)?;
    let target = target(args.arch, args.platform.as_ref())?;
    let pick = members.select(&NodeRequirements::from(target.clone()), &args.image);
    let Some(member) = pick.member else {
        let steps: Vec<String> = pick.attempts.iter().map(ToString::to_string).collect();
        let message = format!("no {} for {target}: {}", args.image, steps.join("; "));
        return Err(Problem::new(Exit::Unfit, message));
    };
    match member.of_role(Role::Disk).next() {
        Some(disk) => demand_by_sidecar(&disk.path),
        None => Err(Problem::new(Exit::Input, format!("{} has no disk among its files", member.basename))),
    }
}

/// By its sidecar, or, where it has none, by its bytes.
fn demand_by_sidecar(path: &Path) -> Result<DemandingImage, Problem> {
    let wrong = |why: String| Problem::new(Exit::Input, format!("{}: {why}", path.display()));
    let sidecar = match sidecar_of(path) {
        Ok(Some(sidecar)) => sidecar,
        Ok(None) => return demand_by_content(path),
        Err(error) => return Err(wrong(format!("its .json is no sidecar: {error}"))),
    };
    let Some(virtual_bytes) = sidecar.virtual_bytes.filter(|_| sidecar.role.is_none_or(|r| r == Role::Disk))
    else {
        return Err(wrong(format!("this is a {}; a flavor is checked against a disk image", sidecar.kind)));
    };
    let structure = sidecar.structure.unwrap_or_else(|| StructureFacts::of(&sidecar.properties));
    let demand = ImageRequirements {
        structure: structure.is,
        virtual_bytes,
        min_disk: sidecar.min_disk.unwrap_or(gib(virtual_bytes)),
        min_ram: sidecar.min_ram,
        properties: sidecar.properties,
    };
    Ok(DemandingImage { path: path.into(), demand, why: structure.why })
}

fn demand_by_content(path: &Path) -> Result<DemandingImage, Problem> {
    let image = Image::open(path)
        .map_err(|error| Problem::new(Exit::Input, format!("{}: {error}", path.display())))?;
    let (container, disk) = (image.container(), image.disk());
    let bare = disk.table == TableFound::None;
    let (structure, what) = match bare {
        true => (Structure::Partition, "no partition table".to_string()),
        false => (Structure::WholeDisk, format!("a partition table ({})", disk.table)),
    };
    let demand = ImageRequirements {
        structure,
        virtual_bytes: container.virtual_bytes,
        min_disk: gib(container.virtual_bytes),
        min_ram: None,
        properties: Default::default(),
    };
    Ok(DemandingImage { path: path.into(), demand, why: format!("it has no sidecar, and {what}") })
}

fn gib(bytes: u64) -> u64 {
    bytes.div_ceil(Bytes::gib(1).0)
}
