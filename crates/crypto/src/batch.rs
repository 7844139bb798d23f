//! Many signatures at once: the same set as one at a time, in less than half the time.
//!
//! With a random `z` for each signature, all equations of a batch hold if and only if their sum
//! weighted by `z` does, but for a chance of 2⁻¹²⁸:
//! `[8](Σ[z]R + Σ[z·k]A − [Σz·S]B) = 0`. The factor 8 is also in the single equation, which is what
//! makes the two agree on keys and commitments with components of small order. The `z` are derived
//! from a hash of all that is verified, so that they are fixed only after the signatures are, and
//! nobody needs a generator.

use std::collections::BTreeMap;
use std::iter::{once, repeat_n};

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use displaydoc::Display;
use rayon::prelude::*;
use thiserror::Error;

use crate::verify::{Opened, open};
use crate::{Context, Hash, Hasher, PublicKey, Signature, VerifyingKey};

/// The least signatures that are worth a thread's while.
const MIN_SHARE: usize = 64;
/// The most signatures in one equation: more is hardly faster, and memory grows with it.
const MAX_SHARE: usize = 4_096;
/// Up to so many suspects are verified one at a time.
const MAX_SUSPECTS: usize = 4;
/// How often, on average, a signature of a failed batch is in an equation of the bisection before it
/// is verified alone. One bad entry needs 2; a batch of bad ones must not cost much more than single
/// verification.
const BISECTION_ROUNDS: usize = 3;

/// One signature to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchEntry {
    /// What was signed: the id of the object.
    pub message: Hash,
    /// Who signed.
    pub public_key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

/// signatures {bad:?} of the batch are not valid
#[derive(Debug, Display, Error, Clone, PartialEq, Eq)]
pub struct BatchError {
    /// The indices of all entries that are not valid, ascending.
    pub bad: Vec<usize>,
}

/// Verifies all entries, on all threads of the current `rayon` pool where that pays.
///
/// The verdict on each entry is that of [`PublicKey::verify`].
///
/// # Errors
/// Which entries are not valid.
pub fn verify_batch(entries: &[BatchEntry]) -> Result<(), BatchError> {
    verify_batch_with_keys(entries, |_| None)
}

/// As [`verify_batch`], asking `known` for keys that are already decompressed.
///
/// # Errors
/// Which entries are not valid.
pub fn verify_batch_with_keys<F>(entries: &[BatchEntry], known: F) -> Result<(), BatchError>
where
    F: Fn(&PublicKey) -> Option<VerifyingKey> + Sync,
{
    let threads = rayon::current_num_threads().max(1);
    let share = entries.len().div_ceil(threads).clamp(MIN_SHARE, MAX_SHARE);
    if entries.len() <= share {
        return verdict(bad_entries(entries, &known));
    }
    let bad_by_share: Vec<_> = entries
        .par_chunks(share)
        .map(|entries| bad_entries(entries, &known))
        .collect();
    verdict(join_shares(bad_by_share, share))
}

/// As [`verify_batch`], on the calling thread alone.
///
/// # Errors
/// Which entries are not valid.
pub fn verify_batch_sequential(entries: &[BatchEntry]) -> Result<(), BatchError> {
    let bad = entries
        .chunks(MAX_SHARE)
        .map(|entries| bad_entries(entries, &|_| None))
        .collect();
    verdict(join_shares(bad, MAX_SHARE))
}

fn verdict(bad: Vec<usize>) -> Result<(), BatchError> {
    if bad.is_empty() {
        Ok(())
    } else {
        Err(BatchError { bad })
    }
}

/// Turns indices in shares of `share` entries into indices in the batch.
fn join_shares(bad_by_share: Vec<Vec<usize>>, share: usize) -> Vec<usize> {
    let starts = (0_usize..).step_by(share);
    let located = starts.zip(bad_by_share);
    located
        .flat_map(|(start, bad)| {
            bad.into_iter()
                .map(move |index| start.saturating_add(index))
        })
        .collect()
}

/// The indices of the entries that are not valid, ascending.
fn bad_entries<F>(entries: &[BatchEntry], known: &F) -> Vec<usize>
where
    F: Fn(&PublicKey) -> Option<VerifyingKey>,
{
    let (equations, mut bad) = Equations::new(entries, known);
    let all = equations.terms.as_slice();
    if !equations.hold(all) {
        let mut budget = all.len().saturating_mul(BISECTION_ROUNDS);
        equations.find_bad(all, &mut budget, &mut bad);
        bad.sort_unstable();
    }
    bad
}

/// The equation of one entry, weighted.
struct Term {
    /// The entry's place in the batch.
    index: usize,
    /// The key's place among the distinct keys.
    key: usize,
    opened: Opened,
    /// The coefficient `z`.
    weight: Scalar,
}

