//! Tests by subject; `torsion` builds the crafted signatures that the others use too.

mod batches;
mod hashes;
mod keys;
mod torsion;
mod vectors;

use crate::PublicKey;

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    let digits = text.as_bytes().chunks(2);
    let bytes: Vec<u8> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

fn public_key(text: &str) -> PublicKey {
    PublicKey(unhex(text))
}
