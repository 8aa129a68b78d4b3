//! The hash that orders names in an indexed directory: half MD4, over signed characters.
//!
//! In: a name and the filesystem's hash seed. Out: its hash and the minor hash. Never: the flags of the index in bit 0.
//!
//! Source: the kernel's `fs/ext4/hash.c` describes the scheme; the rounds are those of MD4 (RFC 1320), eight words wide.

use uuid::Uuid;

/// The largest value that a hash may not take: it stands for the end of a directory (`EXT4_HTREE_EOF_32BIT`).
const END: u32 = 0x7fff_ffff << 1;

/// Additive constants of MD4's three rounds.
const ROUND: [u32; 3] = [0, 0x5a82_7999, 0x6ed9_eba1];
/// The word that each step of each round takes.
const WORD: [[usize; 8]; 3] = [[0, 1, 2, 3, 4, 5, 6, 7], [1, 3, 5, 7, 0, 2, 4, 6], [3, 7, 2, 6, 1, 5, 0, 4]];
/// Left rotations of each round, repeated every four steps.
const SHIFT: [[u32; 4]; 3] = [[3, 7, 11, 19], [3, 5, 9, 13], [3, 9, 11, 15]];

/// The seed of directory hashes as four words.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashSeed([u32; 4]);

/// What a name is sorted by in an indexed directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameHash {
    /// Bit 0 is clear.
    pub(super) major: u32,
    /// Tells names apart whose major hashes are equal.
    pub(super) minor: u32,
}

impl HashSeed {
    /// From `s_hash_seed`. A seed of zeros means MD4's own starting state, as in the kernel.
    pub(super) fn new(uuid: Uuid) -> HashSeed {
        if uuid.is_nil() {
            return HashSeed([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]);
        }
        let bytes = uuid.as_bytes();
        HashSeed(core::array::from_fn(|i| {
            u32::from_le_bytes(core::array::from_fn(|byte| bytes[4 * i + byte]))
        }))
    }

    /// The hashes of a name.
    pub(super) fn hash(self, name: &[u8]) -> NameHash {
        let mut state = self.0;
        let mut rest = name;
        while !rest.is_empty() {
            half_md4(&mut state, words(rest));
            rest = rest.get(32..).unwrap_or_default();
        }
        let hash = state[1] & !1;
        NameHash { major: if hash == END { END - 2 } else { hash }, minor: state[2] }
    }
}

/// Up to 32 bytes as eight words, filled up with the length of what is left of the name in every byte.
fn words(rest: &[u8]) -> [u32; 8] {
    let pad = (rest.len() as u32 & 0xff) * 0x0101_0101;
    let mut out = [pad; 8];
    for (word, bytes) in out.iter_mut().zip(rest.chunks(4)) {
        // Signed characters: a byte over 127 borrows from the bytes before it.
        *word = bytes.iter().fold(pad, |value, byte| {
            (value << 8).wrapping_add(i32::from(byte.cast_signed()).cast_unsigned())
        });
    }
    out
}

fn half_md4(state: &mut [u32; 4], input: [u32; 8]) {
    let [mut a, mut b, mut c, mut d] = *state;
    for round in 0..3 {
        for step in 0..8 {
            let mixed = match round {
                0 => d ^ (b & (c ^ d)),
                1 => (b & c).wrapping_add((b ^ c) & d),
                _ => b ^ c ^ d,
            };
            let sum = a
                .wrapping_add(mixed)
                .wrapping_add(input[WORD[round][step]])
                .wrapping_add(ROUND[round])
                .rotate_left(SHIFT[round][step % 4]);
            (a, b, c, d) = (d, sum, b, c);
        }
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(hash: NameHash) -> (u32, u32) {
        (hash.major, hash.minor)
    }

    /// Hash and minor hash.
    type Hashes = (u32, u32);

    /// What debugfs 1.47.0 says: `dx_hash -h half_md4 [-s SEED] NAME`, with the seed and without.
    #[test]
    fn hashes_are_those_of_debugfs() {
        let seeded = HashSeed::new(Uuid::from_u128(0xbf57_2ef2_f9d1_8355_adca_95bf_e2fe_9b76));
        let plain = HashSeed::new(Uuid::nil());
        let long = "a-name-that-is-longer-than-sixty-four-bytes-so-that-it-takes-three-rounds-of-it";
        let cases: [(&[u8], Hashes, Hashes); 6] = [
            (b"a", (0xf54f_7cf4, 0x7365_16c3), (0xd5fa_7d7a, 0xacb4_8187)),
            (b"hello", (0x8f7c_9d5e, 0xe5b9_0dd2), (0x1746_da32, 0x4200_13b5)),
            (b"0123456789abcdef0123456789abcdef", (0x722d_5c1a, 0x7830_5ad1), (0x3618_4620, 0xc959_df59)),
            (b"0123456789abcdef0123456789abcdef0", (0x0e80_2a96, 0x1b35_77e7), (0x0e2c_5682, 0x453b_8d31)),
            (long.as_bytes(), (0x84f8_98a6, 0x4e2c_92ae), (0x04b9_f9f0, 0x9c5c_c316)),
            (b"\xff\xfe\x80caf\xc3\xa9", (0xc173_9c14, 0x04a1_7efa), (0x1d9b_9602, 0xeed2_a620)),
        ];
        for (name, with_seed, without) in cases {
            assert_eq!(pair(seeded.hash(name)), with_seed, "{name:?}");
            assert_eq!(pair(plain.hash(name)), without, "{name:?}");
        }
    }
}
