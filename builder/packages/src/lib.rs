//! Which packages a tree has, by its own package databases: a status file of dpkg's, and the three kinds of file in which rpm keeps headers.
//!
//! dib asks the tree's own programs (`dpkg-query`, in the chroot), so a tree without them has no manifest, and rpm's has none at all. Here the
//! files are read, so that an image's list is the same whoever lists it, and the list of an image that nobody runs can be had.
//!
//! In: the bytes of a database, which hooks or strangers may have written. Out: names, versions, architectures. Never: a program run, more
//! packages than any tree has, a read beyond the bytes.
#![forbid(unsafe_code)]

mod database;
mod dpkg;
mod error;
mod package;
mod rpm;

pub use database::{DATABASES, Database, DatabaseKind};
pub use dpkg::{dpkg_packages, installed};
pub use error::DatabaseError;
pub use package::{MOST, Package, sorted};
