//! Bytes as hexadecimal digits in JSON.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn serialize<S: Serializer>(
    bytes: &impl AsRef<[u8]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let digits = bytes
        .as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15]);
    let text: String = digits
        .filter_map(|digit| DIGITS.get(usize::from(digit)))
        .map(|digit| char::from(*digit))
        .collect();
    serializer.serialize_str(&text)
}

/// Reads digits in lower case into a vector, or an array of the right length.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, B: TryFrom<Vec<u8>>>(
    deserializer: D,
) -> Result<B, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return Err(D::Error::custom("an odd number of hexadecimal digits"));
    };
    let value = |digit: &u8| DIGITS.iter().zip(0_u8..).find(|(known, _)| *known == digit);
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(value(high)?.1 << 4 | value(low)?.1))
        .collect();
    let bytes = bytes.ok_or_else(|| D::Error::custom("not hexadecimal digits in lower case"))?;
    B::try_from(bytes).map_err(|_| D::Error::custom("a wrong number of hexadecimal digits"))
}
