//! The votes of one slot, collected unverified and verified together when they could complete a
//! quorum (design 07, 'Bounds and cost').
//!
//! Per validator, round and kind there is one place. A second, different vote for a filled place
//! makes both be verified at once: either one is bad and goes, or the two prove a fault.

use crate::{Peer, Verifier, rules};
use picot_models::{
    Ballot, Certificate, CertificateSubject, SignedVote, ThreadDigest, ValidatorSet,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The three kinds of votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Notarise,
    Nullify,
    Finalise,
}

impl Kind {
    const fn of(ballot: &Ballot) -> Self {
        match ballot {
            Ballot::Notarise { .. } => Self::Notarise,
            Ballot::Nullify => Self::Nullify,
            Ballot::Finalise { .. } => Self::Finalise,
        }
    }

    /// The kinds of which a vote may contradict one of this kind.
    const fn rivals(self) -> &'static [Self] {
        match self {
            Self::Notarise => &[Self::Notarise],
            Self::Nullify => &[Self::Nullify, Self::Finalise],
            Self::Finalise => &[Self::Finalise, Self::Nullify],
        }
    }
}

#[derive(Debug, Clone)]
struct Place {
    vote: SignedVote,
    from: Option<Peer>,
    verified: bool,
}

/// What came of a vote that was offered.
#[derive(Debug, Default)]
pub(crate) struct Added {
    /// Whether it is in the collection now and was not before.
    pub(crate) stored: bool,
    /// Two verified votes of one validator that contradict each other.
    pub(crate) fault: Option<Box<(SignedVote, SignedVote)>>,
    /// Who sent votes with bad signatures.
    pub(crate) blamed: Vec<Peer>,
}

#[derive(Debug)]
struct OfRound {
    notarise: Vec<Option<Box<Place>>>,
    nullify: Vec<Option<Box<Place>>>,
    finalise: Vec<Option<Box<Place>>>,
    /// The weight of the votes in the places, verified or not.
    weights: BTreeMap<CertificateSubject, u64>,
    /// Validators that are proven to have contradicted themselves in this round.
    faulty: BTreeSet<usize>,
}

impl OfRound {
    fn new(validators: usize) -> Self {
        let places = || std::iter::repeat_with(|| None).take(validators).collect();
        Self {
            notarise: places(),
            nullify: places(),
            finalise: places(),
            weights: BTreeMap::new(),
            faulty: BTreeSet::new(),
        }
    }

    const fn places(&self, kind: Kind) -> &Vec<Option<Box<Place>>> {
        match kind {
            Kind::Notarise => &self.notarise,
            Kind::Nullify => &self.nullify,
            Kind::Finalise => &self.finalise,
        }
    }

    fn place_mut(&mut self, kind: Kind, index: usize) -> Option<&mut Option<Box<Place>>> {
        match kind {
            Kind::Notarise => self.notarise.get_mut(index),
            Kind::Nullify => self.nullify.get_mut(index),
            Kind::Finalise => self.finalise.get_mut(index),
        }
    }

    fn place(&self, kind: Kind, index: usize) -> Option<&Place> {
        self.places(kind).get(index)?.as_deref()
    }

    fn store(&mut self, index: usize, power: u64, place: Place) {
        let ballot = place.vote.content().ballot;
        let subject = CertificateSubject::of_ballot(&ballot);
        if let Some(empty) = self.place_mut(Kind::of(&ballot), index) {
            *empty = Some(Box::new(place));
            let weight = self.weights.entry(subject).or_default();
            *weight = weight.saturating_add(power);
        }
    }

    fn remove(&mut self, kind: Kind, index: usize, power: u64) -> Option<Peer> {
        let place = self.place_mut(kind, index)?.take()?;
        let subject = CertificateSubject::of_ballot(&place.vote.content().ballot);
        if let Some(weight) = self.weights.get_mut(&subject) {
            *weight = weight.saturating_sub(power);
            if *weight == 0 {
                self.weights.remove(&subject);
            }
        }
        place.from
    }

    /// The places of a subject: validator and what is there.
    fn of_subject<'a>(
        &'a self,
        subject: &'a CertificateSubject,
    ) -> impl Iterator<Item = (usize, &'a Place)> + 'a {
        let kind = match subject {
            CertificateSubject::Notarise { .. } => Kind::Notarise,
            CertificateSubject::Nullify => Kind::Nullify,
            CertificateSubject::Finalise { .. } => Kind::Finalise,
        };
        self.places(kind)
            .iter()
            .enumerate()
            .filter_map(|(index, place)| Some((index, place.as_deref()?)))
            .filter(|(_, place)| {
                CertificateSubject::of_ballot(&place.vote.content().ballot) == *subject
            })
    }
}

/// The votes of one slot.
#[derive(Debug)]
pub(crate) struct Collector {
    validators: Arc<ValidatorSet>,
    quorum: u64,
    rounds: BTreeMap<u32, OfRound>,
}

impl Collector {
    pub(crate) fn new(validators: Arc<ValidatorSet>) -> Self {
        Self {
            quorum: validators.quorum(),
            validators,
            rounds: BTreeMap::new(),
        }
    }