/// The equations of all entries whose encodings are valid.
struct Equations {
    terms: Vec<Term>,
    keys: Vec<VerifyingKey>,
}

impl Equations {
    /// Reads the encodings, and gives the indices of the entries that have invalid ones.
    fn new<F>(entries: &[BatchEntry], known: &F) -> (Self, Vec<usize>)
    where
        F: Fn(&PublicKey) -> Option<VerifyingKey>,
    {
        let mut places = BTreeMap::new();
        let mut keys = Vec::new();
        let mut terms = Vec::with_capacity(entries.len());
        let mut bad = Vec::new();
        for (index, (entry, weight)) in entries.iter().zip(weights(entries)).enumerate() {
            let key = *places.entry(entry.public_key).or_insert_with(|| {
                let key = known(&entry.public_key)
                    .filter(|key| key.public_key() == entry.public_key)
                    .or_else(|| VerifyingKey::try_from(&entry.public_key).ok())?;
                keys.push(key);
                keys.len().checked_sub(1)
            });
            let opened = open(
                &entry.public_key,
                entry.message.as_bytes(),
                &entry.signature,
            );
            match (key, opened) {
                (Some(key), Ok(opened)) => terms.push(Term {
                    index,
                    key,
                    opened,
                    weight,
                }),
                _ => bad.push(index),
            }
        }
        (Self { terms, keys }, bad)
    }

    /// Whether all of `terms` hold, by the sum of their weighted equations.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "scalars of a field: nothing overflows"
    )]
    fn hold(&self, terms: &[Term]) -> bool {
        if let [term] = terms {
            return self.holds(term);
        }
        let mut base = Scalar::ZERO;
        let mut by_key: Vec<Scalar> = repeat_n(Scalar::ZERO, self.keys.len()).collect();
        for term in terms {
            base -= term.weight * term.opened.response;
            if let Some(sum) = by_key.get_mut(term.key) {
                *sum += term.weight * term.opened.challenge;
            }
        }
        let used: Vec<(Scalar, EdwardsPoint)> = by_key
            .into_iter()
            .zip(&self.keys)
            .filter(|(sum, _)| *sum != Scalar::ZERO)
            .map(|(sum, key)| (sum, key.point()))
            .chain(once((base, ED25519_BASEPOINT_POINT)))
            .chain(
                terms
                    .iter()
                    .map(|term| (term.weight, term.opened.commitment)),
            )
            .collect();
        EdwardsPoint::vartime_multiscalar_mul(
            used.iter().map(|(scalar, _)| scalar),
            used.iter().map(|(_, point)| point),
        )
        .mul_by_cofactor()
        .is_identity()
    }

    /// Whether one term holds, by the single equation.
    fn holds(&self, term: &Term) -> bool {
        self.keys
            .get(term.key)
            .is_some_and(|key| key.satisfies(&term.opened))
    }

    /// Adds to `bad` the indices of the terms that do not hold; it is known that there is one.
    fn find_bad(&self, terms: &[Term], budget: &mut usize, bad: &mut Vec<usize>) {
        let affordable = budget.checked_sub(terms.len());
        let (Some(left_over), false) = (affordable, terms.len() <= MAX_SUSPECTS) else {
            bad.extend(
                terms
                    .iter()
                    .filter(|term| !self.holds(term))
                    .map(|term| term.index),
            );
            return;
        };
        *budget = left_over;
        let (left, right) = terms.split_at(terms.len().div_euclid(2));
        let left_holds = self.hold(left);
        if !left_holds {
            self.find_bad(left, budget, bad);
        }
        // If the left half holds, the bad one is in the right half.
        if left_holds || !self.hold(right) {
            self.find_bad(right, budget, bad);
        }
    }
}

/// Whether the one equation of all entries accepts them, without a second look at any.
#[cfg(test)]
pub(crate) fn one_equation_accepts(entries: &[BatchEntry]) -> bool {
    let (equations, bad) = Equations::new(entries, &|_| None);
    bad.is_empty() && equations.hold(&equations.terms)
}

/// The coefficients of the entries: 128 bits each, from a hash of the whole batch.
fn weights(entries: &[BatchEntry]) -> impl Iterator<Item = Scalar> {
    let mut hasher = Hasher::new(Context::BatchCoefficients);
    for entry in entries {
        hasher
            .update(&entry.message.0)
            .update(&entry.public_key.0)
            .update(&entry.signature.0);
    }
    let mut output = hasher.finalize_xof();
    std::iter::repeat_with(move || {
        let mut bytes = [0; 16];
        output.fill(&mut bytes);
        Scalar::from(u128::from_le_bytes(bytes))
    })
}
