//! The states, and how they are written as one number.
//!
//! What one validator signed in one round is a **cell** of six bits: a bit for each value that it
//! notarised, one for a nullify vote, and the value that it finalised. The cells of its rounds are its
//! **history**, the histories of the honest validators in ascending order are the state.

use crate::moves::Moves;
use crate::permutations::permutations;
use crate::variants::Rules;
use picot_consensus::rules::KnownCertificates;
use picot_models::{BlockId, Hash, Value};
use std::fmt;

/// Values that a cell has room for.
pub(crate) const MAX_VALUES: usize = 3;
/// Bits of a cell, and cells there are.
pub(crate) const CELL_BITS: usize = 6;
pub(crate) const CELLS: usize = 1 << CELL_BITS;
const NULLIFIED: usize = 1 << MAX_VALUES;
const FINALISED_AT: usize = MAX_VALUES + 1;
const MAX_HONEST: usize = 5;
/// Bits of one count in the sum of votes: five honest validators at most.
const COUNT_BITS: usize = 3;

/// How much is explored. Each validator weighs 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) honest: usize,
    pub(crate) byzantine: usize,
    pub(crate) rounds: usize,
    pub(crate) values: usize,
}

impl Size {
    fn validators(&self) -> usize {
        self.honest + self.byzantine
    }

    fn history_bits(&self) -> usize {
        self.rounds * CELL_BITS
    }

    /// Bits of a set of notarise and nullify certificates.
    pub(crate) fn certificate_bits(&self) -> usize {
        self.rounds * (self.values + 1)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} validators, {} Byzantine, {} rounds, {} values",
            self.validators(),
            self.byzantine,
            self.rounds,
            self.values
        )
    }
}

/// The value with a number: a miss is one like the others.
pub(crate) fn value(number: usize) -> Value {
    match u8::try_from(number) {
        Ok(0) => Value::Miss { through: 1 },
        Ok(number) => Value::Block {
            id: BlockId::from_hash(Hash([number; 32])),
        },
        Err(_) => unreachable!("there are at most {MAX_VALUES} values"),
    }
}

/// The number of a value.
pub(crate) fn number_of(sought: &Value) -> usize {
    (0..MAX_VALUES)
        .position(|number| value(number) == *sought)
        .unwrap_or_else(|| unreachable!("the rules made up {sought:?}"))
}

/// What one validator signed in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell(pub(crate) usize);

impl Cell {
    pub(crate) fn of(history: usize, round: usize) -> Self {
        Self(history >> (round * CELL_BITS) & (CELLS - 1))
    }

    pub(crate) fn has_notarised(self, value: usize) -> bool {
        self.0 >> value & 1 == 1
    }

    pub(crate) fn has_nullified(self) -> bool {
        self.0 & NULLIFIED != 0
    }

    pub(crate) fn finalised(self) -> Option<usize> {
        (self.0 >> FINALISED_AT).checked_sub(1)
    }

    pub(crate) fn notarise(self, value: usize) -> Self {
        Self(self.0 | 1 << value)
    }

    pub(crate) fn nullify(self) -> Self {
        Self(self.0 | NULLIFIED)
    }

    pub(crate) fn finalise(self, value: usize) -> Self {
        let rest = self.0 & ((1 << FINALISED_AT) - 1);
        Self(rest | (value + 1) << FINALISED_AT)
    }

    fn renamed(self, order: &[usize]) -> Self {
        let mut renamed = Self(self.0 & NULLIFIED);
        for (value, new) in order.iter().enumerate() {
            if self.has_notarised(value) {
                renamed = renamed.notarise(*new);
            }
        }
        match self.finalised() {
            Some(value) => renamed.finalise(order[value]),
            None => renamed,
        }
    }
}

/// A set of notarise and nullify certificates: for each round a bit for each value and one for
/// `Z(round)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) set: usize,
    pub(crate) size: Size,
}

impl Known {
    fn of_round(&self, round: usize) -> usize {
        let bits = self.size.values + 1;
        self.set >> (round * bits) & ((1 << bits) - 1)
    }

    /// The values notarised in a round, a bit each.
    pub(crate) fn values(&self, round: usize) -> usize {
        self.of_round(round) & ((1 << self.size.values) - 1)
    }

    /// One validator keeps one notarise certificate for a round.
    pub(crate) fn can_be_held(&self) -> bool {
        (0..self.size.rounds).all(|round| self.values(round).count_ones() <= 1)
    }

    fn has_nullified(&self, round: usize) -> bool {
        self.of_round(round) >> self.size.values == 1
    }
}

impl KnownCertificates for Known {
    fn notarised(&self, round: u32) -> Option<Value> {
        let values = self.values(index(round));
        (values != 0).then(|| value(index(values.trailing_zeros())))
    }

