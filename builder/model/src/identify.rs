//! What ids are made of.
//!
//! An id that others keep or publish must not change because somebody renamed a field, and must change when a new field makes
//! other bytes. So no type enters an id by what `Debug` or a serializer prints of it. [`identify!`](crate::identify) takes a struct
//! apart with all its fields: a new one does not compile until it stands there, or is left out by name. Variants of an enum enter
//! as words that are written for that.
//!
//! In: values. Out: parts of a [`Hasher`], each with its length, in the order in which they are written here. Never: a name of a
//! field or of a variant.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use crate::{Bytes, Digest, Hasher};

/// A value that enters an id.
pub trait Identify {
    /// Adds everything that tells this value from others.
    fn identify(&self, hasher: &mut Hasher);

    /// The digest of this value alone.
    fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("value");
        self.identify(&mut hasher);
        hasher.finish()
    }
}

/// Implements [`Identify`] for a struct by its fields in the order given. Each field stands there, or after `without`, with a
/// comment that says why it makes no difference.
#[macro_export]
macro_rules! identify {
    ($kind:ty { $($field:ident),* $(,)? } $(without { $($other:ident),* $(,)? })?) => {
        impl $crate::Identify for $kind {
            fn identify(&self, hasher: &mut $crate::Hasher) {
                let Self { $($field,)* $($($other: _,)*)? } = self;
                $($crate::Identify::identify($field, hasher);)*
            }
        }
    };
}

/// Implements [`Identify`] for integers by their little-endian bytes.
macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl Identify for $kind {
            fn identify(&self, hasher: &mut Hasher) {
                hasher.part(&self.to_le_bytes());
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i64);

impl Identify for bool {
    fn identify(&self, hasher: &mut Hasher) {
        hasher.part(&[u8::from(*self)]);
    }
}

impl Identify for str {
    fn identify(&self, hasher: &mut Hasher) {
        hasher.part(self.as_bytes());
    }
}

impl Identify for String {
    fn identify(&self, hasher: &mut Hasher) {
        self.as_str().identify(hasher);
    }
}

impl Identify for Uuid {
    fn identify(&self, hasher: &mut Hasher) {
        hasher.part(self.as_bytes());
    }
}

impl Identify for Bytes {
    fn identify(&self, hasher: &mut Hasher) {
        self.0.identify(hasher);
    }
}

impl<T: Identify> Identify for Option<T> {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            None => "none".identify(hasher),
            Some(value) => value.identify(hasher.part(b"some")),
        }
    }
}

impl<T: Identify> Identify for [T] {
    fn identify(&self, hasher: &mut Hasher) {
        (self.len() as u64).identify(hasher);
        self.iter().for_each(|value| value.identify(hasher));
    }
}

impl<T: Identify> Identify for Vec<T> {
    fn identify(&self, hasher: &mut Hasher) {
        self.as_slice().identify(hasher);
    }
}

impl<T: Identify + ?Sized> Identify for &T {
    fn identify(&self, hasher: &mut Hasher) {
        (**self).identify(hasher);
    }
}

impl<A: Identify, B: Identify, C: Identify> Identify for (A, B, C) {
    fn identify(&self, hasher: &mut Hasher) {
        let (first, second, third) = self;
        first.identify(hasher);
        second.identify(hasher);
        third.identify(hasher);
    }
}

impl<K: Identify, V: Identify> Identify for BTreeMap<K, V> {
    fn identify(&self, hasher: &mut Hasher) {
        (self.len() as u64).identify(hasher);
        for (key, value) in self {
            key.identify(hasher);
            value.identify(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    struct Pair {
        first: String,
        second: Vec<String>,
        seen: u8,
    }
    identify!(Pair { first, second } without { seen });

    fn pair(first: &str, second: &[&str], seen: u8) -> Digest {
        let second = second.iter().map(ToString::to_string).collect();
        let pair = Pair { first: first.to_string(), second, seen };
        assert_eq!(pair.seen, seen);
        pair.digest()
    }

    #[test]
    fn values_that_differ_have_other_digests() {
        assert_eq!(pair("a", &["b", "c"], 1), pair("a", &["b", "c"], 2));
        assert_ne!(pair("a", &["b", "c"], 1), pair("a", &["bc"], 1));
        assert_ne!(pair("a", &["b", "c"], 1), pair("c", &["b", "a"], 1));
        assert_ne!(None::<String>.digest(), Some("none".to_string()).digest());
        assert_ne!(vec![None, Some(1_u8)].digest(), vec![Some(1_u8), None].digest());
    }

    /// What is kept and published under these stays so.
    #[test]
    fn golden() {
        let told = [
            true.digest(),
            258_u32.digest(),
            "word".digest(),
            Some(Bytes::mib(1)).digest(),
            BTreeMap::from([("key".to_string(), Uuid::from_u128(1))]).digest(),
            pair("a", &["b", "c"], 1),
        ];
        let told: Vec<String> = told.iter().map(Digest::short).collect();
        assert_eq!(told, GOLDEN);
    }

    const GOLDEN: [&str; 6] =
        ["7e983a78e6d4", "e7115a658fc5", "7a8f276a3aa7", "1f6f3a1c6f51", "515e62827901", "3fc0825a2cd9"];
}
