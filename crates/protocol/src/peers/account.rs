//! What nodes did wrong, and for how long they are not let in because of it.

use super::PeersConfig;
use crate::Fault;
use picot_clock::{Millis, Timestamp};
use picot_consensus::PeerFault;
use picot_crypto::Hash;
use std::collections::BTreeMap;

/// What comes of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is remembered for a while.
    Noted,
    /// The faults add up to a ban.
    Ban {
        /// How long it is.
        length: Millis,
    },
}

/// Points of a fault. With the usual limit of 100 and ten points that fade in a minute, two or three grave
/// ones within a minute are the end of a connection, as are twenty answers that nobody asked for, or
/// about a minute of sending too much all the time.
///
/// Blame is exact (design 09): each of these can be told from what the peer sent alone, or from that and
/// what everybody knows; none is a matter of what this node has not heard of yet. What this node cannot
/// judge, it drops.
///
/// | fault | points | why an honest node is never guilty of it |
/// | --- | --- | --- |
/// | unreadable | 40 | the byte form is canonical and of one version, and both sides agreed on that version; links are authenticated, so no one else changed it |
/// | out of turn | 40 | an honest node sends one handshake, first |
/// | bad signature | 40 | whoever passes something on has verified it before |
/// | bad certificate | 60 | it is complete in itself and judged by weights that both sides know from decided blocks, and no honest node has one that proves nothing |
/// | invalid header | 40 | it is passed on only after it was found valid, and offered by its producer alone before |
/// | wrong body | 60 | a body is given only by who holds the block whole, and the header names its operations |
/// | malformed | 40 | no rule allows anyone to send it |
/// | bad item | 40 | see `judge::is_proof`: anyone who looks at the item sees it |
/// | wrong block | 60 | as with a wrong body |
/// | wrong state | 100 | parts of a state are checked by their sums and by what the sender itself vouched for: whoever is blamed meant it |
/// | unasked | 5 | answers are sent only to questions; a late one is possible, so this is light |
/// | too many | 2 | the rates are far over what honest nodes need, but not a proof, so this is light, and counted once a second at most |
pub(crate) const fn points(fault: Fault) -> u64 {
    match fault {
        Fault::Consensus(PeerFault::BadCertificate | PeerFault::WrongBody) | Fault::WrongBlock => {
            60
        }
        Fault::Unreadable
        | Fault::OutOfTurn
        | Fault::BadItem
        | Fault::Consensus(
            PeerFault::BadSignature | PeerFault::InvalidHeader | PeerFault::Malformed,
        ) => 40,
        Fault::WrongState => 100,
        Fault::Unasked => 5,
        Fault::TooMany => 2,
    }
}

/// What is remembered of a node: as it was at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    at: Timestamp,
    /// The time in which all its points fade.
    debt: Millis,
    /// The rest of its ban.
    banned: Millis,
    /// Bans that make the next one longer.
    bans: u32,
    /// The time since the last ban ended.
    free: Millis,
    /// When its last fault was.
    touched: Timestamp,
}

impl Account {
    const fn new(now: Timestamp) -> Self {
        Self {
            at: now,
            debt: Millis::ZERO,
            banned: Millis::ZERO,
            bans: 0,
            free: Millis::ZERO,
            touched: now,
        }
    }

    /// As it is now. While a clock steps back, nothing fades and nothing grows.
    fn faded(self, now: Timestamp, config: &PeersConfig) -> Self {
        let passed = now.since(self.at).unwrap_or(Millis::ZERO);
        let free = passed.saturating_sub(self.banned);
        let free = Millis(self.free.0.saturating_add(free.0));
        let is_forgiven = free >= config.max_ban_length;
        Self {
            at: now,
            debt: self.debt.saturating_sub(passed),
            banned: self.banned.saturating_sub(passed),
            bans: if is_forgiven { 0 } else { self.bans },
            free,
            touched: self.touched,
        }
    }

    fn gravity(&self, config: &PeersConfig) -> Gravity {
        if self.bans > 0 {
            Gravity::Banned
        } else if self.debt.0 >= limit(config) / 2 {
            Gravity::Heavy
        } else if self.debt > Millis::ZERO {
            Gravity::Light
        } else {
            Gravity::Nothing
        }
    }
}

/// How much it matters that an account is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gravity {
    Nothing,
    Light,
    Heavy,
    Banned,
}

/// The faults of nodes, by their ids: they outlive connections.
///
/// Points fade linearly with time. Of more nodes than a bound, those are forgotten that matter least: never
/// one that was banned, or has many points, before one without; of equals the one whose last fault is the
/// oldest.
#[derive(Debug)]
pub(crate) struct Accounts {
    config: PeersConfig,
    nodes: BTreeMap<Hash, Account>,
}

impl Accounts {
    pub(crate) fn new(config: &PeersConfig) -> Self {
        Self {
            config: config.clone(),
            nodes: BTreeMap::new(),
        }
    }

