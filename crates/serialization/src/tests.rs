//! The laws over all implementations, and each rule of design 02, 'Canonical bytes'.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::testing::{check_canonical, check_value};
use crate::{
    Bound, Decode, DecodeError, Encode, IResult, bits_len, codec_enum, codec_struct, decode_bits,
    decode_exact, decode_map, decode_seq, encode_bits, encode_seq,
};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Everything {
    raw: u8,
    flag: bool,
    small: u16,
    number: u32,
    large: u64,
    huge: u128,
    array: [u8; 3],
    maybe: Option<u64>,
    pair: (u16, bool),
    triple: (u8, u32, Option<bool>),
    many: Vec<Pair>,
    blob: Vec<u8>,
    name: String,
    table: BTreeMap<u32, Pair>,
    bits: Bits,
}
codec_struct!(Everything {
    raw,
    flag,
    small,
    number,
    large,
    huge,
    array,
    maybe,
    pair,
    triple,
    many: seq(MAX_MANY),
    blob: bytes(20),
    name: text(30),
    table: map(2 + 3),
    bits: with(bits),
});
const MAX_MANY: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pair(u64, bool);
codec_struct!(Pair(number, flag));

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Bits {
    len: usize,
    bytes: Vec<u8>,
}

/// A codec of a field by its own functions.
mod bits {
    use super::*;

    pub(super) fn encode(bits: &Bits, out: &mut Vec<u8>) {
        encode_bits(bits.len, &bits.bytes, out);
    }

    pub(super) fn encoded_len(bits: &Bits) -> usize {
        bits_len(bits.len)
    }

    pub(super) fn decode(input: &[u8]) -> IResult<&[u8], Bits, DecodeError> {
        let (rest, (len, bytes)) = decode_bits(input, 100, "bits")?;
        Ok((
            rest,
            Bits {
                len,
                bytes: bytes.to_vec(),
            },
        ))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Unit,
    Struct { x: u64, y: Vec<u16> },
    Tuple(Pair, Vec<u8>),
    Last,
}
codec_enum!(Choice {
    0 => Unit,
    1 => Struct { x, y: seq(4) },
    2 => Tuple(pair, blob: bytes(4)),
    255 => Last,
});

fn pairs() -> impl Strategy<Value = Pair> {
    (any::<u64>(), any::<bool>()).prop_map(|(number, flag)| Pair(number, flag))
}

fn bit_sequences() -> impl Strategy<Value = Bits> {
    vec(any::<bool>(), 0..=100).prop_map(|bits| {
        let mut bytes = vec![0; bits.len().div_ceil(8)];
        for (index, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
            bytes[index / 8] |= 1 << (index % 8);
        }
        Bits {
            len: bits.len(),
            bytes,
        }
    })
}

fn everything() -> impl Strategy<Value = Everything> {
    let numbers = (
        any::<u8>(),
        any::<bool>(),
        any::<u16>(),
        any::<u32>(),
        any::<u64>(),
    );
    let parts = (
        any::<u128>(),
        any::<[u8; 3]>(),
        any::<Option<u64>>(),
        any::<(u16, bool)>(),
        any::<(u8, u32, Option<bool>)>(),
    );
    let lists = (
        vec(pairs(), 0..=MAX_MANY),
        vec(any::<u8>(), 0..=20),
        "\\PC{0,7}",
        btree_map(any::<u32>(), pairs(), 0..=5),
        bit_sequences(),
    );
    (numbers, parts, lists).prop_map(|(numbers, parts, lists)| {
        let (raw, flag, small, number, large) = numbers;
        let (huge, array, maybe, pair, triple) = parts;
        let (many, blob, name, table, bits) = lists;
        Everything {
            raw,
            flag,
            small,
            number,
            large,
            huge,
            array,
            maybe,
            pair,
            triple,
            many,
            blob,
            name,
            table,
            bits,
        }
    })
}

fn choices() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Unit),
        (any::<u64>(), vec(any::<u16>(), 0..=4)).prop_map(|(x, y)| Choice::Struct { x, y }),
        (pairs(), vec(any::<u8>(), 0..=4)).prop_map(|(pair, blob)| Choice::Tuple(pair, blob)),
        Just(Choice::Last),
    ]
}

/// Random bytes, many of them small, so that lengths and tags are often plausible.
fn plausible_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..60)
}

