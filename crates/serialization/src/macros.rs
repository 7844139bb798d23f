//! Codecs of structs and enums, written once.

/// Implements [`Encode`](crate::Encode) and [`Decode`](crate::Decode) of a struct: its fields in
/// the order given, all of which must be named.
///
/// A field alone uses its type's own codec. What has a length needs a maximum, a `usize` constant:
/// `seq(MAX)` for a `Vec<T>`, `bytes(MAX)` for a `Vec<u8>`, `text(MAX)` for a `String`, `map(MAX)`
/// for a `BTreeMap<K, V>`. `with(module)` uses `module::{encode, encoded_len, decode}`, of the same
/// shapes as the traits' functions. An error names `Type.field`.
///
/// ```
/// use picot_serialization::codec_struct;
///
/// struct Name { first: u64, many: Vec<u32>, memo: Vec<u8> }
/// codec_struct!(Name { first, many: seq(16), memo: bytes(64) });
///
/// struct Wrapper([u8; 32]);
/// codec_struct!(Wrapper(hash));
/// ```
#[macro_export]
macro_rules! codec_struct {
    ($name:ident { $($field:ident $(: $how:ident ($($arg:tt)+))?),* $(,)? }) => {
        $crate::__codec_struct!($name { $($field $(: $how ($($arg)+))?),* } { $($field),* });
    };
    ($name:ident ( $($field:ident $(: $how:ident ($($arg:tt)+))?),* $(,)? )) => {
        $crate::__codec_struct!($name { $($field $(: $how ($($arg)+))?),* } ( $($field),* ));
    };
}

/// The body of [`codec_struct!`]: `$shape` is both the pattern and the constructor's fields.
#[doc(hidden)]
#[macro_export]
macro_rules! __codec_struct {
    ($name:ident { $($field:ident $(: $how:ident ($($arg:tt)+))?),* } $shape:tt) => {
        impl $crate::Encode for $name {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                let $name $shape = self;
                $($crate::__encode_field!(out, $field $(, $how ($($arg)+))?);)*
            }

            fn encoded_len(&self) -> usize {
                let $name $shape = self;
                0_usize$(.saturating_add($crate::__field_len!($field $(, $how ($($arg)+))?)))*
            }
        }

        impl $crate::Decode for $name {
            fn decode(input: &[u8]) -> $crate::IResult<&[u8], Self, $crate::DecodeError> {
                let rest = input;
                $(let (rest, $field) = $crate::__decode_field!(
                    rest,
                    concat!(stringify!($name), ".", stringify!($field))
                    $(, $how ($($arg)+))?
                );)*
                Ok((rest, $name $shape))
            }
        }
    };
}