    /// Adds a fault to a node's account. While it is banned, nothing is added: what it sent before it was
    /// disconnected does not make the ban longer.
    pub(crate) fn penalise(&mut self, now: Timestamp, node: Hash, fault: Fault) -> Verdict {
        self.make_room(now, &node);
        let config = &self.config;
        let account = self.nodes.entry(node).or_insert(Account::new(now));
        *account = account.faded(now, config);
        account.touched = now;
        if account.banned > Millis::ZERO {
            return Verdict::Noted;
        }
        let more = points(fault).saturating_mul(config.penalty_fade.0);
        account.debt = Millis(account.debt.0.saturating_add(more));
        if account.debt.0 < limit(config) {
            return Verdict::Noted;
        }
        let length = ban_length(config, account.bans);
        *account = Account {
            banned: length,
            bans: account.bans.saturating_add(1),
            ..Account::new(now)
        };
        Verdict::Ban { length }
    }

    /// The points of a node, rounded up.
    pub(crate) fn penalty(&self, now: Timestamp, node: &Hash) -> u64 {
        let account = self.nodes.get(node);
        let debt = account.map_or(0, |account| account.faded(now, &self.config).debt.0);
        debt.div_ceil(self.config.penalty_fade.0.max(1))
    }

    /// Forgets those that do not matter, and if there still is no place for another, a sixteenth of the
    /// rest: seldom, so that a fault costs little on average.
    fn make_room(&mut self, now: Timestamp, newcomer: &Hash) {
        if self.nodes.len() < self.config.max_accounts || self.nodes.contains_key(newcomer) {
            return;
        }
        let gravity = |account: &Account| account.faded(now, &self.config).gravity(&self.config);
        let mut ranked: Vec<_> = self
            .nodes
            .iter()
            .map(|(node, account)| (gravity(account), account.touched, *node))
            .collect();
        ranked.sort_unstable();
        let rest = self.config.max_accounts / 16;
        for (place, (gravity, _, node)) in ranked.iter().enumerate() {
            if place <= rest || *gravity == Gravity::Nothing {
                self.nodes.remove(node);
            }
        }
    }
}

/// The debt at which a node is banned.
const fn limit(config: &PeersConfig) -> u64 {
    config.penalty_limit.saturating_mul(config.penalty_fade.0)
}

