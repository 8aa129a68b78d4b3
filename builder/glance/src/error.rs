//! Why a set is not in Glance.
//!
//! In: answers and failures. Out: one sentence each: place, cause, mend. Never: a password, a token.

use std::io;
use std::path::PathBuf;

/// Why a set could not be put into Glance.
#[derive(Debug, thiserror::Error)]
pub enum GlanceError {
    /// It is not known where the cloud is, or who asks.
    #[error("{place}: {why}")]
    Cloud {
        /// File, cloud or variables.
        place: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The set in the directory is not one that can be uploaded.
    #[error("{}: {why}", path.display())]
    Set {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The system refused.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No answer: no connection, one that was cut, or one that stood still.
    #[error("{what}: {url} did not answer ({why}); nothing half-sent is kept, so run the same command again")]
    Cut {
        /// What was being done.
        what: String,
        /// Where.
        url: String,
        /// What happened.
        why: String,
    },
    /// An answer that says no.
    #[error("{what}: {url} answered {status}{said}; {mend}")]
    Refused {
        /// What was being done.
        what: String,
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the service wrote, with a colon before it, or nothing.
        said: String,
        /// What to do.
        mend: &'static str,
    },
    /// An answer that is none of Glance's or Keystone's.
    #[error("{what}: {url} gave an answer that cannot be read ({why}); check that the endpoint is right")]
    Answer {
        /// What was being done.
        what: String,
        /// Where.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Glance holds other bytes than were sent.
    #[error(
        "{name}: Glance took the upload, but {why}; image {id} was removed, and no image of that name was touched"
    )]
    Lied {
        /// Glance name.
        name: String,
        /// The image that was wrong.
        id: String,
        /// The two values that disagree.
        why: String,
    },
}

impl GlanceError {
    /// Whether sending the whole again may help: the line was cut, the service stumbled, bytes were lost on the way.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            GlanceError::Cut { .. } | GlanceError::Lied { .. } => true,
            GlanceError::Refused { status, .. } => matches!(status, 408 | 410 | 429 | 500..=599),
            _ => false,
        }
    }

    /// Whether the fault is in a file of the person's: the set, or `clouds.yaml`.
    pub fn is_input(&self) -> bool {
        matches!(self, GlanceError::Cloud { .. } | GlanceError::Set { .. } | GlanceError::File { .. })
    }

    /// Whether the cloud is at fault, or the way to it.
    pub fn is_remote(&self) -> bool {
        !self.is_input()
    }
}

/// What to do about an HTTP status.
pub(super) fn advice_for_status(status: u16) -> &'static str {
    match status {
        300..=399 => {
            "redirects are not followed, because a token is sent along; give the address that it names"
        }
        401 => "check user, password or application credential, and the project",
        403 => {
            "this project may not do that; ask for the role, or, if images were to be public, leave out --visibility public"
        }
        404 => "check the endpoint; the image may have been removed meanwhile",
        409 => "somebody else works on the same image now; run again when they are done",
        413 => "the image is larger than Glance or the quota allows; remove old images, or ask for more",
        429 => "the service is busy; run again later, or raise --retries",
        500..=599 => "the service is at fault; its log says more. Run again, or raise --retries",
        _ => "the request was not to its liking; its log may say more",
    }
}
