#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod collections;
mod error;
mod macros;
mod primitives;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use collections::{
    bits_len, bytes_len, decode_bits, decode_bytes, decode_map, decode_seq, decode_text,
    encode_bits, encode_bytes, encode_map, encode_seq, encode_text, map_len, seq_len, text_len,
};
pub use error::{Bound, DecodeError, context, fail};
pub use nom::IResult;

/// What a parser gives: the bytes that are left, and the value.
pub type Parsed<'a, T> = IResult<&'a [u8], T, DecodeError>;

/// A value that has exactly one byte form.
pub trait Encode {
    /// Appends the canonical bytes of `self` to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// The number of bytes that [`Encode::encode`] appends, exactly.
    fn encoded_len(&self) -> usize;

    /// The canonical bytes of `self` alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut out);
        out
    }
}

/// A value that can be read from its canonical bytes, and from no others.
pub trait Decode: Sized {
    /// Reads one value from the start of `input` and gives what is left.
    ///
    /// # Errors
    /// What was being read, where, and which bound was broken.
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError>;
}

/// Reads one value that must fill `input` to its end.
///
/// # Errors
/// As [`Decode::decode`], with the byte offset in `input`; or [`Bound::TrailingBytes`].
pub fn decode_exact<T: Decode>(input: &[u8]) -> Result<T, DecodeError> {
    match T::decode(input) {
        Ok(([], value)) => Ok(value),
        Ok((rest, _)) => {
            let kind = Bound::TrailingBytes { count: rest.len() };
            Err(DecodeError::new(rest, core::any::type_name::<T>(), kind).located(input.len()))
        }
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error.located(input.len())),
        Err(nom::Err::Incomplete(_)) => {
            let what = core::any::type_name::<T>();
            Err(DecodeError::new(&[], what, Bound::Truncated).located(input.len()))
        }
    }
}
