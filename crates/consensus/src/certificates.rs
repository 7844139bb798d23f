//! The certificates of one slot that are known here, each verified or made of verified votes.

use crate::rules::KnownCertificates;
use picot_clock::Timestamp;
use picot_models::limits::MAX_JUSTIFICATION_CERTIFICATES;
use picot_models::{Carry, Certificate, CertificateSubject, Justification, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, Default)]
struct OfRound {
    notarised: Option<(Arc<Certificate>, Value, Timestamp)>,
    nullified: Option<Arc<Certificate>>,
}

/// What stays known of rounds whose certificates are not held any more, so that an agreement that
/// takes more rounds than a justification can span goes on among those who were there.
#[derive(Debug, Clone, Default)]
struct Forgotten {
    /// All rounds before this one were nullified.
    nullified_before: u32,
    carried: Option<Carried>,
}

/// The latest `N` of a forgotten round. All rounds after it and before `through` were nullified.
#[derive(Debug, Clone)]
struct Carried {
    round: u32,
    certificate: Arc<Certificate>,
    value: Value,
    through: u32,
}

impl Forgotten {
    fn add(&mut self, round: u32, known: OfRound) {
        let next = round.saturating_add(1);
        if known.nullified.is_some() && round == self.nullified_before {
            self.nullified_before = next;
        }
        if let Some((certificate, value, _)) = known.notarised {
            self.carried = Some(Carried {
                round,
                certificate,
                value,
                through: next,
            });
        } else if let Some(carried) = &mut self.carried
            && known.nullified.is_some()
            && round == carried.through
        {
            carried.through = next;
        }
    }

    fn nullified(&self, round: u32) -> bool {
        let since = |carried: &Carried| carried.round < round && round < carried.through;
        round < self.nullified_before || self.carried.as_ref().is_some_and(since)
    }

    fn notarised(&self, round: u32) -> Option<&Carried> {
        self.carried
            .as_ref()
            .filter(|carried| carried.round == round)
    }
}

/// The certificates of one slot, by round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Certificates {
    rounds: BTreeMap<u32, OfRound>,
    forgotten: Forgotten,
    finalised: Option<Arc<Certificate>>,
}

impl Certificates {
    /// Whether a certificate of this subject adds anything.
    pub(crate) fn lacks(&self, round: u32, subject: &CertificateSubject) -> bool {
        let known = self.rounds.get(&round);
        let is_full = self.rounds.len() >= MAX_JUSTIFICATION_CERTIFICATES;
        let first = self.rounds.first_key_value().map(|(first, _)| *first);
        let is_forgotten = is_full && first.is_some_and(|first| round < first);
        match subject {
            CertificateSubject::Finalise { .. } => self.finalised.is_none(),
            _ if is_forgotten => false,
            CertificateSubject::Notarise { .. } => {
                known.is_none_or(|known| known.notarised.is_none())
            }
            CertificateSubject::Nullify => known.is_none_or(|known| known.nullified.is_none()),
        }
    }

    /// Adds one that was verified; tells whether it was new. Bounded: past the rounds that a
    /// justification can span, the oldest go.
    pub(crate) fn add(&mut self, certificate: Arc<Certificate>, now: Timestamp) -> bool {
        if !self.lacks(certificate.round, &certificate.subject) {
            return false;
        }
        match certificate.subject {
            CertificateSubject::Notarise { value } => {
                let round = self.rounds.entry(certificate.round).or_default();
                round.notarised = Some((certificate, value, now));
            }
            CertificateSubject::Nullify => {
                let round = self.rounds.entry(certificate.round).or_default();
                round.nullified = Some(certificate);
            }
            CertificateSubject::Finalise { .. } => self.finalised = Some(certificate),
        }
        while self.rounds.len() > MAX_JUSTIFICATION_CERTIFICATES
            && let Some((round, known)) = self.rounds.pop_first()
        {
            self.forgotten.add(round, known);
        }
        true
    }

    pub(crate) fn get(
        &self,
        round: u32,
        subject: &CertificateSubject,
    ) -> Option<&Arc<Certificate>> {
        let found = match subject {
            CertificateSubject::Notarise { .. } => self.certificate_notarised(round),
            CertificateSubject::Nullify => self.rounds.get(&round)?.nullified.as_ref(),
            CertificateSubject::Finalise { .. } => self.finalised.as_ref(),
        };
        found.filter(|certificate| certificate.subject == *subject)
    }

    /// The slot is decided: its outcome has the final certificate.
    pub(crate) fn close(&mut self) {
        self.finalised = None;
    }

    pub(crate) fn finalised(&self) -> Option<&Arc<Certificate>> {
        self.finalised.as_ref()
    }

    /// Since when `N(round, ·)` is known.
    pub(crate) fn notarised_at(&self, round: u32) -> Option<Timestamp> {
        let (.., at) = self.rounds.get(&round)?.notarised.as_ref()?;
        Some(*at)
    }

    fn certificate_notarised(&self, round: u32) -> Option<&Arc<Certificate>> {
        let held = self
            .rounds
            .get(&round)
            .and_then(|known| known.notarised.as_ref());
        let forgotten = || self.forgotten.notarised(round);
        held.map(|(certificate, ..)| certificate)
            .or_else(|| forgotten().map(|carried| &carried.certificate))
    }

