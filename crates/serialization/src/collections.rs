//! Sequences, byte strings, texts, maps and bit sequences: everything that has a length.
//!
//! Every parser here takes a maximum, and checks it and the input's length before it allocates.

use std::collections::BTreeMap;

use crate::primitives::take;
use crate::{Bound, Decode, DecodeError, Encode, IResult, context, fail};

/// The bytes that a parser may allocate in advance for each byte of input that is left.
const PREALLOCATED_BYTES_PER_INPUT_BYTE: usize = 4;

/// Appends a length as a varint.
fn encode_len(len: usize, out: &mut Vec<u8>) {
    (len as u64).encode(out);
}

/// The bytes that a length takes.
fn len_len(len: usize) -> usize {
    (len as u64).encoded_len()
}

/// Reads a length that must not be above `max`.
fn decode_len<'a>(
    input: &'a [u8],
    max: usize,
    what: &'static str,
) -> IResult<&'a [u8], usize, DecodeError> {
    let (rest, len) = context(what, u64::decode(input))?;
    match usize::try_from(len) {
        Ok(len) if len <= max => Ok((rest, len)),
        _ => fail(
            input,
            what,
            Bound::TooLong {
                len,
                max: max as u64,
            },
        ),
    }
}

/// Reads the length of a sequence of things that take at least `least` bytes each.
fn decode_count<'a>(
    input: &'a [u8],
    max: usize,
    least: usize,
    what: &'static str,
) -> IResult<&'a [u8], usize, DecodeError> {
    let (rest, count) = decode_len(input, max, what)?;
    if count.saturating_mul(least) > rest.len() {
        return fail(&[], what, Bound::Truncated);
    }
    Ok((rest, count))
}

/// Appends the number of items, then the items.
pub fn encode_seq<T: Encode>(items: &[T], out: &mut Vec<u8>) {
    encode_len(items.len(), out);
    for item in items {
        item.encode(out);
    }
}

/// The bytes that [`encode_seq`] appends.
#[must_use]
pub fn seq_len<T: Encode>(items: &[T]) -> usize {
    items.iter().fold(len_len(items.len()), |sum, item| {
        sum.saturating_add(item.encoded_len())
    })
}

/// Reads a sequence of at most `max` items, each of which takes at least one byte.
///
/// # Errors
/// [`Bound::TooLong`] before anything is allocated, and the errors of the items.
pub fn decode_seq<'a, T: Decode>(
    input: &'a [u8],
    max: usize,
    what: &'static str,
) -> IResult<&'a [u8], Vec<T>, DecodeError> {
    let (mut rest, count) = decode_count(input, max, 1, what)?;
    // Items may be far larger in memory than in bytes: memory is won as bytes are read.
    let affordable = rest
        .len()
        .saturating_mul(PREALLOCATED_BYTES_PER_INPUT_BYTE)
        .checked_div(size_of::<T>())
        .unwrap_or(count);
    let mut items = Vec::with_capacity(count.min(affordable));
    for _ in 0..count {
        let (after, item) = context(what, T::decode(rest))?;
        items.push(item);
        rest = after;
    }
    Ok((rest, items))
}

/// Appends the number of bytes, then the bytes.
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    encode_len(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// The bytes that [`encode_bytes`] appends.
#[must_use]
pub fn bytes_len(bytes: &[u8]) -> usize {
    len_len(bytes.len()).saturating_add(bytes.len())
}

/// Reads a string of at most `max` bytes, without copying it.
///
/// # Errors
/// [`Bound::TooLong`] or [`Bound::Truncated`].
pub fn decode_bytes<'a>(
    input: &'a [u8],
    max: usize,
    what: &'static str,
) -> IResult<&'a [u8], &'a [u8], DecodeError> {
    let (rest, len) = decode_len(input, max, what)?;
    take(rest, len, what)
}

/// Appends the number of bytes of `text`, then `text` as UTF-8.
pub fn encode_text(text: &str, out: &mut Vec<u8>) {
    encode_bytes(text.as_bytes(), out);
}

/// The bytes that [`encode_text`] appends.
#[must_use]
pub fn text_len(text: &str) -> usize {
    bytes_len(text.as_bytes())
}