proptest! {
    #[test]
    fn integers_keep_the_laws(a: u8, b: u16, c: u32, d: u64, e: u128, shift in 0_u32..128) {
        check_value(&a);
        check_value(&(b >> (shift % 16)));
        check_value(&(c >> (shift % 32)));
        check_value(&(d >> (shift % 64)));
        check_value(&(e >> shift));
    }

    #[test]
    fn parts_keep_the_laws(
        flag: bool, array: [u8; 7], maybe: Option<u32>, pair: (u64, Option<bool>),
        triple: (u16, bool, [u8; 2]),
    ) {
        check_value(&flag);
        check_value(&array);
        check_value(&maybe);
        check_value(&pair);
        check_value(&triple);
    }

    #[test]
    fn structs_keep_the_laws(value in everything()) {
        check_value(&value);
    }

    #[test]
    fn enums_keep_the_laws(value in choices()) {
        check_value(&value);
    }

    #[test]
    fn random_bytes_never_panic_and_are_canonical_if_accepted(
        bytes in prop_oneof![plausible_bytes(), vec(any::<u8>(), 0..40)],
    ) {
        check_canonical::<u8>(&bytes);
        check_canonical::<bool>(&bytes);
        check_canonical::<u16>(&bytes);
        check_canonical::<u32>(&bytes);
        check_canonical::<u64>(&bytes);
        check_canonical::<u128>(&bytes);
        check_canonical::<[u8; 5]>(&bytes);
        check_canonical::<Option<Option<u64>>>(&bytes);
        check_canonical::<(u64, bool)>(&bytes);
        check_canonical::<(u8, u16, u32)>(&bytes);
        check_canonical::<Everything>(&bytes);
        check_canonical::<Choice>(&bytes);
        check_canonical::<Whole>(&bytes);
    }

    #[test]
    fn spoiled_encodings_never_panic_and_are_canonical_if_accepted(
        value in everything(), index: prop::sample::Index, byte: u8,
    ) {
        let mut bytes = value.to_bytes();
        let index = index.index(bytes.len());
        bytes[index] = byte;
        check_canonical::<Everything>(&bytes);
    }
}

/// Nothing but collections, so that random bytes are accepted often.
struct Whole {
    many: Vec<u16>,
    table: BTreeMap<u8, bool>,
    bits: Bits,
}
codec_struct!(Whole {
    many: seq(10),
    table: map(10),
    bits: with(bits)
});

fn refused<T: Decode + Debug>(bytes: &[u8]) -> (Option<usize>, Bound) {
    let error = decode_exact::<T>(bytes).unwrap_err();
    (error.offset(), error.bound())
}

#[test]
fn integers_are_leb128_varints() {
    assert_eq!(0_u64.to_bytes(), [0]);
    assert_eq!(127_u16.to_bytes(), [0x7f]);
    assert_eq!(128_u32.to_bytes(), [0x80, 1]);
    // The example of DWARF 4, figure 22, and of the WebAssembly specification.
    assert_eq!(624_485_u64.to_bytes(), [0xe5, 0x8e, 0x26]);
    assert_eq!(u64::MAX.to_bytes().len(), 10);
    assert_eq!(u128::MAX.to_bytes().len(), 19);
}

#[test]
fn only_the_shortest_form_of_an_integer_is_accepted() {
    assert_eq!(refused::<u64>(&[0x80, 0]), (Some(1), Bound::OverlongVarint));
    assert_eq!(
        refused::<u16>(&[0xff, 0x80, 0]),
        (Some(2), Bound::OverlongVarint)
    );
}

#[test]
fn an_integer_past_its_type_is_refused() {
    assert_eq!(
        refused::<u16>(&[0xff, 0xff, 4]),
        (Some(2), Bound::VarintOverflow)
    );
    assert_eq!(decode_exact::<u16>(&[0xff, 0xff, 3]), Ok(u16::MAX));
    let endless = [0xff; 100];
    assert_eq!(refused::<u64>(&endless), (Some(9), Bound::VarintOverflow));
    assert_eq!(refused::<u128>(&endless), (Some(18), Bound::VarintOverflow));
}

#[test]
fn a_boolean_and_an_option_are_one_byte_0_or_1() {
    assert_eq!(refused::<bool>(&[2]), (Some(0), Bound::UnknownTag(2)));
    assert_eq!(
        refused::<Option<u8>>(&[2, 7]),
        (Some(0), Bound::UnknownTag(2))
    );
    assert_eq!(Some(7_u8).to_bytes(), [1, 7]);
}

#[test]
fn trailing_bytes_are_refused() {
    assert_eq!(
        refused::<u8>(&[1, 2, 3]),
        (Some(1), Bound::TrailingBytes { count: 2 })
    );
}

#[test]
fn a_truncated_value_is_refused_at_the_end_of_the_input() {
    assert_eq!(refused::<[u8; 4]>(&[1, 2]), (Some(2), Bound::Truncated));
    assert_eq!(refused::<u64>(&[0x80, 0x80]), (Some(2), Bound::Truncated));
    assert_eq!(refused::<(u8, bool)>(&[1]), (Some(1), Bound::Truncated));
}

#[test]
fn a_length_above_the_maximum_is_refused_before_the_items() {
    let bytes = (MAX_MANY as u64 + 1).to_bytes();
    let error = decode_seq::<u8>(&bytes, MAX_MANY, "list").unwrap_err();
    let nom::Err::Error(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.what(), "list");
    assert_eq!(error.bound(), Bound::TooLong { len: 6, max: 5 });
}

#[test]
fn a_length_that_the_input_cannot_hold_allocates_nothing() {
    let bytes = [u64::MAX.to_bytes(), vec![1; 50]].concat();
    assert!(decode_seq::<[u8; 32]>(&bytes, usize::MAX, "list").is_err());
    assert!(decode_map::<u64, u64>(&bytes, usize::MAX, "map").is_err());
    assert!(decode_bits(&bytes, usize::MAX, "bits").is_err());
}

