//! The votes of one slot, collected unverified and verified together when they could complete a
//! quorum (design 07, 'Bounds and cost').
//!
//! Per validator, round and kind there is one place. A second, different vote for a filled place
//! makes both be verified at once: either one is bad and goes, or the two prove a fault.
//!
//! Votes stay in the messages that brought them, and their ids are worked out only to verify them.

use crate::{Message, Peer, RoundVotes, SubjectVotes, Verifier, rules};
use picot_models::{
    Ballot, Certificate, CertificateSubject, ChainId, Envelope, ThreadDigest, ValidatorSet, Vote,
};
use std::cmp::Reverse;
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

    const fn of_subject(subject: &CertificateSubject) -> Self {
        match subject {
            CertificateSubject::Notarise { .. } => Self::Notarise,
            CertificateSubject::Nullify => Self::Nullify,
            CertificateSubject::Finalise { .. } => Self::Finalise,
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

/// A vote, in the message that brought it: whoever holds it holds the same bytes.
#[derive(Debug, Clone)]
struct Place {
    message: Arc<Message>,
    from: Option<Peer>,
    verified: bool,
}

impl Place {
    fn vote(&self) -> Option<&Envelope<Vote>> {
        vote_in(&self.message)
    }
}

fn vote_in(message: &Message) -> Option<&Envelope<Vote>> {
    match message {
        Message::Vote(vote) => Some(vote),
        _ => None,
    }
}

/// What came of a vote that was offered.
#[derive(Debug, Default)]
pub(crate) struct Added {
    /// Whether it is in the collection now and was not before.
    pub(crate) stored: bool,
    /// Two verified votes of one validator that contradict each other.
    pub(crate) fault: Option<Box<(Envelope<Vote>, Envelope<Vote>)>>,
    /// Who sent votes with bad signatures.
    pub(crate) blamed: Vec<Peer>,
}

#[derive(Debug, Default)]
struct OfRound {
    /// Each as long as the validator set once there is a vote of the kind.
    notarise: Vec<Option<Place>>,
    nullify: Vec<Option<Place>>,
    finalise: Vec<Option<Place>>,
    /// The weight of the votes in the places, verified or not.
    weights: BTreeMap<CertificateSubject, u64>,
    /// Of the notarise votes among them, all, and those for the value with most.
    notarising: u64,
    most_for_one: u64,
    /// Validators that are proven to have contradicted themselves in this round.
    faulty: BTreeSet<usize>,
}

impl OfRound {
    const fn places(&self, kind: Kind) -> &Vec<Option<Place>> {
        match kind {
            Kind::Notarise => &self.notarise,
            Kind::Nullify => &self.nullify,
            Kind::Finalise => &self.finalise,
        }
    }

    const fn places_mut(&mut self, kind: Kind) -> &mut Vec<Option<Place>> {
        match kind {
            Kind::Notarise => &mut self.notarise,
            Kind::Nullify => &mut self.nullify,
            Kind::Finalise => &mut self.finalise,
        }
    }

    fn place(&self, kind: Kind, index: usize) -> Option<&Place> {
        self.places(kind).get(index)?.as_ref()
    }

    fn place_mut(&mut self, kind: Kind, index: usize) -> Option<&mut Place> {
        self.places_mut(kind).get_mut(index)?.as_mut()
    }

    fn store(&mut self, ballot: &Ballot, index: usize, power: u64, place: Place, size: usize) {
        let places = self.places_mut(Kind::of(ballot));
        if places.is_empty() {
            places.resize_with(size, || None);
        }
        let Some(empty) = places.get_mut(index) else {
            return;
        };
        *empty = Some(place);
        let weight = self
            .weights
            .entry(CertificateSubject::of_ballot(ballot))
            .or_default();
        *weight = weight.saturating_add(power);
        if matches!(ballot, Ballot::Notarise { .. }) {
            self.most_for_one = self.most_for_one.max(*weight);
            self.notarising = self.notarising.saturating_add(power);
        }
    }

    fn remove(&mut self, kind: Kind, index: usize, power: u64) -> Option<Peer> {
        let place = self.places_mut(kind).get_mut(index)?.take()?;
        let subject = CertificateSubject::of_ballot(&place.vote()?.content.ballot);
        if let Some(weight) = self.weights.get_mut(&subject) {
            *weight = weight.saturating_sub(power);
            if *weight == 0 {
                self.weights.remove(&subject);
            }
        }
        if kind == Kind::Notarise {
            self.notarising = self.notarising.saturating_sub(power);
            let notarise = self
                .weights
                .iter()
                .filter(|(subject, _)| is_notarise(subject));
            self.most_for_one = notarise.map(|(_, weight)| *weight).max().unwrap_or(0);
        }
        place.from
    }

    /// The places of a subject: validator, what is there, and the vote.
    fn of_subject<'a>(
        &'a self,
        subject: &'a CertificateSubject,
    ) -> impl Iterator<Item = (usize, &'a Place, &'a Envelope<Vote>)> + 'a {
        self.places(Kind::of_subject(subject))
            .iter()
            .enumerate()
            .filter_map(|(index, place)| {
                let place = place.as_ref()?;
                Some((index, place, place.vote()?))
            })
            .filter(|(.., vote)| CertificateSubject::of_ballot(&vote.content.ballot) == *subject)
    }
}

