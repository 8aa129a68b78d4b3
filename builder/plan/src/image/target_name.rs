//! Names of targets as people write them: an architecture in any spelling, a platform before it.
//!
//! In: a word of an image file or of the command line. Out: an architecture or a target, or what is wrong with the word. Never: a guess.

use alloc::format;
use alloc::string::{String, ToString};

use dibber_model::{Arch, Target};

use crate::spelling::nearest;
use crate::yaml::{Fault, Yaml};

/// A text that names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}{}", .mend.as_ref().map(|mend| format!("; {mend}")).unwrap_or_default())]
pub struct NotATarget {
    /// What is wrong.
    pub why: String,
    /// What may have been meant.
    pub mend: Option<String>,
}

impl NotATarget {
    /// The same as a fault at the value's place.
    pub(super) fn at(self, value: &Yaml) -> Fault {
        let fault = value.at.bad(self.why);
        match self.mend {
            Some(mend) => fault.hint(mend),
            None => fault,
        }
    }
}

/// An architecture in any spelling of the field, or the nearest one.
pub fn arch(text: &str) -> Result<Arch, NotATarget> {
    text.parse::<Arch>().map_err(|error| {
        let known = Arch::all().flat_map(|arch| [arch.kernel_name(), arch.debian_name()]);
        NotATarget {
            why: error.to_string(),
            mend: nearest(text, known).map(|near| format!("did you mean `{near}`?")),
        }
    })
}

/// `aarch64`, or `p9-ppc64le`: the platform first, as in names of files.
pub fn target(text: &str) -> Result<Target, NotATarget> {
    let Some((platform, last)) = text.rsplit_once('-') else {
        return arch(text).map(|arch| Target { arch, platform: None });
    };
    if let (Ok(arch), true) = (platform.parse::<Arch>(), last.parse::<Arch>().is_err()) {
        let why = format!("`{text}` has the architecture first");
        return Err(NotATarget { why, mend: Some(format!("did you mean `{last}-{arch}`?")) });
    }
    let arch = arch(last)?;
    match platform.parse() {
        Ok(platform) => Ok(Target { arch, platform: Some(platform) }),
        Err(error) => Err(NotATarget { why: format!("{error}"), mend: None }),
    }
}
