//! What the rules let an honest validator do, asked for every input that there is: each set of
//! certificates, each round, each cell. The rules see nothing else, so one table holds all answers.

use crate::model::{CELLS, Cell, Known, Size, number_of, round_number, value};
use crate::variants::Rules;
use picot_consensus::rules::{Backed, Marks};
use picot_models::Carry;

/// For each set of certificates that exist, each round and each cell: the cells that one more vote
/// leads to, a bit each.
pub(crate) struct Moves {
    rounds: usize,
    table: Vec<u64>,
}

impl Moves {
    pub(crate) fn new(rules: &impl Rules, size: Size) -> Self {
        let sets = 1 << size.certificate_bits();
        let mut moves = Self {
            rounds: size.rounds,
            table: vec![0; sets * size.rounds * CELLS],
        };
        let marks: Vec<Vec<Vec<Marks>>> = (0..size.rounds)
            .map(|round| {
                (0..CELLS)
                    .map(|it| marks_of(Cell(it), round, size))
                    .collect()
            })
            .collect();
        let mut reachable = vec![1; sets];
        for set in 0..sets {
            let known = Known { set, size };
            for smaller in each_without_one(set) {
                reachable[set] |= reachable[smaller];
            }
            if known.can_be_held() {
                reachable[set] = advanced(rules, &known, reachable[set]);
                moves.ask(rules, &known, reachable[set], &marks);
            }
            // Whoever knows some of them does what it did when there were no others.
            moves.add_those_of_smaller_sets(set);
        }
        moves
    }

    /// The cells that one more vote leads to, when the certificates of `set` exist.
    pub(crate) fn of(&self, set: usize, round: usize, cell: Cell) -> u64 {
        self.table[self.place(set, round, cell)]
    }

    const fn place(&self, set: usize, round: usize, cell: Cell) -> usize {
        (set * self.rounds + round) * CELLS + cell.0
    }

    fn add_those_of_smaller_sets(&mut self, set: usize) {
        let per_set = self.rounds * CELLS;
        for smaller in each_without_one(set) {
            for at in 0..per_set {
                self.table[set * per_set + at] |= self.table[smaller * per_set + at];
            }
        }
    }

    /// Asks the rules for all that a validator may do that knows exactly these certificates and may
    /// be in these rounds.
    fn ask(
        &mut self,
        rules: &impl Rules,
        known: &Known,
        in_rounds: u32,
        marks: &[Vec<Vec<Marks>>],
    ) {
        for (round, of_round) in marks.iter().enumerate() {
            let is_here = in_rounds >> round & 1 == 1;
            for (cell, all_marks) in of_round.iter().enumerate() {
                let cell = Cell(cell);
                let place = self.place(known.set, round, cell);
                for marks in all_marks {
                    let mut next = after_finalising(rules, known, round, cell, marks);
                    if is_here {
                        next |= after_acting_in_round(rules, known, round, cell, marks);
                    }
                    // A repeat is no step.
                    self.table[place] |= next & !(1 << cell.0);
                }
            }
        }
    }
}

/// Each set that lacks one element of this one.
fn each_without_one(set: usize) -> impl Iterator<Item = usize> {
    (0..usize::BITS)
        .map(move |bit| set & !(1 << bit))
        .take_while(move |_| set != 0)
        .filter(move |smaller| *smaller != set)
}

/// Rule 7: the rounds, a bit each, that a validator can get to from these.
fn advanced(rules: &impl Rules, known: &Known, mut rounds: u32) -> u32 {
    // Rounds are only gained: going through them in order finds all.
    for round in 0..known.size.rounds {
        if rounds >> round & 1 == 1 {
            for waited in [false, true] {
                rounds |= 1 << rules.advance(known, round_number(round), waited);
            }
        }
    }
    rounds
}

/// Rule 5, which looks at rounds that were left too.
fn after_finalising(
    rules: &impl Rules,
    known: &Known,
    round: usize,
    cell: Cell,
    marks: &Marks,
) -> u64 {
    rules
        .finalise(known, marks, round_number(round))
        .map_or(0, |value| bit(cell.finalise(number_of(&value))))
}