/// Reads a UTF-8 text of at most `max` bytes, without copying it.
///
/// # Errors
/// [`Bound::TooLong`], [`Bound::Truncated`] or [`Bound::NotUtf8`].
pub fn decode_text<'a>(
    input: &'a [u8],
    max: usize,
    what: &'static str,
) -> IResult<&'a [u8], &'a str, DecodeError> {
    let (rest, bytes) = decode_bytes(input, max, what)?;
    match core::str::from_utf8(bytes) {
        Ok(text) => Ok((rest, text)),
        Err(_) => fail(input, what, Bound::NotUtf8),
    }
}

/// Appends the number of pairs, then the pairs in ascending order of their keys.
pub fn encode_map<K: Encode, V: Encode>(map: &BTreeMap<K, V>, out: &mut Vec<u8>) {
    encode_len(map.len(), out);
    for (key, value) in map {
        key.encode(out);
        value.encode(out);
    }
}

/// The bytes that [`encode_map`] appends.
#[must_use]
pub fn map_len<K: Encode, V: Encode>(map: &BTreeMap<K, V>) -> usize {
    map.iter().fold(len_len(map.len()), |sum, (key, value)| {
        sum.saturating_add(key.encoded_len())
            .saturating_add(value.encoded_len())
    })
}

/// Reads a map of at most `max` pairs, each of which takes at least one byte.
///
/// # Errors
/// [`Bound::TooLong`] before anything is allocated, [`Bound::UnorderedKeys`] unless the keys are
/// strictly ascending, and the errors of the keys and values.
pub fn decode_map<'a, K: Decode + Ord, V: Decode>(
    input: &'a [u8],
    max: usize,
    what: &'static str,
) -> IResult<&'a [u8], BTreeMap<K, V>, DecodeError> {
    let (mut rest, count) = decode_count(input, max, 1, what)?;
    let mut map = BTreeMap::new();
    for _ in 0..count {
        let (after_key, key) = context(what, K::decode(rest))?;
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return fail(rest, what, Bound::UnorderedKeys);
        }
        let (after, value) = context(what, V::decode(after_key))?;
        map.insert(key, value);
        rest = after;
    }
    Ok((rest, map))
}

/// Appends the number of bits, then the bits, eight to a byte, the first in the lowest place.
///
/// Bits of `bytes` from `bit_len` on are written as zero; bits that `bytes` lacks, too.
pub fn encode_bits(bit_len: usize, bytes: &[u8], out: &mut Vec<u8>) {
    encode_len(bit_len, out);
    let start = out.len();
    let byte_len = bit_len.div_ceil(8);
    out.extend(bytes.iter().take(byte_len));
    out.resize(start.saturating_add(byte_len), 0);
    if bit_len > 0
        && let Some(last) = out.last_mut()
    {
        *last &= !unused_mask(bit_len);
    }
}

/// The bytes that [`encode_bits`] appends.
#[must_use]
pub fn bits_len(bit_len: usize) -> usize {
    len_len(bit_len).saturating_add(bit_len.div_ceil(8))
}

/// Reads a bit sequence of at most `max` bits: its bit length, and its bytes without copying them.
///
/// # Errors
/// [`Bound::TooLong`], [`Bound::Truncated`] or [`Bound::UnusedBits`].
pub fn decode_bits<'a>(
    input: &'a [u8],
    max: usize,
    what: &'static str,
) -> IResult<&'a [u8], (usize, &'a [u8]), DecodeError> {
    let (rest, bit_len) = decode_len(input, max, what)?;
    let (after, bytes) = take(rest, bit_len.div_ceil(8), what)?;
    if let Some((last, before)) = bytes.split_last()
        && last & unused_mask(bit_len) != 0
    {
        let at = rest.get(before.len()..).unwrap_or_default();
        return fail(at, what, Bound::UnusedBits);
    }
    Ok((after, (bit_len, bytes)))
}

/// The bits of the last byte that a sequence of `bit_len` bits leaves unused.
fn unused_mask(bit_len: usize) -> u8 {
    match bit_len % 8 {
        0 => 0,
        used => u8::MAX << used,
    }
}
