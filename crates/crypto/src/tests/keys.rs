//! Keys, signing and the cache of keys.

use picot_serialization::testing::{check_canonical, check_value};
use proptest::prelude::*;
use zeroize::ZeroizeOnDrop;

use super::torsion::small_order_encodings;
use crate::mocks::{hash, secret_key};
use crate::{CryptoError, KeyCache, PublicKey, SecretKey, Signature, VerifyingKey, is_small_order};

#[test]
fn a_secret_key_is_erased_when_dropped() {
    fn is_erased<T: ZeroizeOnDrop>() {}
    is_erased::<SecretKey>();
    is_erased::<ed25519_dalek::SigningKey>();
}

#[test]
fn a_secret_key_is_not_printed() {
    assert_eq!(format!("{:?}", secret_key(1)), "SecretKey(..)");
}

#[test]
fn a_secret_key_can_be_exported_and_read_back() {
    let exported = secret_key(7).to_bytes();
    assert_eq!(
        SecretKey::from_seed(*exported).public_key(),
        secret_key(7).public_key()
    );
}

#[test]
fn signing_twice_gives_the_same_signature() {
    assert_eq!(secret_key(1).sign(&hash(1)), secret_key(1).sign(&hash(1)));
    assert_ne!(secret_key(1).sign(&hash(1)), secret_key(1).sign(&hash(2)));
}

#[test]
fn a_signature_is_of_one_message_and_one_key() {
    let signature = secret_key(1).sign(&hash(1));
    let (one, two) = (secret_key(1).public_key(), secret_key(2).public_key());
    assert_eq!(one.verify(&hash(1), &signature), Ok(()));
    assert_eq!(
        one.verify(&hash(2), &signature),
        Err(CryptoError::WrongSignature(one))
    );
    assert_eq!(
        two.verify(&hash(1), &signature),
        Err(CryptoError::WrongSignature(two))
    );
}

#[test]
fn no_address_is_made_from_a_key_of_small_order() {
    let encodings = small_order_encodings();
    for key in encodings {
        assert!(is_small_order(&key));
        assert_eq!(
            key.check_for_address(),
            Err(CryptoError::SmallOrderKey(key))
        );
    }
    assert_eq!(secret_key(1).public_key().check_for_address(), Ok(()));
    assert!(!is_small_order(&secret_key(1).public_key()));
}

#[test]
fn no_address_is_made_from_bytes_that_are_not_a_point() {
    // The smallest y that no point of the curve has.
    let mut bytes = [0; 32];
    bytes[0] = 2;
    let key = PublicKey(bytes);
    assert_eq!(
        key.check_for_address(),
        Err(CryptoError::KeyNotOnCurve(key))
    );
    assert!(!is_small_order(&key));
}

#[test]
fn the_cache_never_holds_more_keys_than_its_capacity() {
    let mut cache = KeyCache::new(10);
    for index in 0..50 {
        let public_key = secret_key(index).public_key();
        assert_eq!(
            cache.get_or_insert(&public_key).unwrap().public_key(),
            public_key
        );
        assert_eq!(
            cache.get(&public_key),
            VerifyingKey::try_from(public_key).ok()
        );
        assert!(cache.len() <= 10, "{} keys", cache.len());
    }
    assert_eq!(cache.get(&secret_key(0).public_key()), None);
}

#[test]
fn the_cache_keeps_a_key_that_is_used() {
    let mut cache = KeyCache::new(4);
    let used = secret_key(0).public_key();
    for index in 1..50 {
        cache.get_or_insert(&used).unwrap();
        cache
            .get_or_insert(&secret_key(index).public_key())
            .unwrap();
        assert!(cache.get(&used).is_some(), "after {index} other keys");
    }
}

#[test]
fn the_cache_refuses_what_is_not_a_key() {
    let mut cache = KeyCache::new(4);
    let key = PublicKey([2; 32]);
    assert_eq!(
        VerifyingKey::try_from(&key).is_ok(),
        cache.get_or_insert(&key).is_ok()
    );
    let mut bytes = [0; 32];
    bytes[0] = 2;
    assert!(cache.get_or_insert(&PublicKey(bytes)).is_err());
    assert!(cache.get(&PublicKey(bytes)).is_none());
}

proptest! {
    #[test]
    fn keys_and_signatures_keep_the_codec_laws(bytes: [u8; 32], random: Vec<u8>) {
        check_value(&PublicKey(bytes));
        check_value(&Signature([bytes, bytes].concat().try_into().unwrap()));
        check_canonical::<PublicKey>(&random);
        check_canonical::<Signature>(&random);
    }

    #[test]
    fn what_is_signed_is_valid(seed: [u8; 32], message: [u8; 32]) {
        let (key, message) = (SecretKey::from_seed(seed), message.into());
        prop_assert_eq!(key.public_key().verify(&message, &key.sign(&message)), Ok(()));
        prop_assert_eq!(key.public_key().check_for_address(), Ok(()));
    }

    #[test]
    fn random_bytes_never_panic(key: [u8; 32], message: [u8; 32], r: [u8; 32], s: [u8; 32]) {
        let signature = Signature([r, s].concat().try_into().unwrap());
        prop_assert!(PublicKey(key).verify(&message.into(), &signature).is_err());
    }
}
