//! Words of `images.json` that have a type here, and may have been written by a newer dibber.
//!
//! A set outlives the program that made it, and a directory may hold sets of several versions. A word that this version does not know is
//! kept as it was written, and written again so; what it means is asked for only by those who need it, and refused there.
//!
//! In: a text of `images.json`. Out: a value, or the text. Never: another spelling written than was read.

use dibber_model::arch::TargetError;
use dibber_model::{Arch, Platform};
use dibber_plan::OutputKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that is written as one word.
pub trait Worded: Sized {
    /// The value whose own spelling this is.
    fn from_word(text: &str) -> Option<Self>;
    /// Its spelling.
    fn word(&self) -> &str;
}

impl Worded for Arch {
    fn from_word(text: &str) -> Option<Self> {
        Arch::all().find(|arch| arch.kernel_name() == text)
    }

    fn word(&self) -> &str {
        self.kernel_name()
    }
}

impl Worded for Platform {
    fn from_word(text: &str) -> Option<Self> {
        text.parse().ok().filter(|platform: &Platform| platform.as_str() == text)
    }

    fn word(&self) -> &str {
        self.as_str()
    }
}

impl Worded for OutputKind {
    fn from_word(text: &str) -> Option<Self> {
        OutputKind::of_name(text)
    }

    fn word(&self) -> &str {
        self.name()
    }
}

/// A word of `images.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetWord<T> {
    /// One that this version knows.
    Known(T),
    /// One that it does not, as it was written.
    Unknown(String),
}

impl<T: Worded> SetWord<T> {
    /// The word of a text.
    pub fn new(text: &str) -> Self {
        T::from_word(text).map_or_else(|| SetWord::Unknown(text.to_string()), SetWord::Known)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            SetWord::Known(value) => value.word(),
            SetWord::Unknown(text) => text,
        }
    }

    /// What it means, if this version knows it.
    pub fn known(&self) -> Option<&T> {
        match self {
            SetWord::Known(value) => Some(value),
            SetWord::Unknown(_) => None,
        }
    }
}

impl<T: Worded + Clone + std::str::FromStr<Err = TargetError>> SetWord<T> {
    /// What it means, in whatever spelling.
    pub fn value(&self) -> Result<T, TargetError> {
        match self {
            SetWord::Known(value) => Ok(value.clone()),
            SetWord::Unknown(text) => text.parse(),
        }
    }
}

impl<T: Worded> Serialize for SetWord<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, T: Worded> Deserialize<'de> for SetWord<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| SetWord::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_they_were_read() {
        for text in ["x86_64", "amd64", "loongarch64", ""] {
            let word: SetWord<Arch> = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(&word).unwrap(), text);
        }
        assert_eq!(SetWord::<Arch>::new("amd64").value().unwrap(), Arch::X86_64);
        for kind in OutputKind::all() {
            assert_eq!(SetWord::new(kind.name()).known(), Some(&kind));
        }
        assert_eq!(SetWord::<OutputKind>::new("qcow3").known(), None);
    }
}
