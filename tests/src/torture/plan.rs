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

/// The rounds of two stakers and of a newcomer.
pub(super) struct Plan {
    pub(super) lanes: [Vec<Round>; 3],
}

/// Rounds of which one is a kill at a random moment; the others are at named points, each of them in
/// turn.
const KILL_EVERY: usize = 3;

impl Plan {
    pub(super) fn new(rounds: u64, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut plan = Self {
            lanes: Default::default(),
        };
        let mut points = Vec::new();
        for number in 0..usize::try_from(rounds).expect("not so many") {
            if number % KILL_EVERY == KILL_EVERY - 1 {
                let round = if dice.below(2) == 0 {
                    Round::Starting(dice.below(700))
                } else {
                    Round::Running(dice.below(1_000))
                };
                plan.shortest(&[0, 1, 2]).push(round);
                continue;
            }
            if points.is_empty() {
                points = FaultPoint::ALL.to_vec();
                dice.shuffle(&mut points);
            }
            let point = points.pop().expect("just filled");
            let lanes: &[usize] = match point {
                _ if is_of_first_start(point) || is_of_bootstrap(point) => &[2],
                // Only one of them drops what is old.
                FaultPoint::ArchivePrune
                | FaultPoint::ArchivePruned
                | FaultPoint::ArchiveReclaim
                | FaultPoint::ArchiveReclaimed => &[1],
                _ => &[0, 1],
            };
            plan.shortest(lanes).push(Round::Fault(point));
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