/// One byte on the wire, a kilobyte in memory.
#[derive(Clone)]
struct Bulky([u8; 1024]);

impl Decode for Bulky {
    fn decode(input: &[u8]) -> IResult<&[u8], Self, DecodeError> {
        u8::decode(input).map(|(rest, byte)| (rest, Self([byte; 1024])))
    }
}

#[test]
fn items_that_are_large_in_memory_are_not_allocated_in_advance() {
    let bytes = [1_000_u64.to_bytes(), vec![7; 1_000]].concat();
    let (rest, items) = decode_seq::<Bulky>(&bytes, 1_000, "list").unwrap();
    assert!(rest.is_empty());
    // 1,000 items were won by doubling: had they been allocated at once, nothing would be spare.
    assert!(items.capacity() > 1_000, "capacity {}", items.capacity());
    assert!(items.iter().all(|item| item.0 == [7; 1024]));
}

#[test]
fn the_keys_of_a_map_ascend_strictly() {
    let descending = [2, 5, 0, 4, 0];
    let twice = [2, 5, 0, 5, 0];
    for bytes in [descending, twice] {
        let error = decode_map::<u8, bool>(&bytes, 9, "map").unwrap_err();
        let nom::Err::Error(error) = error else {
            panic!("{error:?}")
        };
        let error = error.located(bytes.len());
        assert_eq!(
            (error.offset(), error.bound()),
            (Some(3), Bound::UnorderedKeys)
        );
    }
}

#[test]
fn unused_bits_are_zero() {
    assert!(decode_bits(&[3, 0b0000_0111], 8, "bits").is_ok());
    assert!(decode_bits(&[8, 0b1111_1111], 8, "bits").is_ok());
    let error = decode_bits(&[9, 0, 0b10], 9, "bits").unwrap_err();
    let nom::Err::Error(error) = error else {
        panic!("{error:?}")
    };
    let error = error.located(3);
    assert_eq!(
        (error.offset(), error.bound()),
        (Some(2), Bound::UnusedBits)
    );
}

#[test]
fn an_encoder_clears_unused_bits_and_fills_missing_bytes() {
    let mut out = Vec::new();
    encode_bits(3, &[0xff, 0xff], &mut out);
    encode_bits(10, &[0xff], &mut out);
    encode_bits(0, &[0xff], &mut out);
    assert_eq!(out, [3, 7, 10, 0xff, 0, 0]);
}

#[test]
fn an_enum_is_its_tag_byte_and_fields() {
    assert_eq!(Choice::Last.to_bytes(), [255]);
    assert_eq!(
        Choice::Struct { x: 300, y: vec![1] }.to_bytes(),
        [1, 0xac, 2, 1, 1]
    );
    assert_eq!(refused::<Choice>(&[3]), (Some(0), Bound::UnknownTag(3)));
}

#[test]
fn text_is_utf8() {
    let error = crate::decode_text(&[2, 0xc3, 0x28], 9, "name").unwrap_err();
    let nom::Err::Error(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.bound(), Bound::NotUtf8);
}

#[test]
fn an_error_names_what_was_read_where_and_which_bound_broke() {
    let error = decode_exact::<Choice>(&[1, 5, 1, 0x80, 0]).unwrap_err();
    assert_eq!(
        error.path().collect::<Vec<_>>(),
        ["Choice::Struct.y", "u16"]
    );
    assert_eq!(
        error.to_string(),
        "cannot read Choice::Struct.y > u16 at byte 4: the varint is not in its shortest form",
    );
    let error = decode_exact::<Choice>(&[1, 5, 9]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read Choice::Struct.y at byte 2: the length 9 is above the maximum 4",
    );
}

#[test]
fn pointers_are_what_they_point_to() {
    let value = Pair(9, true);
    let bytes = value.to_bytes();
    assert_eq!(Encode::to_bytes(&&value), bytes);
    assert_eq!(Box::new(value.clone()).to_bytes(), bytes);
    assert_eq!(Arc::new(value.clone()).to_bytes(), bytes);
    let dynamic: Arc<dyn Encode> = Arc::new(value);
    assert_eq!((dynamic.to_bytes(), dynamic.encoded_len()), (bytes, 2));
}

#[test]
fn sequences_of_references_encode_as_sequences_of_values() {
    let (values, mut a, mut b) = ([Pair(1, true), Pair(2, false)], Vec::new(), Vec::new());
    encode_seq(&values, &mut a);
    encode_seq(&values.iter().collect::<Vec<_>>(), &mut b);
    assert_eq!(a, b);
}

#[test]
fn nom_combinators_work_with_the_error() {
    use nom::Parser;
    let mut parser = nom::multi::count(u16::decode, 2);
    assert_eq!(parser.parse(&[1, 2, 3][..]), Ok((&[3][..], vec![1, 2])));
    let taken: IResult<&[u8], &[u8], DecodeError> = nom::bytes::complete::take(4_usize)(&[1][..]);
    let Err(nom::Err::Error(error)) = taken else {
        panic!("{taken:?}")
    };
    assert_eq!(error.bound(), Bound::Truncated);
}
