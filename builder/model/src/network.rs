//! What a program of a build reaches of the network.
//!
//! In: a word. Out: one of two answers. Never: a list of hosts; who may reach one host may reach all through it.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Whether programs see the building machine's network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A network of their own with nothing in it but a loopback interface, which they share with nobody.
    None,
    /// The building machine's, its loopback included.
    #[default]
    Host,
}

impl Network {
    /// The words of both, as they are declared.
    pub const WORDS: [&str; 2] = ["none", "host"];

    /// The one of that word.
    pub fn of_word(word: &str) -> Option<Network> {
        match word {
            "none" => Some(Network::None),
            "host" => Some(Network::Host),
            _ => None,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Network::None => "none",
            Network::Host => "host",
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