    fn power(&self, index: usize) -> u64 {
        self.validators
            .get(index)
            .map_or(0, |validator| validator.power)
    }

    /// Takes a vote of a validator of the set. `verified` for our own.
    ///
    /// Rule 10: one vote per validator, round and kind; the first that is not bad counts.
    pub(crate) fn add(
        &mut self,
        index: usize,
        vote: SignedVote,
        from: Option<Peer>,
        mut verified: bool,
        verifier: &dyn Verifier,
    ) -> Added {
        let mut added = Added::default();
        let power = self.power(index);
        let size = self.validators.len();
        let round = self
            .rounds
            .entry(vote.content().round)
            .or_insert_with(|| OfRound::new(size));
        let kind = Kind::of(&vote.content().ballot);
        for &rival in kind.rivals() {
            let Some(place) = round.place(rival, index) else {
                continue;
            };
            let same = place.vote.id() == vote.id();
            if !same && !place.vote.content().contradicts(vote.content()) {
                continue;
            }
            let same_bytes = same && place.vote.signature() == vote.signature();
            if same_bytes && !verified || same && place.verified {
                return added;
            }
            if !place.verified && !same_bytes && is_bad(verifier, &place.vote) {
                added.blamed.extend(round.remove(rival, index, power));
                continue;
            }
            if let Some(place) = round.place_mut(rival, index).and_then(Option::as_mut) {
                place.verified = true;
            }
            if same || round.faulty.contains(&index) && round.place(kind, index).is_some() {
                return added;
            }
            if !verified && is_bad(verifier, &vote) {
                added.blamed.extend(from);
                return added;
            }
            verified = true;
            if round.faulty.insert(index)
                && let Some(place) = round.place(rival, index)
            {
                added.fault = Some(Box::new((place.vote.clone(), vote.clone())));
            }
        }
        if round.place(kind, index).is_none() {
            added.stored = true;
            round.store(
                index,
                power,
                Place {
                    vote,
                    from,
                    verified,
                },
            );
        }
        added
    }

    /// The certificate of a subject, if its votes are a quorum: those that are not verified yet are
    /// verified now, together, and the bad ones dropped and blamed.
    pub(crate) fn certify(
        &mut self,
        round: u32,
        subject: &CertificateSubject,
        verifier: &dyn Verifier,
        blamed: &mut Vec<Peer>,
    ) -> Option<Certificate> {
        if self.weight(round, subject) < self.quorum {
            return None;
        }
        self.verify(round, subject, verifier, blamed);
        if self.weight(round, subject) < self.quorum {
            return None;
        }
        let of_round = self.rounds.get(&round)?;
        let votes = of_round.of_subject(subject).map(|(_, place)| &place.vote);
        Certificate::from_votes(votes, &self.validators)
    }

    /// The weight of the votes for a subject, verified or not.
    pub(crate) fn weight(&self, round: u32, subject: &CertificateSubject) -> u64 {
        self.rounds
            .get(&round)
            .and_then(|of_round| of_round.weights.get(subject))
            .copied()
            .unwrap_or(0)
    }

    fn verify(
        &mut self,
        round: u32,
        subject: &CertificateSubject,
        verifier: &dyn Verifier,
        blamed: &mut Vec<Peer>,
    ) {
        let Some(of_round) = self.rounds.get(&round) else {
            return;
        };
        let unverified: Vec<(usize, Kind)> = of_round
            .of_subject(subject)
            .filter(|(_, place)| !place.verified)
            .map(|(index, place)| (index, Kind::of(&place.vote.content().ballot)))
            .collect();
        if unverified.is_empty() {
            return;
        }
        let entries: Vec<_> = unverified
            .iter()
            .filter_map(|&(index, kind)| Some(of_round.place(kind, index)?.vote.batch_entry()))
            .collect();
        let bad: BTreeSet<usize> = verifier.bad(&entries).into_iter().collect();
        for (number, (index, kind)) in unverified.into_iter().enumerate() {
            let power = self.power(index);
            let Some(of_round) = self.rounds.get_mut(&round) else {
                return;
            };
            if bad.contains(&number) {
                blamed.extend(of_round.remove(kind, index, power));
            } else if let Some(place) = of_round.place_mut(kind, index).and_then(Option::as_mut) {
                place.verified = true;
            }
        }
    }

    /// Whether verified votes prove that no value can be notarised in a round (rule 6).
    ///
    /// Who contradicted itself may have voted for anything elsewhere, so its weight counts as
    /// unseen.
    pub(crate) fn is_hopeless(
        &mut self,
        round: u32,
        verifier: &dyn Verifier,
        blamed: &mut Vec<Peer>,
    ) -> bool {
        if !self.looks_hopeless(round) {
            return false;
        }
        let subjects: Vec<CertificateSubject> = self
            .rounds
            .get(&round)
            .into_iter()
            .flat_map(|of_round| of_round.weights.keys())
            .filter(|subject| matches!(subject, CertificateSubject::Notarise { .. }))
            .copied()
            .collect();
        for subject in subjects {
            self.verify(round, &subject, verifier, blamed);
        }
        self.looks_hopeless(round)
    }