const fn is_notarise(subject: &CertificateSubject) -> bool {
    matches!(subject, CertificateSubject::Notarise { .. })
}

/// The votes of one slot.
#[derive(Debug)]
pub(crate) struct Collector {
    chain_id: ChainId,
    validators: Arc<ValidatorSet>,
    quorum: u64,
    rounds: BTreeMap<u32, Box<OfRound>>,
}

impl Collector {
    pub(crate) fn new(chain_id: ChainId, validators: Arc<ValidatorSet>, quorum: u64) -> Self {
        Self {
            chain_id,
            quorum,
            validators,
            rounds: BTreeMap::new(),
        }
    }

    /// The weight that makes a certificate.
    pub(crate) const fn quorum(&self) -> u64 {
        self.quorum
    }

    fn power(&self, index: usize) -> u64 {
        self.validators
            .get(index)
            .map_or(0, |validator| validator.power)
    }

    /// Takes the vote in a message, of the validator at a place of the set. `verified` for our own.
    ///
    /// Rule 10: one vote per validator, round and kind; the first that is not bad counts.
    pub(crate) fn add(
        &mut self,
        index: usize,
        message: &Arc<Message>,
        from: Option<Peer>,
        mut verified: bool,
        verifier: &dyn Verifier,
    ) -> Added {
        let mut added = Added::default();
        let Some(vote) = vote_in(message) else {
            return added;
        };
        let power = self.power(index);
        let round = self.rounds.entry(vote.content.round).or_default();
        let kind = Kind::of(&vote.content.ballot);
        let is_bad = |vote: &Envelope<Vote>| {
            let entry = vote.batch_entry(&self.chain_id);
            !verifier.bad(&[entry]).is_empty()
        };
        for &rival in kind.rivals() {
            let Some(place) = round.place(rival, index) else {
                continue;
            };
            let Some(held) = place.vote() else {
                continue;
            };
            // Of one validator, so of one key: the same content is the same id.
            let same = held.content == vote.content;
            if !same && !held.content.contradicts(&vote.content) {
                continue;
            }
            let same_bytes = same && held.signature == vote.signature;
            if same_bytes && !verified || same && place.verified {
                return added;
            }
            if !place.verified && !same_bytes && is_bad(held) {
                added.blamed.extend(round.remove(rival, index, power));
                continue;
            }
            if let Some(place) = round.place_mut(rival, index) {
                place.verified = true;
            }
            if same || round.faulty.contains(&index) && round.place(kind, index).is_some() {
                return added;
            }
            if !verified && is_bad(vote) {
                added.blamed.extend(from);
                return added;
            }
            verified = true;
            if round.faulty.insert(index)
                && let Some(held) = round.place(rival, index).and_then(Place::vote)
            {
                added.fault = Some(Box::new((held.clone(), vote.clone())));
            }
        }
        if round.place(kind, index).is_none() {
            added.stored = true;
            let place = Place {
                message: Arc::clone(message),
                from,
                verified,
            };
            let size = self.validators.len();
            round.store(&vote.content.ballot, index, power, place, size);
        }
        added
    }