/// Rules 2, 4 and 6. The proposals of rule 3 are among those that a Byzantine coordinator can make.
fn after_acting_in_round(
    rules: &impl Rules,
    known: &Known,
    round: usize,
    cell: Cell,
    marks: &Marks,
) -> u64 {
    let number = round_number(round);
    let size = known.size;
    let mut next = 0;
    for choice in (0..size.values).map(value) {
        if let Some(vote) = rules.choose(marks, number, choice) {
            next |= bit(cell.notarise(number_of(&vote.value)));
        }
        for carry in carries(size.rounds) {
            let proposal = Backed {
                value: choice,
                carry,
            };
            if let Some(vote) = rules.vote(known, marks, number, proposal) {
                next |= bit(cell.notarise(number_of(&vote.value)));
            }
        }
    }
    if rules.nullify(known, marks, number) {
        next |= bit(cell.nullify());
    }
    next
}

const fn bit(cell: Cell) -> u64 {
    1 << cell.0
}

/// Every claim of what carries a value, the absurd ones included.
fn carries(rounds: usize) -> impl Iterator<Item = Carry> {
    let from = (0..rounds).map(|round| Carry::From {
        round: round_number(round),
    });
    std::iter::once(Carry::Free).chain(from)
}

/// The marks of one validator in one round that a cell stands for: a cell does not tell what a vote
/// relied on, nor which proposal was made.
fn marks_of(cell: Cell, round: usize, size: Size) -> Vec<Marks> {
    if cell.finalised().is_some_and(|value| value >= size.values) {
        return Vec::new();
    }
    let bare = Marks {
        nullified: cell.has_nullified(),
        finalised: cell.finalised().map(value),
        ..Marks::default()
    };
    let votes: Vec<Backed> = (0..size.values)
        .filter(|number| cell.has_notarised(*number))
        .flat_map(|number| backed(number, round))
        .collect();
    let notarised: Vec<Marks> = votes
        .iter()
        .map(|vote| Marks {
            notarised: Some(*vote),
            ..bare
        })
        .collect();
    let unproposed = if cell.0 & ((1 << size.values) - 1) == 0 {
        vec![bare]
    } else {
        notarised
    };
    let proposed = (0..size.values).flat_map(|number| backed(number, round));
    let proposed: Vec<Option<Backed>> = std::iter::once(None).chain(proposed.map(Some)).collect();
    unproposed
        .iter()
        .flat_map(|marks| {
            proposed.iter().map(|proposed| Marks {
                proposed: *proposed,
                ..*marks
            })
        })
        .collect()
}

/// A value with all that it can rely on in a round.
fn backed(number: usize, round: usize) -> impl Iterator<Item = Backed> {
    carries(round).map(move |carry| Backed {
        value: value(number),
        carry,
    })
}

/// Rule 3: what an honest coordinator proposes with the certificates it holds, everyone who holds
/// them votes for; and it has something to propose unless its round is notarised already.
#[test]
fn what_an_honest_coordinator_proposes_is_justified_by_what_it_knows() {
    use crate::variants::AsDesigned;
    use picot_consensus::rules::{KnownCertificates, is_justified, is_well_formed, propose, vote};
    let size = Size {
        honest: 3,
        byzantine: 1,
        rounds: 3,
        values: 3,
    };
    let (marks, mut proposals) = (Marks::default(), 0);
    for set in 0..1 << size.certificate_bits() {
        let known = Known { set, size };
        if !known.can_be_held() {
            continue;
        }
        let rounds = advanced(&AsDesigned, &known, 1);
        for round in (1..=size.rounds).filter(|round| rounds >> round & 1 == 1) {
            let round = round_number(round);
            let Some(proposal) = propose(&known, &marks, round, value(1)) else {
                assert!(
                    known.notarised(round).is_some(),
                    "stuck in {round}: {known:?}"
                );
                continue;
            };
            assert!(is_well_formed(round, proposal.carry));
            assert!(is_justified(&known, round, proposal));
            assert_eq!(vote(&known, &marks, round, proposal, true), Some(proposal));
            proposals += 1;
        }
    }
    assert!(proposals > 100);
}