    fn looks_hopeless(&self, round: u32) -> bool {
        let Some(of_round) = self.rounds.get(&round) else {
            return false;
        };
        let weights = of_round
            .weights
            .iter()
            .filter(|(subject, _)| matches!(subject, CertificateSubject::Notarise { .. }))
            .map(|(_, weight)| *weight);
        let (seen, most) = weights.fold((0_u64, 0_u64), |(seen, most), weight| {
            (seen.saturating_add(weight), most.max(weight))
        });
        let faulty = of_round
            .faulty
            .iter()
            .filter(|&&index| of_round.place(Kind::Notarise, index).is_some())
            .fold(0_u64, |sum, &index| sum.saturating_add(self.power(index)));
        rules::is_hopeless(
            most,
            seen.saturating_sub(faulty),
            self.validators.total_power(),
            self.quorum,
        )
    }

    /// Drops votes that are bound to another history of the thread.
    pub(crate) fn keep_digest(&mut self, digest: &ThreadDigest) {
        let validators = Arc::clone(&self.validators);
        for of_round in self.rounds.values_mut() {
            for kind in [Kind::Notarise, Kind::Nullify, Kind::Finalise] {
                for (index, validator) in validators.validators().iter().enumerate() {
                    let other = of_round
                        .place(kind, index)
                        .is_some_and(|place| place.vote.content().thread_digest != *digest);
                    if other {
                        of_round.remove(kind, index, validator.power);
                    }
                }
            }
        }
    }

    /// Forgets the rounds before one.
    pub(crate) fn forget_before(&mut self, round: u32) {
        self.rounds = self.rounds.split_off(&round);
    }

    /// The subjects that votes of any round are for.
    pub(crate) fn subjects(&self) -> Vec<(u32, CertificateSubject)> {
        self.rounds
            .iter()
            .flat_map(|(round, of_round)| of_round.weights.keys().map(|subject| (*round, *subject)))
            .collect()
    }

    /// Notarise votes of later rounds than `round`: to be held against a certificate.
    pub(crate) fn notarise_votes_after(
        &self,
        round: u32,
    ) -> impl Iterator<Item = &SignedVote> + '_ {
        self.rounds
            .range(round.saturating_add(1)..)
            .flat_map(|(_, of_round)| of_round.notarise.iter().flatten().map(|place| &place.vote))
    }

    /// How many votes are held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.rounds
            .values()
            .flat_map(|round| [&round.notarise, &round.nullify, &round.finalise])
            .map(|places| places.iter().flatten().count())
            .sum()
    }
}

fn is_bad(verifier: &dyn Verifier, vote: &SignedVote) -> bool {
    !verifier.bad(&[vote.batch_entry()]).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BatchVerifier;
    use picot_models::mocks::{address, chain_id, key};
    use picot_models::{Hash, Signed, Slot, Value, Vote};

    fn vote(signer: u64, round: u32, ballot: Ballot) -> SignedVote {
        let vote = Vote {
            version: 1,
            slot: Slot::new(1, 0),
            round,
            thread_digest: ThreadDigest {
                hash: Hash([0; 32]),
            },
            ballot,
        };
        Signed::sign(vote, &key(signer), &chain_id(1))
    }

    #[test]
    fn votes_that_were_bad_leave_nothing_behind() {
        let rolls = (1..=4).map(|number| (address(number), 1)).collect();
        let validators = Arc::new(ValidatorSet::new(0, &rolls).unwrap());
        let mut collector = Collector::new(Arc::clone(&validators));
        let index = validators.index_of(&address(1)).unwrap();
        let verifier = BatchVerifier::default();
        for through in 1..50 {
            let value = Value::Miss { through };
            let good = vote(1, 0, Ballot::Finalise { value });
            let mut forged = good.into_envelope();
            forged.signature = vote(2, 0, Ballot::Nullify).into_envelope().signature;
            let forged = forged.identify(&chain_id(1));
            collector.add(index, forged, Some(Peer(1)), false, &verifier);
        }
        assert_eq!(collector.len(), 1);
        assert_eq!(collector.subjects().len(), 1);
    }

    #[test]
    fn what_one_validator_can_make_a_slot_hold_is_bounded() {
        let rolls = (1..=4).map(|number| (address(number), 1)).collect();
        let validators = Arc::new(ValidatorSet::new(0, &rolls).unwrap());
        let mut collector = Collector::new(Arc::clone(&validators));
        let index = validators.index_of(&address(1)).unwrap();
        let verifier = BatchVerifier::default();
        let mut faults = 0;
        for through in 1..50 {
            let value = Value::Miss { through };
            for ballot in [Ballot::Finalise { value }, Ballot::Nullify] {
                let vote = vote(1, 0, ballot);
                let added = collector.add(index, vote, None, false, &verifier);
                faults += usize::from(added.fault.is_some());
            }
        }
        assert_eq!((collector.len(), faults), (2, 1));
    }
}
