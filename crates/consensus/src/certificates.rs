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

/// The certificates of one slot, by round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Certificates {
    rounds: BTreeMap<u32, OfRound>,
    finalised: Option<Arc<Certificate>>,
}

impl Certificates {
    /// Whether a certificate of this subject adds anything.
    pub(crate) fn lacks(&self, round: u32, subject: &CertificateSubject) -> bool {
        let known = self.rounds.get(&round);
        match subject {
            CertificateSubject::Notarise { .. } => {
                known.is_none_or(|known| known.notarised.is_none())
            }
            CertificateSubject::Nullify => known.is_none_or(|known| known.nullified.is_none()),
            CertificateSubject::Finalise { .. } => self.finalised.is_none(),
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
        while self.rounds.len() > MAX_JUSTIFICATION_CERTIFICATES {
            self.rounds.pop_first();
        }
        true
    }

    pub(crate) fn get(
        &self,
        round: u32,
        subject: &CertificateSubject,
    ) -> Option<&Arc<Certificate>> {
        let found = match subject {
            CertificateSubject::Notarise { .. } => self
                .rounds
                .get(&round)?
                .notarised
                .as_ref()
                .map(|(it, ..)| it),
            CertificateSubject::Nullify => self.rounds.get(&round)?.nullified.as_ref(),
            CertificateSubject::Finalise { .. } => self.finalised.as_ref(),
        };
        found.filter(|certificate| certificate.subject == *subject)
    }

    pub(crate) fn finalised(&self) -> Option<&Arc<Certificate>> {
        self.finalised.as_ref()
    }

    /// Since when `N(round, ·)` is known.
    pub(crate) fn notarised_at(&self, round: u32) -> Option<Timestamp> {
        let (.., at) = self.rounds.get(&round)?.notarised.as_ref()?;
        Some(*at)
    }

    /// Every `N(·, v)` by ascending round.
    pub(crate) fn all_notarised(&self) -> impl DoubleEndedIterator<Item = (u32, Value)> + '_ {
        self.rounds.iter().filter_map(|(round, known)| {
            known
                .notarised
                .as_ref()
                .map(|(_, value, _)| (*round, *value))
        })
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
        self.rounds.values().rev().find_map(|known| {
            known
                .notarised
                .as_ref()
                .map(|(certificate, ..)| certificate)
        })
    }

    /// The certificates that justify a value with this carry in `round`; `None` if they are not all
    /// known.
    pub(crate) fn justification(&self, round: u32, carry: Carry) -> Option<Justification> {
        let (notarised, nullified_from) = match carry {
            Carry::Free => (None, 0),
            Carry::From { round: carried } => {
                let (certificate, ..) = self.rounds.get(&carried)?.notarised.as_ref()?;
                (
                    Some(Certificate::clone(certificate)),
                    carried.saturating_add(1),
                )
            }
        };
        let nullified = (nullified_from..round)
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
        let (_, value, _) = self.rounds.get(&round)?.notarised.as_ref()?;
        Some(*value)
    }

    fn nullified(&self, round: u32) -> bool {
        self.rounds
            .get(&round)
            .is_some_and(|known| known.nullified.is_some())
    }

    fn latest_round(&self) -> Option<u32> {
        self.rounds.last_key_value().map(|(round, _)| *round)
    }
}
