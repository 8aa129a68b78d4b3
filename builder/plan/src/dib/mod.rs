//! diskimage-builder's own front ends: the command line of `disk-image-create` and `ramdisk-image-create`, the list of images that
//! `diskimage-builder` reads, and the variables that its driver takes from the caller's environment.
//!
//! Each is turned into an entry of an image file, so that there is one way from an image to its plan, and so that what somebody's
//! command means here can be printed and kept. The tables of options and variables are what the reader of command lines, the options of
//! TripleO's image files, the help texts and `docs/coming-from-dib.md` are made from.
//!
//! In: words, texts and variables as dib takes them. Out: a [`Command`], or the image file that says the same. Never: an option or a
//! variable that is dropped without a word.

mod command;
mod definitions;
mod getopt;
mod image_file;
mod meaning;
mod options;
mod qemu_img;
mod tripleo;
mod unread;
mod variables;
mod words;

pub use command::{Checksums, Command, CommandError, Program};
pub use definitions::{Assignment, Definition, definitions};
pub(crate) use getopt::{Item, OptionFault, read_words};
pub(crate) use image_file::scalar;
pub use image_file::{ImageFile, image_file};
pub use meaning::DibOptions;
pub(crate) use meaning::{apply, extra_size, grow_to, mebibytes};
pub use options::{Effect, OPTIONS, OptionFacts, OptionName};
pub(crate) use qemu_img::QemuImgOptions;
pub use tripleo::is_tripleo;
pub use unread::unread;
pub use variables::{VARIABLES, VariableEffect, VariableFacts, given_names, is_given_to_hooks};
pub(crate) use words::words_of;