    /// The certificate of a subject, if its votes are a quorum: as many of those that are not
    /// verified yet as it takes are verified now, together, and the bad ones dropped and blamed.
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
        let enough = self.enough_unverified(round, subject);
        if !self.verify(round, subject, &enough, verifier, blamed) {
            self.verify_all(round, subject, verifier, blamed);
            if self.weight(round, subject) < self.quorum {
                return None;
            }
        }
        let of_round = self.rounds.get(&round)?;
        let votes: Vec<_> = of_round
            .of_subject(subject)
            .filter(|(_, place, _)| place.verified)
            .map(|(index, _, vote)| (index, vote))
            .collect();
        Certificate::from_placed_votes(votes, &self.validators)
    }

    /// The places of the fewest votes that make a quorum with those that are verified: what is not
    /// needed is never verified.
    fn enough_unverified(&self, round: u32, subject: &CertificateSubject) -> Vec<usize> {
        let mut weight = 0_u64;
        let mut unverified = Vec::new();
        for (index, place, _) in self.of_subject(round, subject) {
            let power = self.power(index);
            if place.verified {
                weight = weight.saturating_add(power);
            } else {
                unverified.push((Reverse(power), index));
            }
        }
        unverified.sort_unstable();
        let mut enough = Vec::with_capacity(unverified.len());
        for (Reverse(power), index) in unverified {
            if weight >= self.quorum {
                break;
            }
            weight = weight.saturating_add(power);
            enough.push(index);
        }
        enough
    }

    fn of_subject<'a>(
        &'a self,
        round: u32,
        subject: &'a CertificateSubject,
    ) -> impl Iterator<Item = (usize, &'a Place, &'a Envelope<Vote>)> + 'a {
        let of_round = self.rounds.get(&round);
        of_round
            .into_iter()
            .flat_map(|of_round| of_round.of_subject(subject))
    }

    /// The weight of the votes for a subject, verified or not.
    pub(crate) fn weight(&self, round: u32, subject: &CertificateSubject) -> u64 {
        self.rounds
            .get(&round)
            .and_then(|of_round| of_round.weights.get(subject))
            .copied()
            .unwrap_or(0)
    }

    fn verify_all(
        &mut self,
        round: u32,
        subject: &CertificateSubject,
        verifier: &dyn Verifier,
        blamed: &mut Vec<Peer>,
    ) {
        let unverified: Vec<usize> = self
            .of_subject(round, subject)
            .filter(|(_, place, _)| !place.verified)
            .map(|(index, ..)| index)
            .collect();
        self.verify(round, subject, &unverified, verifier, blamed);
    }

    /// Verifies the votes at these places; whether all are good.
    fn verify(
        &mut self,
        round: u32,
        subject: &CertificateSubject,
        places: &[usize],
        verifier: &dyn Verifier,
        blamed: &mut Vec<Peer>,
    ) -> bool {
        let kind = Kind::of_subject(subject);
        let Some(of_round) = self.rounds.get_mut(&round) else {
            return true;
        };
        let entries: Vec<_> = places
            .iter()
            .filter_map(|index| of_round.place(kind, *index)?.vote())
            .map(|vote| vote.batch_entry(&self.chain_id))
            .collect();
        if entries.is_empty() {
            return true;
        }
        let bad: BTreeSet<usize> = verifier.bad(&entries).into_iter().collect();
        for (number, &index) in places.iter().enumerate() {
            if bad.contains(&number) {
                let validator = self.validators.get(index);
                let power = validator.map_or(0, |validator| validator.power);
                blamed.extend(of_round.remove(kind, index, power));
            } else if let Some(place) = of_round.place_mut(kind, index) {
                place.verified = true;
            }
        }
        bad.is_empty()
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
            .filter(|subject| is_notarise(subject))
            .copied()
            .collect();
        for subject in subjects {
            self.verify_all(round, &subject, verifier, blamed);
        }
        self.looks_hopeless(round)
    }

    /// Whether the votes of a round, if they are good, prove that no value can be notarised.
    pub(crate) fn looks_hopeless(&self, round: u32) -> bool {
        let Some(of_round) = self.rounds.get(&round) else {
            return false;
        };
        let faulty = of_round
            .faulty
            .iter()
            .filter(|&&index| of_round.place(Kind::Notarise, index).is_some())
            .fold(0_u64, |sum, &index| sum.saturating_add(self.power(index)));
        rules::is_hopeless(
            of_round.most_for_one,
            of_round.notarising.saturating_sub(faulty),
            self.validators.total_power(),
            self.quorum,
        )
    }

    /// The slot is decided: votes stay as evidence, but nothing is to be made of them.
    pub(crate) fn close(&mut self) {
        for of_round in self.rounds.values_mut() {
            of_round.weights.clear();
        }
    }

    /// Drops votes that are bound to another history of the thread.
    pub(crate) fn keep_digest(&mut self, digest: &ThreadDigest) {
        for of_round in self.rounds.values_mut() {
            for kind in [Kind::Notarise, Kind::Nullify, Kind::Finalise] {
                if of_round.places(kind).is_empty() {
                    continue;
                }
                for (index, validator) in self.validators.validators().iter().enumerate() {
                    let other = of_round
                        .place(kind, index)
                        .and_then(Place::vote)
                        .is_some_and(|vote| vote.content.thread_digest != *digest);
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
    ) -> impl Iterator<Item = &Envelope<Vote>> + '_ {
        self.rounds
            .range(round.saturating_add(1)..)
            .flat_map(|(_, of_round)| of_round.notarise.iter().flatten())
            .filter_map(Place::vote)
    }

    /// The votes that are held, by round and by what they are for.
    pub(crate) fn votes(&self) -> Vec<RoundVotes> {
        let rounds = self.rounds.iter().map(|(round, of_round)| {
            let mut subjects: BTreeMap<CertificateSubject, SubjectVotes> = BTreeMap::new();
            for places in [&of_round.notarise, &of_round.nullify, &of_round.finalise] {
                for (index, place) in places.iter().enumerate() {
                    let vote = place.as_ref().and_then(Place::vote);
                    let (Some(vote), Some(voter)) = (vote, self.validators.get(index)) else {
                        continue;
                    };
                    let subject = CertificateSubject::of_ballot(&vote.content.ballot);
                    let of_subject = subjects.entry(subject).or_insert(SubjectVotes {
                        subject,
                        power: 0,
                        signers: Vec::new(),
                    });
                    of_subject.power = of_subject.power.saturating_add(voter.power);
                    of_subject.signers.push(voter.address);
                }
            }
            RoundVotes {
                round: *round,
                subjects: subjects.into_values().collect(),
            }
        });
        rounds.collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BatchVerifier;
    use crate::mocks::CountingVerifier;
    use picot_models::mocks::{address, chain_id, key};
    use picot_models::{Hash, Signed, Slot, Value};
    use std::sync::atomic::Ordering;

    fn vote(signer: u64, round: u32, ballot: Ballot) -> Envelope<Vote> {
        let vote = Vote {
            version: 1,
            slot: Slot::new(1, 0),
            round,
            thread_digest: ThreadDigest {
                hash: Hash([0; 32]),
            },
            ballot,
        };
        Signed::sign(vote, &key(signer), &chain_id(1)).into_envelope()
    }

    fn message(vote: Envelope<Vote>) -> Arc<Message> {
        Arc::new(Message::Vote(vote))
    }

    fn collector(validators: &Arc<ValidatorSet>) -> Collector {
        Collector::new(chain_id(1), Arc::clone(validators), validators.quorum())
    }

    /// Notarise votes of all validators, those of some with bad signatures, held but not verified.
    fn unverified(rolls: &[u64], bad: &[u64]) -> (Arc<ValidatorSet>, Collector) {
        let powers = (1_u64..).zip(rolls);
        let powers: BTreeMap<_, _> = powers.map(|(it, rolls)| (address(it), *rolls)).collect();
        let validators = Arc::new(ValidatorSet::new(0, &powers).unwrap());
        let mut collector = collector(&validators);
        let verifier = BatchVerifier::default();
        for number in (1..).take(rolls.len()) {
            let index = validators.index_of(&address(number)).unwrap();
            let mut vote = vote(number, 0, Ballot::Nullify);
            if bad.contains(&number) {
                vote.signature.0[0] ^= 1;
            }
            let peer = Some(Peer(number));
            let added = collector.add(index, &message(vote), peer, false, &verifier);
            assert!(added.stored);
        }
        (validators, collector)
    }

    /// The certificate that is made, how many signatures were verified, and who is blamed.
    fn certified(collector: &mut Collector) -> (Option<Certificate>, u64, Vec<Peer>) {
        let verifier = CountingVerifier::default();
        let mut blamed = Vec::new();
        let made = collector.certify(0, &CertificateSubject::Nullify, &verifier, &mut blamed);
        (made, verifier.verified.load(Ordering::Relaxed), blamed)
    }

    #[test]
    fn of_many_votes_only_a_quorum_is_verified_and_certified() {
        let (validators, mut collector) = unverified(&[1; 10], &[]);
        let (made, verified, blamed) = certified(&mut collector);
        let made = made.unwrap();
        assert_eq!((made.signatures.len(), verified), (7, 7));
        assert!(made.verify(&chain_id(1), &validators).is_ok());
        assert!(blamed.is_empty());
    }

    #[test]
    fn the_heaviest_votes_are_verified_first() {
        let (validators, mut collector) = unverified(&[1, 1, 50, 1, 1, 40], &[]);
        let (made, verified, _) = certified(&mut collector);
        assert_eq!(verified, 2);
        assert!(made.unwrap().verify(&chain_id(1), &validators).is_ok());
    }

    #[test]
    fn once_a_vote_is_bad_all_are_verified_and_the_good_ones_count() {
        for bad in 1..=10 {
            let (validators, mut collector) = unverified(&[1; 10], &[bad]);
            let (made, verified, blamed) = certified(&mut collector);
            assert!(made.unwrap().verify(&chain_id(1), &validators).is_ok());
            let found = !blamed.is_empty();
            assert_eq!(
                (verified, blamed.len()),
                if found { (10, 1) } else { (7, 0) }
            );
            assert_eq!(collector.len(), if found { 9 } else { 10 });
        }
        let (_, mut collector) = unverified(&[1; 10], &[1, 2, 3, 4]);
        let (made, verified, blamed) = certified(&mut collector);
        assert_eq!((made, verified, blamed.len()), (None, 10, 4));
    }

    #[test]
    fn votes_that_were_bad_leave_nothing_behind() {
        let rolls = (1..=4).map(|number| (address(number), 1)).collect();
        let validators = Arc::new(ValidatorSet::new(0, &rolls).unwrap());
        let mut collector = collector(&validators);
        let index = validators.index_of(&address(1)).unwrap();
        let verifier = BatchVerifier::default();
        for through in 1..50 {
            let value = Value::Miss { through };
            let mut forged = vote(1, 0, Ballot::Finalise { value });
            forged.signature = vote(2, 0, Ballot::Nullify).signature;
            collector.add(index, &message(forged), Some(Peer(1)), false, &verifier);
        }
        assert_eq!(collector.len(), 1);
        assert_eq!(collector.subjects().len(), 1);
    }

    #[test]
    fn what_one_validator_can_make_a_slot_hold_is_bounded() {
        let rolls = (1..=4).map(|number| (address(number), 1)).collect();
        let validators = Arc::new(ValidatorSet::new(0, &rolls).unwrap());
        let mut collector = collector(&validators);
        let index = validators.index_of(&address(1)).unwrap();
        let verifier = BatchVerifier::default();
        let mut faults = 0;
        for through in 1..50 {
            let value = Value::Miss { through };
            for ballot in [Ballot::Finalise { value }, Ballot::Nullify] {
                let vote = message(vote(1, 0, ballot));
                let added = collector.add(index, &vote, None, false, &verifier);
                faults += usize::from(added.fault.is_some());
            }
        }
        assert_eq!((collector.len(), faults), (2, 1));
    }
}
