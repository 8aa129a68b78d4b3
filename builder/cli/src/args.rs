//! The commands of the command line, each with the sentence that `dibber --help` has of it.
//!
//! In: arguments. Out: one command; its options are in the command's own file. Never: a file opened, a default that depends on the machine.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::boot::BootArgs;
use crate::build::BuildArgs;
use crate::cache::CacheArgs;
use crate::check_flavor::CheckFlavorArgs;
use crate::dib::{ConvertArgs, LinksArgs, ListArgs};
use crate::doctor::DoctorArgs;
use crate::lint::LintArgs;
use crate::man::ManArgs;
use crate::new::NewArgs;
use crate::plan::PlanArgs;
use crate::select::SelectArgs;
use crate::show::ShowArgs;
use crate::upload::UploadArgs;

/// Build operating-system images from diskimage-builder elements, without root, loop devices or mounts.
#[derive(Debug, Parser)]
#[command(name = "dibber", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Start with:  dibber doctor, then  dibber plan overcloud-full, then  dibber build overcloud-full"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build images: disk, kernel and initrd files, each with a JSON file that describes it.
    Build(BuildArgs),
    /// Show what a build would do: elements, steps, the disk, the files. Changes nothing.
    Plan(PlanArgs),
    /// Boot an image in QEMU without changing it; with --expect, as a test.
    Boot(BootArgs),
    /// Show what is in a raw or qcow2 image: partitions, filesystems, files, packages. Mounts nothing.
    Show(ShowArgs),
    /// Upload built images to Glance with their properties, and check them by Glance's own hash.
    Upload(UploadArgs),
    /// Show which files of a set a node, or every node of a fleet, gets, and why.
    Select(SelectArgs),
    /// Check that a Nova flavor fits an image (a whole-disk image needs a flavor without swap or ephemeral disk).
    CheckFlavor(CheckFlavorArgs),
    /// Check whether this machine can build, and say how to get what it lacks.
    Doctor(DoctorArgs),
    /// Look for what breaks or is passed over in elements, and for what of their style others will ask; --fix mends some of it.
    Lint(LintArgs),
    /// Create a new element or image file in the current directory.
    New(NewArgs),
    /// Print the JSON Schema of image files.
    Schema,
    /// List or remove the checkpoints of earlier builds, from which later builds start.
    Cache(CacheArgs),
    /// Build an image as diskimage-builder's command of that name does, with its options, variables and file names.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    DiskImageCreate {
        /// dib's options and elements; --help lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORD")]
        words: Vec<OsString>,
    },
    /// Build a ramdisk as diskimage-builder's command of that name does.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    RamdiskImageCreate {
        /// dib's options and elements; --help lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORD")]
        words: Vec<OsString>,
    },
    /// Build the images of diskimage-builder's YAML files.
    DiskimageBuilder(ListArgs),
    /// Print the image file that says what a command of diskimage-builder's, or its or TripleO's YAML files, say.
    Convert(ConvertArgs),
    /// Make links to dibber under the names of diskimage-builder's commands.
    Links(LinksArgs),
    /// Print a manual page.
    Man(ManArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell to print it for.
        shell: clap_complete::Shell,
    },
}