/// Twice as long for each ban before, up to the longest.
fn ban_length(config: &PeersConfig, bans: u32) -> Millis {
    let factor = 1_u64.checked_shl(bans).unwrap_or(u64::MAX);
    let length = config.ban_length.0.saturating_mul(factor);
    Millis(length).min(config.max_ban_length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp(1_000_000_000);
    const ALL: [Fault; 12] = [
        Fault::Unreadable,
        Fault::OutOfTurn,
        Fault::Consensus(PeerFault::BadSignature),
        Fault::Consensus(PeerFault::BadCertificate),
        Fault::Consensus(PeerFault::InvalidHeader),
        Fault::Consensus(PeerFault::WrongBody),
        Fault::Consensus(PeerFault::Malformed),
        Fault::BadItem,
        Fault::WrongBlock,
        Fault::WrongState,
        Fault::Unasked,
        Fault::TooMany,
    ];

    fn later(ms: u64) -> Timestamp {
        Timestamp(START.0 + ms)
    }

    fn node(number: u64) -> Hash {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Hash::from(bytes)
    }

    fn accounts() -> Accounts {
        Accounts::new(&PeersConfig::default())
    }

    /// So many faults, evenly spread over a time, until a ban.
    fn faults_until_ban(fault: Fault, pause_ms: u64) -> Option<u64> {
        let mut accounts = accounts();
        (0..1_000).find(|number| {
            let verdict = accounts.penalise(later(number * pause_ms), node(1), fault);
            verdict != Verdict::Noted
        })
    }

    #[test]
    fn two_or_three_grave_faults_within_a_minute_are_the_end_and_light_ones_add_up() {
        for fault in ALL {
            let number = faults_until_ban(fault, 20_000).map(|number| number + 1);
            match points(fault) {
                100 => assert_eq!(number, Some(1), "{fault}"),
                60 => assert_eq!(number, Some(2), "{fault}"),
                40 => assert_eq!(number, Some(3), "{fault}"),
                _ => assert!(number.is_none_or(|number| number > 10), "{fault}"),
            }
        }
        assert_eq!(faults_until_ban(Fault::Unasked, 1), Some(20));
        let minute = faults_until_ban(Fault::TooMany, 1_000).unwrap();
        assert!((50..70).contains(&minute));
    }

    #[test]
    fn a_grave_fault_now_and_then_is_forgiven() {
        assert_eq!(faults_until_ban(Fault::WrongBlock, 6 * 60_000), None);
        assert_eq!(faults_until_ban(Fault::TooMany, 12_000), None);
    }

    fn ban(accounts: &mut Accounts, now: Timestamp) -> Millis {
        loop {
            if let Verdict::Ban { length } = accounts.penalise(now, node(1), Fault::WrongBlock) {
                return length;
            }
        }
    }

    #[test]
    fn each_ban_is_twice_as_long_up_to_a_day() {
        let mut accounts = accounts();
        let mut now = START;
        let mut minutes = Vec::new();
        for _ in 0..11 {
            let length = ban(&mut accounts, now);
            minutes.push(length.0 / 60_000);
            now = now.checked_add(length).unwrap();
        }
        let day = 24 * 60;
        assert_eq!(minutes, [5, 10, 20, 40, 80, 160, 320, 640, 1_280, day, day]);
    }

    #[test]
    fn a_day_without_a_ban_makes_the_next_one_short_again() {
        let mut accounts = accounts();
        let first = ban(&mut accounts, START);
        ban(&mut accounts, later(first.0));
        let day = Millis(24 * 3_600_000);
        let almost = later(first.0 + first.0 * 2 + day.0 - 1);
        let mut other = Accounts {
            config: accounts.config.clone(),
            nodes: accounts.nodes.clone(),
        };
        assert_eq!(ban(&mut other, almost), Millis(first.0 * 4));
        assert_eq!(ban(&mut accounts, Timestamp(almost.0 + 1)), first);
    }

    #[test]
    fn what_was_on_its_way_when_a_node_was_banned_does_not_make_the_ban_longer() {
        let mut accounts = accounts();
        let length = ban(&mut accounts, START);
        for ms in 0..1_000 {
            let verdict = accounts.penalise(later(ms), node(1), Fault::WrongBlock);
            assert_eq!(verdict, Verdict::Noted);
        }
        assert_eq!(accounts.penalty(later(1_000), &node(1)), 0);
        assert_eq!(ban(&mut accounts, later(length.0)), Millis(length.0 * 2));
    }

    #[test]
    fn one_node_does_not_answer_for_another() {
        let mut accounts = accounts();
        accounts.penalise(START, node(1), Fault::WrongBlock);
        assert_eq!(accounts.penalty(START, &node(1)), 60);
        assert_eq!(accounts.penalty(START, &node(2)), 0);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nobody_points() {
        let mut accounts = accounts();
        accounts.penalise(later(3_600_000), node(1), Fault::TooMany);
        for ms in 0..10 {
            let verdict = accounts.penalise(later(ms * 60_000), node(1), Fault::TooMany);
            assert_eq!(verdict, Verdict::Noted);
        }
        assert_eq!(accounts.penalty(later(9 * 60_000), &node(1)), 2);
    }

    #[test]
    fn a_flood_of_nodes_with_light_faults_does_not_wash_away_a_grave_one() {
        let mut accounts = accounts();
        ban(&mut accounts, START);
        accounts.penalise(START, node(2), Fault::WrongBlock);
        accounts.penalise(START, node(3), Fault::TooMany);
        for number in 0..20_000 {
            accounts.penalise(later(1 + number / 100), node(number + 10), Fault::TooMany);
            assert!(accounts.nodes.len() <= accounts.config.max_accounts);
        }
        assert_eq!(accounts.nodes[&node(1)].bans, 1);
        assert!(accounts.penalty(later(300), &node(2)) >= 59);
        assert!(!accounts.nodes.contains_key(&node(3)));
    }

    #[test]
    fn those_whose_points_have_faded_are_forgotten_first() {
        let mut accounts = accounts();
        for number in 0..accounts.config.max_accounts as u64 {
            accounts.penalise(START, node(number), Fault::TooMany);
        }
        accounts.penalise(later(30_000), node(7), Fault::TooMany);
        accounts.penalise(later(30_000), node(1_000_000), Fault::TooMany);
        assert_eq!(accounts.nodes.len(), 2);
        assert!(accounts.penalty(later(30_000), &node(7)) > 0);
    }

    proptest! {
        #[test]
        fn without_faults_points_only_fade_and_to_nothing(
            faults in proptest::collection::vec((0_usize..ALL.len(), 0_u64..60_000), 1..30),
            looks in proptest::collection::vec(0_u64..60_000, 1..30),
        ) {
            let mut accounts = accounts();
            let mut now = START;
            for (fault, pause) in faults {
                now = Timestamp(now.0 + pause);
                let before = accounts.penalty(now, &node(1));
                let verdict = accounts.penalise(now, node(1), ALL[fault]);
                let after = accounts.penalty(now, &node(1));
                // It is rounded up.
                prop_assert!(after <= accounts.config.penalty_limit);
                match verdict {
                    Verdict::Ban { .. } => {
                        prop_assert!(before + points(ALL[fault]) >= accounts.config.penalty_limit);
                    }
                    // Nothing is added during a ban.
                    Verdict::Noted => {
                        prop_assert!(after == before + points(ALL[fault]) || after == 0);
                    }
                }
            }
            let mut last = accounts.penalty(now, &node(1));
            for pause in looks {
                let (then, before) = (now, last);
                now = Timestamp(now.0 + pause);
                last = accounts.penalty(now, &node(1));
                prop_assert!(last <= before);
                let faded = (now.0 - then.0).div_ceil(accounts.config.penalty_fade.0);
                prop_assert!(last + faded >= before);
            }
            let limit = limit(&accounts.config);
            prop_assert_eq!(accounts.penalty(Timestamp(now.0 + limit), &node(1)), 0);
        }
    }
}
