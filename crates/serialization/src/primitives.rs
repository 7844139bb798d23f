//! Integers, booleans, byte arrays, options, tuples and pointers.

use std::sync::Arc;

use crate::{Bound, Decode, DecodeError, Encode, IResult, fail};

/// Splits off the first `count` bytes.
pub(crate) fn take<'a>(
    input: &'a [u8],
    count: usize,
    what: &'static str,
) -> IResult<&'a [u8], &'a [u8], DecodeError> {
    match input.split_at_checked(count) {
        Some((taken, rest)) => Ok((rest, taken)),
        None => fail(&[], what, Bound::Truncated),
    }
}

/// Reads one raw byte.
fn byte<'a>(input: &'a [u8], what: &'static str) -> IResult<&'a [u8], u8, DecodeError> {
    match input.split_first() {
        Some((first, rest)) => Ok((rest, *first)),
        None => fail(input, what, Bound::Truncated),
    }
}

impl Encode for u8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn encoded_len(&self) -> usize {
        1
    }
}

impl Decode for u8 {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        byte(input, "u8")
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn encoded_len(&self) -> usize {
        1
    }
}

impl Decode for bool {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        match byte(input, "bool")? {
            (rest, 0) => Ok((rest, false)),
            (rest, 1) => Ok((rest, true)),
            (_, tag) => fail(input, "bool", Bound::UnknownTag(tag)),
        }
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn encoded_len(&self) -> usize {
        N
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        match input.split_first_chunk::<N>() {
            Some((taken, rest)) => Ok((rest, *taken)),
            None => fail(&[], "byte array", Bound::Truncated),
        }
    }
}

/// LEB128, low groups first, shortest form only.
macro_rules! varint {
    ($($int:ty),*) => {$(
        impl Encode for $int {
            #[allow(clippy::cast_possible_truncation, reason = "the low seven bits are wanted")]
            fn encode(&self, out: &mut Vec<u8>) {
                let mut left = *self;
                while left >= 0x80 {
                    out.push((left & 0x7f) as u8 | 0x80);
                    left >>= 7;
                }
                out.push(left as u8);
            }

            fn encoded_len(&self) -> usize {
                // Zero takes one byte, too.
                let bit_len = (*self | 1).ilog2().saturating_add(1);
                bit_len.div_ceil(7) as usize
            }
        }

        impl Decode for $int {
            fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
                let what = stringify!($int);
                let mut value: $int = 0;
                let mut shift = 0_u32;
                let mut at = input;
                while let Some((byte, rest)) = at.split_first() {
                    let group = <$int>::from(byte & 0x7f);
                    let Some(placed) = group.checked_shl(shift).filter(|x| x >> shift == group)
                    else {
                        return fail(at, what, Bound::VarintOverflow);
                    };
                    value |= placed;
                    if byte & 0x80 == 0 {
                        if *byte == 0 && shift > 0 {
                            return fail(at, what, Bound::OverlongVarint);
                        }
                        return Ok((rest, value));
                    }
                    shift = shift.saturating_add(7);
                    at = rest;
                }
                fail(at, what, Bound::Truncated)
            }
        }
    )*};
}

varint!(u16, u32, u64, u128);

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode(out);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        self.as_ref()
            .map_or(0, Encode::encoded_len)
            .saturating_add(1)
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        match byte(input, "option")? {
            (rest, 0) => Ok((rest, None)),
            (rest, 1) => T::decode(rest).map(|(rest, value)| (rest, Some(value))),
            (_, tag) => fail(input, "option", Bound::UnknownTag(tag)),
        }
    }
}

/// Tuples are their fields in order, as a struct's are.
macro_rules! tuple {
    ($($field:ident $type:ident),*) => {
        impl<$($type: Encode),*> Encode for ($($type),*) {
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($field),*) = self;
                $($field.encode(out);)*
            }

            fn encoded_len(&self) -> usize {
                let ($($field),*) = self;
                0_usize$(.saturating_add($field.encoded_len()))*
            }
        }

        impl<$($type: Decode),*> Decode for ($($type),*) {
            fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
                let rest = input;
                $(let (rest, $field) = $type::decode(rest)?;)*
                Ok((rest, ($($field),*)))
            }
        }
    };
}

tuple!(a A, b B);
tuple!(a A, b B, c C);

/// Pointers are what they point to. They have no [`Decode`], so that no type becomes recursive by
/// accident and no input can make a parser recurse without bound.
macro_rules! pointer {
    ($($pointer:ty),*) => {$(
        impl<T: Encode + ?Sized> Encode for $pointer {
            fn encode(&self, out: &mut Vec<u8>) {
                (**self).encode(out);
            }

            fn encoded_len(&self) -> usize {
                (**self).encoded_len()
            }
        }
    )*};
}

pointer!(&T, Box<T>, Arc<T>);