/// Implements [`Encode`](crate::Encode) and [`Decode`](crate::Decode) of an enum: a tag byte, then
/// the fields of the variant as in [`codec_struct!`](crate::codec_struct). An error names
/// `Type::Variant.field`.
///
/// ```
/// use picot_serialization::codec_enum;
///
/// enum Kind { Unit, Struct { x: u64, y: Vec<u32> }, Tuple(u16) }
/// codec_enum!(Kind { 0 => Unit, 1 => Struct { x, y: seq(8) }, 2 => Tuple(inner) });
/// ```
#[macro_export]
macro_rules! codec_enum {
    ($name:ident { $(
        $tag:literal => $variant:ident
        $({ $($field:ident $(: $how:ident ($($arg:tt)+))?),* $(,)? })?
        $(( $($inner:ident $(: $inner_how:ident ($($inner_arg:tt)+))?),* $(,)? ))?
    ),* $(,)? }) => {
        impl $crate::Encode for $name {
            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                match self {$(
                    Self::$variant $({ $($field),* })? $(( $($inner),* ))? => {
                        out.push($tag);
                        $($($crate::__encode_field!(out, $field $(, $how ($($arg)+))?);)*)?
                        $($($crate::__encode_field!(out, $inner $(, $inner_how ($($inner_arg)+))?);)*)?
                    }
                )*}
            }

            fn encoded_len(&self) -> usize {
                match self {$(
                    Self::$variant $({ $($field),* })? $(( $($inner),* ))? => {
                        1_usize
                        $($(.saturating_add($crate::__field_len!($field $(, $how ($($arg)+))?)))*)?
                        $($(.saturating_add(
                            $crate::__field_len!($inner $(, $inner_how ($($inner_arg)+))?)
                        ))*)?
                    }
                )*}
            }
        }

        impl $crate::Decode for $name {
            #[deny(unreachable_patterns)]
            fn decode(input: &[u8]) -> $crate::IResult<&[u8], Self, $crate::DecodeError> {
                let (rest, tag) = $crate::context(stringify!($name), <u8 as $crate::Decode>::decode(input))?;
                match tag {
                    $($tag => {
                        $($(let (rest, $field) = $crate::__decode_field!(
                            rest,
                            concat!(stringify!($name), "::", stringify!($variant), ".", stringify!($field))
                            $(, $how ($($arg)+))?
                        );)*)?
                        $($(let (rest, $inner) = $crate::__decode_field!(
                            rest,
                            concat!(stringify!($name), "::", stringify!($variant), ".", stringify!($inner))
                            $(, $inner_how ($($inner_arg)+))?
                        );)*)?
                        Ok((rest, Self::$variant $({ $($field),* })? $(( $($inner),* ))?))
                    })*
                    other => $crate::fail(input, stringify!($name), $crate::Bound::UnknownTag(other)),
                }
            }
        }
    };
}

/// Appends one field.
#[doc(hidden)]
#[macro_export]
macro_rules! __encode_field {
    ($out:ident, $field:ident) => {
        $crate::Encode::encode($field, $out)
    };
    ($out:ident, $field:ident, seq($max:expr)) => {
        $crate::encode_seq($field, $out)
    };
    ($out:ident, $field:ident, bytes($max:expr)) => {
        $crate::encode_bytes($field, $out)
    };
    ($out:ident, $field:ident, text($max:expr)) => {
        $crate::encode_text($field, $out)
    };
    ($out:ident, $field:ident, map($max:expr)) => {
        $crate::encode_map($field, $out)
    };
    ($out:ident, $field:ident, with($($module:tt)+)) => {
        $($module)+::encode($field, $out)
    };
}

/// The length of one field.
#[doc(hidden)]
#[macro_export]
macro_rules! __field_len {
    ($field:ident) => {
        $crate::Encode::encoded_len($field)
    };
    ($field:ident, seq($max:expr)) => {
        $crate::seq_len($field)
    };
    ($field:ident, bytes($max:expr)) => {
        $crate::bytes_len($field)
    };
    ($field:ident, text($max:expr)) => {
        $crate::text_len($field)
    };
    ($field:ident, map($max:expr)) => {
        $crate::map_len($field)
    };
    ($field:ident, with($($module:tt)+)) => {
        $($module)+::encoded_len($field)
    };
}

/// Reads one field, or returns from the parser.
#[doc(hidden)]
#[macro_export]
macro_rules! __decode_field {
    ($rest:ident, $what:expr) => {
        $crate::context($what, $crate::Decode::decode($rest))?
    };
    ($rest:ident, $what:expr, seq($max:expr)) => {
        $crate::decode_seq($rest, $max, $what)?
    };
    ($rest:ident, $what:expr, bytes($max:expr)) => {{
        let (rest, bytes) = $crate::decode_bytes($rest, $max, $what)?;
        (rest, bytes.to_vec())
    }};
    ($rest:ident, $what:expr, text($max:expr)) => {{
        let (rest, text) = $crate::decode_text($rest, $max, $what)?;
        (rest, ::std::string::String::from(text))
    }};
    ($rest:ident, $what:expr, map($max:expr)) => {
        $crate::decode_map($rest, $max, $what)?
    };
    ($rest:ident, $what:expr, with($($module:tt)+)) => {
        $crate::context($what, $($module)+::decode($rest))?
    };
}
