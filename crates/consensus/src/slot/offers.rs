//! Certificates that others say they have: each is asked for after a moment, of one peer after the
//! other, unless it comes by itself.

use crate::Peer;
use crate::timers::after;
use picot_clock::{Millis, Timestamp};
use picot_models::CertificateSubject;
use std::collections::VecDeque;

/// Certificates that are remembered to be had elsewhere.
const MAX_OFFERS: usize = 16;
/// Peers that are remembered to have one of them.
const MAX_PEERS: usize = 3;
/// Certificates that one peer is remembered to have: who makes some up must not keep out what others
/// have.
const MAX_OF_PEER: usize = 2;

#[derive(Debug)]
struct Offer {
    round: u32,
    subject: CertificateSubject,
    /// Who has it and was not asked yet.
    peers: VecDeque<Peer>,
    ask_at: Timestamp,
}

/// The certificates of one slot that others say they have.
#[derive(Debug, Default)]
pub(super) struct Offers {
    held: Vec<Offer>,
}

impl Offers {
    /// A peer says that it has one; it is asked for at `ask_at` at the earliest.
    pub(super) fn add(
        &mut self,
        from: Peer,
        round: u32,
        subject: CertificateSubject,
        ask_at: Timestamp,
    ) {
        let of_peer = self.held.iter().filter(|it| it.peers.contains(&from));
        if of_peer.count() >= MAX_OF_PEER {
            return;
        }
        let known = self
            .held
            .iter_mut()
            .find(|offer| offer.round == round && offer.subject == subject);
        if let Some(known) = known {
            if known.peers.len() < MAX_PEERS && !known.peers.contains(&from) {
                known.peers.push_back(from);
            }
        } else if self.held.len() < MAX_OFFERS {
            self.held.push(Offer {
                round,
                subject,
                peers: VecDeque::from([from]),
                ask_at,
            });
        }
    }

    /// Whom to ask now for what, of what is still `lacked`. The next peer is asked after `wait`.
    pub(super) fn due(
        &mut self,
        now: Timestamp,
        wait: Millis,
        lacked: impl Fn(u32, &CertificateSubject) -> bool,
    ) -> Vec<(Peer, u32, CertificateSubject)> {
        let mut asked = Vec::new();
        self.held.retain_mut(|offer| {
            if !lacked(offer.round, &offer.subject) {
                return false;
            }
            if offer.ask_at <= now
                && let Some(peer) = offer.peers.pop_front()
            {
                asked.push((peer, offer.round, offer.subject));
                offer.ask_at = after(now, wait);
            }
            !offer.peers.is_empty()
        });
        asked
    }

    /// When somebody is to be asked.
    pub(super) fn next_ask(&self) -> Option<Timestamp> {
        self.held.iter().map(|offer| offer.ask_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::Value;

    const WAIT: Millis = Millis(10);

    fn subject(through: u64) -> CertificateSubject {
        CertificateSubject::Notarise {
            value: Value::Miss { through },
        }
    }

    #[test]
    fn an_offer_is_asked_of_one_peer_after_the_other_until_it_is_there() {
        let mut offers = Offers::default();
        for peer in 1..=9 {
            offers.add(Peer(peer), 0, subject(1), Timestamp(5));
        }
        assert_eq!(offers.due(Timestamp(4), WAIT, |_, _| true), []);
        assert_eq!(offers.next_ask(), Some(Timestamp(5)));
        let first = offers.due(Timestamp(5), WAIT, |_, _| true);
        assert_eq!(first, [(Peer(1), 0, subject(1))]);
        assert_eq!(offers.next_ask(), Some(Timestamp(15)));
        assert_eq!(offers.due(Timestamp(14), WAIT, |_, _| true), []);
        let second = offers.due(Timestamp(15), WAIT, |_, _| true);
        assert_eq!(second, [(Peer(2), 0, subject(1))]);
        assert_eq!(offers.due(Timestamp(25), WAIT, |_, _| false), []);
        assert_eq!(offers.next_ask(), None, "it came");
    }

    #[test]
    fn who_makes_offers_up_does_not_keep_out_those_of_others() {
        let mut offers = Offers::default();
        for through in 1..100 {
            offers.add(Peer(1), 0, subject(through), Timestamp(5));
        }
        offers.add(Peer(2), 0, subject(500), Timestamp(5));
        let asked = offers.due(Timestamp(5), WAIT, |_, _| true);
        assert_eq!(asked.len(), MAX_OF_PEER + 1);
        assert!(asked.contains(&(Peer(2), 0, subject(500))));
    }

    #[test]
    fn offers_are_bounded_and_none_outlives_its_questions() {
        let mut offers = Offers::default();
        for peer in 1..100 {
            offers.add(Peer(peer), 0, subject(peer), Timestamp(5));
        }
        assert_eq!(offers.held.len(), MAX_OFFERS);
        offers.due(Timestamp(5), WAIT, |_, _| true);
        assert_eq!(offers.held.len(), 0);
    }
}
