//! What is to happen in each round.

use crate::Dice;
use picot_database::FaultPoint;

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// By itself, at a named point.
    Fault(FaultPoint),
    /// Killed so many milliseconds after it was started.
    Starting(u64),
    /// Killed so many milliseconds after it had caught up.
    Running(u64),
}

/// Stakers that are killed.
pub(super) const STAKERS: usize = 2;
/// The one of them that keeps the last cycles only.
pub(super) const PRUNED: usize = 1;
/// Nodes without stake that are killed and begin anew, over and over: each time they listen to their peers
/// for some seconds, so that several do at once.
pub(super) const NEWCOMERS: usize = 3;

/// The rounds of the stakers and, after them, of the newcomers.
pub(super) struct Plan {
    pub(super) lanes: [Vec<Round>; STAKERS + NEWCOMERS],
}

/// Rounds of which one is a kill at a random moment; the others are at named points, each of them in
/// turn.
const KILL_EVERY: usize = 3;
/// Kills of which one is of a newcomer.
const NEWCOMER_EVERY: u64 = 3;

impl Plan {
    pub(super) fn new(rounds: u64, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut plan = Self {
            lanes: Default::default(),
        };
        let lanes: Vec<usize> = (0..STAKERS + NEWCOMERS).collect();
        let (stakers, newcomers) = lanes.split_at(STAKERS);
        let mut points = Vec::new();
        for number in 0..usize::try_from(rounds).expect("not so many") {
            if number % KILL_EVERY == KILL_EVERY - 1 {
                let round = if dice.below(2) == 0 {
                    Round::Starting(dice.below(700))
                } else {
                    Round::Running(dice.below(1_000))
                };
                let of_newcomer = dice.below(NEWCOMER_EVERY) == 0;
                let among = if of_newcomer { newcomers } else { stakers };
                plan.shortest(among).push(round);
                continue;
            }
            if points.is_empty() {
                points = FaultPoint::ALL.to_vec();
                dice.shuffle(&mut points);
            }
            let point = points.pop().expect("just filled");
            let among = match point {
                _ if is_of_first_start(point) || is_of_bootstrap(point) => newcomers,
                // Only one of them drops what is old.
                FaultPoint::ArchivePrune
                | FaultPoint::ArchivePruned
                | FaultPoint::ArchiveReclaim
                | FaultPoint::ArchiveReclaimed => &[PRUNED],
                _ => stakers,
            };
            plan.shortest(among).push(Round::Fault(point));
        }
        plan
    }

    fn shortest(&mut self, among: &[usize]) -> &mut Vec<Round> {
        let lane = among.iter().min_by_key(|lane| self.lanes[**lane].len());
        &mut self.lanes[*lane.expect("a lane")]
    }
}

/// Passed once in the life of a data directory.
pub(super) const fn is_of_first_start(point: FaultPoint) -> bool {
    matches!(
        point,
        FaultPoint::GenesisWritten
            | FaultPoint::ChainFileWrite
            | FaultPoint::ChainFileSynced
            | FaultPoint::ChainFileWritten
            | FaultPoint::StoreMade
            | FaultPoint::StoreSynced
            | FaultPoint::StoreRenamed
            | FaultPoint::LogMade
            | FaultPoint::LogRenamed
            | FaultPoint::OriginWrite
            | FaultPoint::OriginWritten
    )
}

/// Passed when a state is received from others.
pub(super) const fn is_of_bootstrap(point: FaultPoint) -> bool {
    matches!(
        point,
        FaultPoint::IncomingWrite
            | FaultPoint::IncomingWritten
            | FaultPoint::IncomingAdopt
            | FaultPoint::IncomingAdopted
    )
}

/// How many passings of a point may be waited for: some come many times in a second, others once in a
/// cycle.
pub(super) const fn passings(point: FaultPoint) -> u64 {
    match point {
        FaultPoint::LogWrite | FaultPoint::LogTorn => 20,
        FaultPoint::Claim
        | FaultPoint::Claimed
        | FaultPoint::LogSync
        | FaultPoint::LogSynced
        | FaultPoint::StateCommit
        | FaultPoint::StateCommitted
        | FaultPoint::DecisionsWrite
        | FaultPoint::DecisionsWritten
        | FaultPoint::CheckpointWrite
        | FaultPoint::CheckpointWritten
        | FaultPoint::SignatureLeaves
        | FaultPoint::SignatureLeft => 3,
        FaultPoint::CandidatesWrite
        | FaultPoint::CandidatesWritten
        | FaultPoint::NodeWrite
        | FaultPoint::NodeWritten => 1,
        _ => 1,
    }
}
