//! Hashes, made only in a [`Context`].

use core::fmt;
use core::str::FromStr;

use picot_serialization::codec_struct;

use crate::{Context, CryptoError};

/// Writes bytes as hexadecimal digits in lower case.
pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// A hash: 32 bytes of BLAKE3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

codec_struct!(Hash(bytes));

impl Hash {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl AsRef<[u8; 32]> for Hash {
    fn as_ref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<Hash> for [u8; 32] {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for Hash {
    type Err = CryptoError;

    /// Reads 64 hexadecimal digits in lower case, the only text form of a hash.
    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let mut bytes = [0; 32];
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(CryptoError::NotHexadecimal);
        };
        if pairs.len() != bytes.len() {
            return Err(CryptoError::NotHexadecimal);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(text: u8) -> Result<u8, CryptoError> {
    match text {
        b'0'..=b'9' => Ok(text.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(text.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(CryptoError::NotHexadecimal),
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes bytes that come one piece after the other: pieces do not matter, only their concatenation.
#[derive(Clone, Debug)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// An empty hasher of `context`.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self(context.hasher())
    }

    /// Appends `bytes` to the input.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The hash of the input so far.
    #[must_use]
    pub fn finalize(&self) -> Hash {
        Hash(*self.0.finalize().as_bytes())
    }

    /// The output without end that begins with [`Hasher::finalize`]'s bytes.
    #[must_use]
    pub fn finalize_xof(&self) -> XofReader {
        XofReader(self.0.finalize_xof())
    }
}

/// Reads the endless output of a [`Hasher`].
#[derive(Clone, Debug)]
pub struct XofReader(blake3::OutputReader);

impl XofReader {
    /// Fills `out` with the next bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }

    /// The next 8 bytes as an integer, lowest byte first.
    pub fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Goes on from the output's byte `position`.
    pub fn seek(&mut self, position: u64) {
        self.0.set_position(position);
    }
}
