//! Files under names that somebody else chose: a hook, an element, an archive, whoever wrote to a directory before.
//!
//! A path is a program for the kernel to run: a link in it, `..` or a special file at its end makes the kernel do what the
//! path's author wants with the rights of whoever opens it. So such a path is never opened from the root: a directory that
//! this program chose is held open, and what is below it is reached from there, beneath it, without links, and only if it is
//! a regular file or a directory (openat2(2), `RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS`, `RESOLVE_NO_MAGICLINKS`).
//!
//! What the person or this program chose is here too, as each of it is asked for in several crates: texts that the person named ([`text`]),
//! directories that live as long as a command ([`temporary`]), programs in `PATH` ([`path_search`]), and who runs this ([`passwd`]).
//!
//! In: an open directory, and a path below it. Out: files, directories, bytes of a bounded length. Never: a link followed on
//! the way, a file of another kind opened, a file overwritten where a new one was to be made.
#![forbid(unsafe_code)]

mod beneath;
mod digest;
mod dir;
mod file_id;
mod make;
pub mod passwd;
mod path_error;
pub mod path_search;
mod remove;
mod replace;
pub mod temporary;
pub mod text;

pub use beneath::{open_file, open_with_id, read_bounded, read_file, read_in_root};
pub use digest::sha256;
pub use dir::{Dir, DirEntry, file_type, has_xattrs, meta, os, xattr};
pub use file_id::FileId;
pub use make::make_plain;
pub use path_error::{PathContext, PathError};
pub use remove::remove_tree;