    fn nullified(&self, round: u32) -> bool {
        self.has_nullified(index(round))
    }

    fn latest_round(&self) -> Option<u32> {
        (0..self.size.rounds)
            .rev()
            .find(|round| self.of_round(*round) != 0)
            .map(round_number)
    }
}

/// A number of a round as an index.
pub(crate) fn index(round: u32) -> usize {
    round as usize
}

/// An index as the number of a round.
pub(crate) fn round_number(round: usize) -> u32 {
    u32::try_from(round).unwrap_or_else(|_| unreachable!("rounds are few"))
}

/// What the safety argument of design 07 claims of the certificates that can be formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lemma {
    /// One value is notarised in a round.
    L1,
    /// A round is not both finalised and nullified.
    L2,
    /// What is finalised in a round is notarised in it.
    L3,
    /// No other value is notarised in the round of a finalised one or later.
    L4,
    /// One value is decided.
    Agreement,
}

/// Every certificate that the votes of a state allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Certificates {
    pub(crate) known: Known,
    /// For each round a bit for each value: `Fin(round, value)`.
    pub(crate) finalised: usize,
}

impl Certificates {
    fn finalised(&self, round: usize) -> usize {
        let values = self.known.size.values;
        self.finalised >> (round * values) & ((1 << values) - 1)
    }

    /// The rounds with a finalise certificate, a bit each.
    pub(crate) fn decided_rounds(&self) -> usize {
        let rounds = 0..self.known.size.rounds;
        rounds.fold(0, |all, round| {
            all | usize::from(self.finalised(round) != 0) << round
        })
    }

    /// Whether two values are decided, in one round or in two.
    pub(crate) fn disagrees(&self) -> bool {
        let rounds = 0..self.known.size.rounds;
        let decided = rounds.fold(0, |all, round| all | self.finalised(round));
        decided.count_ones() > 1
    }

    /// The first part of the safety argument of design 07 that does not hold.
    pub(crate) fn violated(&self) -> Option<Lemma> {
        let rounds = self.known.size.rounds;
        for round in 0..rounds {
            let finalised = self.finalised(round);
            if self.known.values(round).count_ones() > 1 {
                return Some(Lemma::L1);
            }
            if finalised == 0 {
                continue;
            }
            if self.known.has_nullified(round) {
                return Some(Lemma::L2);
            }
            if finalised & !self.known.values(round) != 0 {
                return Some(Lemma::L3);
            }
            if (round..rounds).any(|later| self.known.values(later) & !finalised != 0) {
                return Some(Lemma::L4);
            }
        }
        self.disagrees().then_some(Lemma::Agreement)
    }
}

/// What the honest validators have signed, as one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(pub(crate) u64);

/// The histories of a state in ascending order, and zeros.
type Histories = [usize; MAX_HONEST];

/// The tables that make a step cheap.
pub(crate) struct Model {
    size: Size,
    moves: Moves,
    /// For each order of the values and each history: the history with the values renamed.
    renamed: Vec<Vec<usize>>,
    /// For each history: its votes, a count of `COUNT_BITS` for each thing that can be voted for.
    votes: Vec<u64>,
    /// Honest votes that make a certificate together with all Byzantine ones.
    needed: u64,
}

impl Model {
    pub(crate) fn new(rules: &impl Rules, size: Size) -> Self {
        assert!(size.honest <= MAX_HONEST && size.values <= MAX_VALUES);
        assert!(
            size.honest * size.history_bits() <= 64,
            "a state is 64 bits"
        );
        let histories = 1 << size.history_bits();
        let renamed = permutations(size.values)
            .iter()
            .map(|order| {
                let cells: Vec<usize> = (0..CELLS).map(|it| renamed_cell(it, order)).collect();
                (0..histories)
                    .map(|history| each_cell(history, size.rounds, |cell| cells[cell.0]))
                    .collect()
            })
            .collect();
        let votes = (0..histories).map(|it| votes_of(it, size)).collect();
        let quorum = rules.quorum(size.validators() as u64);
        Self {
            size,
            moves: Moves::new(rules, size),
            renamed,
            votes,
            needed: quorum.saturating_sub(size.byzantine as u64).max(1),
        }
    }

    /// Where all begin: nothing is signed.
    pub(crate) const fn start() -> State {
        State(0)
    }

    /// Every certificate that the votes of a state allow.
    pub(crate) fn certificates(&self, state: State) -> Certificates {
        let mut votes = 0;
        for history in self.histories(state) {
            votes += self.votes[history];
        }
        let (mut set, mut finalised) = (0, 0);
        let notarise_or_nullify = self.size.certificate_bits();
        let mut subject = 0;
        while votes != 0 {
            if votes & ((1 << COUNT_BITS) - 1) >= self.needed {
                if subject < notarise_or_nullify {
                    set |= 1 << subject;
                } else {
                    finalised |= 1 << (subject - notarise_or_nullify);
                }
            }
            votes >>= COUNT_BITS;
            subject += 1;
        }
        Certificates {
            known: Known {
                set,
                size: self.size,
            },
            finalised,
        }
    }

