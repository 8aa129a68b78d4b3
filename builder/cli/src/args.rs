//! The command line, as data.
//!
//! In: arguments. Out: one command; its options are in the command's own file. Never: a file opened, a default that depends on the machine.

use clap::{Parser, Subcommand};

use crate::boot::BootArgs;
use crate::build::BuildArgs;
use crate::cache::CacheArgs;
use crate::check_flavor::CheckFlavorArgs;
use crate::doctor::DoctorArgs;
use crate::new::NewArgs;
use crate::plan::PlanArgs;
use crate::select::SelectArgs;
use crate::show::ShowArgs;
use crate::upload::UploadArgs;

/// Build operating-system images from elements, without root, loop devices or luck.
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
    /// Build images: disk, kernel and initrd, each with its description.
    Build(BuildArgs),
    /// Show what a build would do: elements, steps, the disk, the files. Touches nothing.
    Plan(PlanArgs),
    /// Boot an image in QEMU, on a snapshot; with --expect, a test.
    Boot(BootArgs),
    /// Show what is in a raw or qcow2 image: partitions, filesystems, files, packages. Mounts nothing.
    Show(ShowArgs),
    /// Put what was built into Glance: named, described, checked by Glance's own hash.
    Upload(UploadArgs),
    /// Say which files of a set a node gets, or every node of a fleet, and why.
    Select(SelectArgs),
    /// Hold a flavor against an image: a whole disk takes a root-only one.
    CheckFlavor(CheckFlavorArgs),
    /// Say what this machine lacks for building, and how to get it.
    Doctor(DoctorArgs),
    /// Start a new element or image file in the current directory.
    New(NewArgs),
    /// Print the JSON Schema of image files.
    Schema,
    /// List or prune what earlier builds left to start from.
    Cache(CacheArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}
