//! The keys themselves, and their bytes under the encryption.

use crate::WalletError;
use picot_models::{Address, SecretKey};
use picot_serialization::{Decode, Encode, decode_seq, encode_seq, seq_len};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The most keys of one wallet.
pub const MAX_KEYS: usize = 1_024;

/// Keys by address. They are erased from memory when dropped.
#[derive(Clone, Default)]
pub(crate) struct Keys(BTreeMap<Address, SecretKey>);

/// One secret key of the plaintext.
struct Seed(Zeroizing<[u8; 32]>);

impl Encode for Seed {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }
}

impl Decode for Seed {
    fn decode(
        input: &[u8],
    ) -> picot_serialization::IResult<&[u8], Self, picot_serialization::DecodeError> {
        let (rest, seed) = Decode::decode(input)?;
        Ok((rest, Self(Zeroizing::new(seed))))
    }
}

impl Keys {
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn get(&self, address: &Address) -> Result<&SecretKey, WalletError> {
        self.0
            .get(address)
            .ok_or_else(|| WalletError::UnknownAddress(Box::new(*address)))
    }

    pub(crate) fn with(&self, key: SecretKey) -> Result<(Self, Address), WalletError> {
        let address = Address::new_owner(&key.public_key()).map_err(|_| WalletError::WeakKey)?;
        if self.0.contains_key(&address) {
            return Err(WalletError::DuplicateKey(Box::new(address)));
        }
        if self.0.len() >= MAX_KEYS {
            return Err(WalletError::Full(MAX_KEYS));
        }
        let mut keys = self.clone();
        keys.0.insert(address, key);
        Ok((keys, address))
    }

    pub(crate) fn without(&self, address: &Address) -> Result<Self, WalletError> {
        self.get(address)?;
        let mut keys = self.clone();
        keys.0.remove(address);
        Ok(keys)
    }

    /// The plaintext: the secret keys in ascending order of their addresses.
    pub(crate) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        let seeds: Vec<_> = self.0.values().map(|key| Seed(key.to_bytes())).collect();
        // Of the right capacity from the start, so that growing leaves no copies behind.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(seq_len(&seeds)));
        encode_seq(&seeds, &mut plaintext);
        plaintext
    }

    /// `None` if it is not a plaintext that this program wrote.
    pub(crate) fn from_plaintext(plaintext: &[u8]) -> Option<Self> {
        let ([], seeds) = decode_seq::<Seed>(plaintext, MAX_KEYS, "wallet keys").ok()? else {
            return None;
        };
        let keys = seeds.iter().map(|seed| {
            let key = SecretKey::from_seed(*seed.0);
            (Address::of_key(&key.public_key()), key)
        });
        Some(Self(keys.collect()))
    }
}