    /// Hands every state that one more vote of one honest validator leads to, to `found`.
    pub(crate) fn each_next(
        &self,
        state: State,
        certificates: &Certificates,
        mut found: impl FnMut(State),
    ) {
        let histories = self.histories(state);
        for place in 0..self.size.honest {
            let history = histories[place];
            if place > 0 && histories[place - 1] == history {
                continue;
            }
            for round in 0..self.size.rounds {
                let cell = Cell::of(history, round);
                let mut next = self.moves.of(certificates.known.set, round, cell);
                while next != 0 {
                    let changed = index(next.trailing_zeros()) ^ cell.0;
                    next &= next - 1;
                    let mut after = histories;
                    after[place] = history ^ changed << (round * CELL_BITS);
                    found(self.canonical(&after));
                }
            }
        }
    }

    /// The same number for all states that differ in the names of validators or values only.
    fn canonical(&self, histories: &Histories) -> State {
        let honest = self.size.honest;
        let mut least = u64::MAX;
        for renamed in &self.renamed {
            let mut sorted = [0; MAX_HONEST];
            for place in 0..honest {
                let history = renamed[histories[place]];
                let mut at = place;
                while at > 0 && sorted[at - 1] > history {
                    sorted[at] = sorted[at - 1];
                    at -= 1;
                }
                sorted[at] = history;
            }
            let state = sorted[..honest].iter().fold(0, |state, history| {
                (state << self.size.history_bits()) | *history as u64
            });
            least = least.min(state);
        }
        State(least)
    }

    fn histories(&self, State(mut state): State) -> Histories {
        let bits = self.size.history_bits();
        let mut histories = [0; MAX_HONEST];
        for place in (0..self.size.honest).rev() {
            histories[place] = low_bits(state, bits);
            state >>= bits;
        }
        histories
    }

    /// Who signed what, for a person.
    pub(crate) fn describe(&self, state: State) -> String {
        let mut text = String::new();
        for (validator, history) in self.histories(state).iter().enumerate() {
            for round in 0..self.size.rounds {
                let cell = Cell::of(*history, round);
                for value in (0..self.size.values).filter(|value| cell.has_notarised(*value)) {
                    text += &format!("  {validator}: notarise({round}, v{value})\n");
                }
                if cell.has_nullified() {
                    text += &format!("  {validator}: nullify({round})\n");
                }
                if let Some(value) = cell.finalised() {
                    text += &format!("  {validator}: finalise({round}, v{value})\n");
                }
            }
        }
        text
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a history is at most 18 bits"
)]
const fn low_bits(number: u64, bits: usize) -> usize {
    (number & ((1 << bits) - 1)) as usize
}

fn each_cell(history: usize, rounds: usize, change: impl Fn(Cell) -> usize) -> usize {
    (0..rounds).fold(0, |changed, round| {
        changed | change(Cell::of(history, round)) << (round * CELL_BITS)
    })
}

fn renamed_cell(cell: usize, order: &[usize]) -> usize {
    let cell = Cell(cell);
    match cell.finalised() {
        // No such value: no state has it.
        Some(value) if value >= order.len() => cell.0,
        _ => cell.renamed(order).0,
    }
}

/// The votes of one history, one count of 1 for each. The order of counts is that of the bits in
/// `Known`, then that of `Certificates::finalised`.
fn votes_of(history: usize, size: Size) -> u64 {
    let mut subjects = 0;
    for round in 0..size.rounds {
        let cell = Cell::of(history, round);
        let first = round * (size.values + 1);
        for value in 0..size.values {
            if cell.has_notarised(value) {
                subjects |= 1 << ((first + value) * COUNT_BITS);
            }
        }
        if cell.has_nullified() {
            subjects |= 1 << ((first + size.values) * COUNT_BITS);
        }
        if let Some(value) = cell.finalised().filter(|value| *value < size.values) {
            let subject = size.certificate_bits() + round * size.values + value;
            subjects |= 1 << (subject * COUNT_BITS);
        }
    }
    subjects
}

#[test]
fn a_cell_keeps_what_was_signed() {
    let cell = Cell(0).notarise(2).nullify().finalise(1);
    assert!(cell.has_notarised(2) && !cell.has_notarised(1) && cell.has_nullified());
    assert_eq!(cell.finalised(), Some(1));
    let renamed = cell.renamed(&[1, 2, 0]);
    assert!(renamed.has_notarised(0) && renamed.has_nullified());
    assert_eq!(renamed.finalised(), Some(2));
    assert_eq!(Cell(0).finalised(), None);
}