    /// Every `N(·, v)` by ascending round.
    pub(crate) fn all_notarised(&self) -> impl DoubleEndedIterator<Item = (u32, Value)> + '_ {
        let forgotten = self.forgotten.carried.iter();
        let held = self.rounds.iter().filter_map(|(round, known)| {
            known
                .notarised
                .as_ref()
                .map(|(_, value, _)| (*round, *value))
        });
        forgotten
            .map(|carried| (carried.round, carried.value))
            .chain(held)
    }

    /// All certificates but the final one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Certificate>> + '_ {
        self.rounds.values().flat_map(|known| {
            let notarised = known
                .notarised
                .as_ref()
                .map(|(certificate, ..)| certificate);
            notarised.into_iter().chain(known.nullified.as_ref())
        })
    }

    /// The latest `N(·, ·)`.
    pub(crate) fn latest_notarised(&self) -> Option<&Arc<Certificate>> {
        let held = self.rounds.values().rev().find_map(|known| {
            known
                .notarised
                .as_ref()
                .map(|(certificate, ..)| certificate)
        });
        held.or_else(|| Some(&self.forgotten.carried.as_ref()?.certificate))
    }

    /// The certificates that justify a value with this carry in `round`; `None` if they are not all
    /// known. Forgotten ones are left out: who was there knows what they said.
    pub(crate) fn justification(&self, round: u32, carry: Carry) -> Option<Justification> {
        let (notarised, nullified_from) = match carry {
            Carry::Free => (None, 0),
            Carry::From { round: carried } => {
                let certificate = self.certificate_notarised(carried)?;
                (
                    Some(Certificate::clone(certificate)),
                    carried.saturating_add(1),
                )
            }
        };
        let nullified = (nullified_from..round)
            .filter(|earlier| !self.forgotten.nullified(*earlier))
            .map(|earlier| {
                let certificate = self.rounds.get(&earlier)?.nullified.as_ref()?;
                Some(Certificate::clone(certificate))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Justification {
            notarised,
            nullified,
        })
    }
}

impl KnownCertificates for Certificates {
    fn notarised(&self, round: u32) -> Option<Value> {
        let held = self
            .rounds
            .get(&round)
            .and_then(|known| known.notarised.as_ref());
        let forgotten = || self.forgotten.notarised(round);
        held.map(|(_, value, _)| *value)
            .or_else(|| forgotten().map(|carried| carried.value))
    }

    fn nullified(&self, round: u32) -> bool {
        self.rounds
            .get(&round)
            .is_some_and(|known| known.nullified.is_some())
            || self.forgotten.nullified(round)
    }

    fn latest_round(&self) -> Option<u32> {
        self.rounds.last_key_value().map(|(round, _)| *round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Allowed, Backed, allowed, is_justified};
    use picot_models::{Hash, Slot, ThreadDigest};

    const MISS: Value = Value::Miss { through: 1 };
    const SPAN: u32 = 1_024;

    fn certificate(round: u32, subject: CertificateSubject) -> Arc<Certificate> {
        Arc::new(Certificate {
            version: 1,
            slot: Slot::new(1, 0),
            round,
            thread_digest: ThreadDigest {
                hash: Hash([0; 32]),
            },
            subject,
            signers: Default::default(),
            signatures: Vec::new(),
        })
    }

    fn nullify(known: &mut Certificates, rounds: impl IntoIterator<Item = u32>) {
        for round in rounds {
            known.add(
                certificate(round, CertificateSubject::Nullify),
                Timestamp(0),
            );
        }
    }

    fn notarise(known: &mut Certificates, round: u32) {
        let subject = CertificateSubject::Notarise { value: MISS };
        known.add(certificate(round, subject), Timestamp(0));
    }

    #[test]
    fn more_nullified_rounds_than_a_justification_spans_still_allow_any_value() {
        assert_eq!(usize::try_from(SPAN), Ok(MAX_JUSTIFICATION_CERTIFICATES));
        let mut known = Certificates::default();
        let end = 2 * SPAN + 7;
        nullify(&mut known, 0..end);
        assert_eq!(known.rounds.len(), MAX_JUSTIFICATION_CERTIFICATES);
        assert_eq!(allowed(&known, end), Some(Allowed::Any));
        let sent = known.justification(end, Carry::Free).unwrap();
        assert_eq!(sent.nullified.len(), MAX_JUSTIFICATION_CERTIFICATES);
        let free = Backed {
            value: MISS,
            carry: Carry::Free,
        };
        assert!(is_justified(&known, end, free));
        assert!(
            !known.lacks(0, &CertificateSubject::Nullify),
            "what is forgotten is not verified again"
        );
        let mut gap = Certificates::default();
        nullify(&mut gap, (0..3).chain(4..end));
        assert_eq!(allowed(&gap, end), None, "a round that is unknown stays so");
        assert_eq!(gap.justification(end, Carry::Free), None);
    }

    #[test]
    fn a_value_notarised_longer_ago_than_a_justification_spans_is_still_carried() {
        let mut known = Certificates::default();
        let end = 2 * SPAN;
        nullify(&mut known, 0..5);
        notarise(&mut known, 5);
        nullify(&mut known, 5..end);
        let carried = Backed {
            value: MISS,
            carry: Carry::From { round: 5 },
        };
        assert_eq!(allowed(&known, end), Some(Allowed::Carried(carried)));
        assert!(is_justified(&known, end, carried));
        let sent = known.justification(end, carried.carry).unwrap();
        assert_eq!(sent.notarised.map(|it| it.round), Some(5));
        assert_eq!(sent.nullified.len(), MAX_JUSTIFICATION_CERTIFICATES);
    }
}
