//! What can be wrong with a database of packages.

use std::io;

/// Why a database's packages cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// It has more of something than any has that a package manager wrote.
    #[error("it has more than {0}, which no database of packages has; a hook has spoilt it")]
    TooMuch(String),
    /// It contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is whole and of a form that this program does not read.
    #[error("it is of a form that is not read: {0}")]
    Unknown(String),
}

impl From<DatabaseError> for io::Error {
    fn from(error: DatabaseError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// A database that contradicts itself.
pub(crate) fn damaged(why: impl Into<String>) -> DatabaseError {
    DatabaseError::Damaged(why.into())
}
