//! What a checkpoint's `validator_sets` is the hash of: who validates in the next cycles, and the seeds.

use crate::CheckpointError;
use picot_crypto::{Context, Hash};
use picot_models::limits::MAX_VALIDATORS;
use picot_models::{Address, Genesis, Validator, ValidatorSet};
use picot_pos::{Config, CycleDraws};
use picot_serialization::{Encode, codec_struct};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The cycles whose roll distributions a checkpoint names: the one that runs after it, and two more.
pub const CYCLES_AHEAD: usize = 3;

/// The most validators that a change can name: all leave, as many come.
const MAX_CHANGED: usize = 2 * MAX_VALIDATORS;

/// Who validates in one cycle, and the seed that it draws with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleSet {
    validators: Arc<ValidatorSet>,
    /// Of the validators: found out once, because it costs their number.
    hash: Hash,
    seed: Option<Hash>,
}

impl CycleSet {
    /// Of a cycle. The seed is `None` while the cycle that it comes from is not complete.
    #[must_use]
    pub fn new(validators: Arc<ValidatorSet>, seed: Option<Hash>) -> Self {
        let hash = validators.hash();
        Self {
            validators,
            hash,
            seed,
        }
    }

    /// Who validates, with which power.
    #[must_use]
    pub const fn validators(&self) -> &Arc<ValidatorSet> {
        &self.validators
    }

    /// The seed of the cycle's draws, if it is known.
    #[must_use]
    pub const fn seed(&self) -> Option<&Hash> {
        self.seed.as_ref()
    }
}

/// What is known of the validators of the cycles after a checkpoint: three roll distributions, and the
/// seeds of the first two (in the first cycles of a chain of all three).
///
/// The first cycle is that of the slot after the checkpoint. So all checkpoints inside a cycle name the
/// same sets as the one at the end of the cycle before, and each end of a cycle brings one new roll
/// distribution and one new seed: a [`SetsChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSets {
    first: CycleSet,
    second: CycleSet,
    third: CycleSet,
}

impl ValidatorSets {
    /// Those of the first cycles of a chain.
    ///
    /// # Errors
    /// The genesis makes no chain.
    pub fn genesis(genesis: &Genesis) -> Result<Self, CheckpointError> {
        let config = Config::new(genesis)?;
        let [first, second, third] = config.genesis_seeds;
        let of_cycle = |cycle: u64, seed| {
            let validators = ValidatorSet::new(cycle, &config.genesis_rolls)?;
            Ok::<_, CheckpointError>(CycleSet::new(Arc::new(validators), Some(seed)))
        };
        Ok(Self {
            first: of_cycle(0, first)?,
            second: of_cycle(1, second)?,
            third: of_cycle(2, third)?,
        })
    }

    /// Those that a final state names. What `known` has of the same cycles is taken from there, which
    /// saves hashing it again.
    ///
    /// # Errors
    /// Roll counts that make no validator set.
    pub fn of_draws(
        draws: &[CycleDraws; CYCLES_AHEAD],
        known: Option<&Self>,
    ) -> Result<Self, CheckpointError> {
        let of_cycle = |draws: &CycleDraws| {
            let set = match known.and_then(|known| known.of_cycle(draws.cycle)) {
                Some(known) => CycleSet {
                    seed: draws.seed,
                    ..known.clone()
                },
                None => {
                    let validators = ValidatorSet::new(draws.cycle, &draws.rolls)?;
                    CycleSet::new(Arc::new(validators), draws.seed)
                }
            };
            Ok::<_, CheckpointError>(set)
        };
        let [first, second, third] = draws;
        Ok(Self {
            first: of_cycle(first)?,
            second: of_cycle(second)?,
            third: of_cycle(third)?,
        })
    }

    /// The cycle that runs after the checkpoint.
    #[must_use]
    pub fn first_cycle(&self) -> u64 {
        self.first.validators.cycle()
    }

    /// The three sets, by ascending cycle.
    #[must_use]
    pub const fn all(&self) -> [&CycleSet; CYCLES_AHEAD] {
        [&self.first, &self.second, &self.third]
    }

    /// The set of one of the three cycles.
    #[must_use]
    pub fn of_cycle(&self, cycle: u64) -> Option<&CycleSet> {
        let all = self.all().into_iter();
        all.into_iter().find(|set| set.validators.cycle() == cycle)
    }

    /// What a checkpoint names them by: the hash over each cycle's set hash and seed.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut input = Vec::new();
        for set in self.all() {
            set.hash.encode(&mut input);
            set.seed.encode(&mut input);
        }
        Context::ValidatorSets.hash(&input)
    }

    /// What the last cycle end brought: how to come here from the sets of one cycle before.
    #[must_use]
    pub fn last_change(&self) -> SetsChange {
        SetsChange {
            rolls: changes(
                self.second.validators.validators(),
                self.third.validators.validators(),
            ),
            // The seed of the second cycle is that of the cycle that has just ended.
            seed: self.second.seed.unwrap_or_default(),
        }
    }

    /// The sets after the next cycle end.
    ///
    /// # Errors
    /// [`CheckpointError::WrongChange`], [`CheckpointError::Validators`].
    pub fn changed(&self, change: &SetsChange) -> Result<Self, CheckpointError> {
        let cycle = self.third.validators.cycle().saturating_add(1);
        let rolls = changed_rolls(self.third.validators.validators(), &change.rolls)?;
        let validators = ValidatorSet::new(cycle, &rolls)?;
        Ok(Self {
            first: self.second.clone(),
            second: CycleSet {
                seed: Some(change.seed),
                ..self.third.clone()
            },
            third: CycleSet::new(Arc::new(validators), None),
        })
    }

    /// The wire form.
    #[must_use]
    pub fn to_record(&self) -> ValidatorSetsRecord {
        let [first, second, third] = self.all().map(|set| set.validators.validators());
        ValidatorSetsRecord {
            first_cycle: self.first_cycle(),
            first: first.to_vec(),
            second: changes(first, second),
            third: changes(second, third),
            seeds: (self.first.seed, self.second.seed, self.third.seed),
        }
    }
}

/// What the end of cycle `C` adds to the sets before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetsChange {
    /// The rolls of cycle `C + 3` where they are others than those of `C + 2`, by ascending address;
    /// power 0: none any more.
    pub rolls: Vec<Validator>,
    /// The seed of cycle `C + 2`.
    pub seed: Hash,
}

codec_struct!(SetsChange {
    rolls: seq(MAX_CHANGED),
    seed
});

/// The wire form of [`ValidatorSets`]: the first distribution whole, the others as changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSetsRecord {
    /// The first cycle.
    pub first_cycle: u64,
    /// Its validators, by ascending address.
    pub first: Vec<Validator>,
    /// How the next cycle's differ.
    pub second: Vec<Validator>,
    /// How those of the one after differ from the next one's.
    pub third: Vec<Validator>,
    /// The seeds, as far as they are known.
    pub seeds: (Option<Hash>, Option<Hash>, Option<Hash>),
}

codec_struct!(ValidatorSetsRecord {
    first_cycle,
    first: seq(MAX_VALIDATORS),
    second: seq(MAX_CHANGED),
    third: seq(MAX_CHANGED),
    seeds
});

impl ValidatorSetsRecord {
    /// The sets. Whether they are those of a checkpoint is for the caller, who compares the hash.
    ///
    /// # Errors
    /// [`CheckpointError::WrongChange`], [`CheckpointError::Validators`].
    pub fn open(&self) -> Result<ValidatorSets, CheckpointError> {
        let first = changed_rolls(&[], &self.first)?;
        let set_of = |ahead: u64, rolls: &BTreeMap<Address, u64>, seed| {
            let cycle = self.first_cycle.checked_add(ahead);
            let cycle = cycle.ok_or(CheckpointError::WrongChange("there is no such cycle"))?;
            let validators = ValidatorSet::new(cycle, rolls)?;
            Ok::<_, CheckpointError>(CycleSet::new(Arc::new(validators), seed))
        };
        let first = set_of(0, &first, self.seeds.0)?;
        let second = changed_rolls(first.validators.validators(), &self.second)?;
        let second = set_of(1, &second, self.seeds.1)?;
        let third = changed_rolls(second.validators.validators(), &self.third)?;
        let third = set_of(2, &third, self.seeds.2)?;
        Ok(ValidatorSets {
            first,
            second,
            third,
        })
    }
}

/// Where the second list differs from the first: both ascend by address, as does the answer.
fn changes(before: &[Validator], after: &[Validator]) -> Vec<Validator> {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    let mut changes = Vec::new();
    loop {
        match (before.peek(), after.peek()) {
            (None, None) => return changes,
            (Some(gone), next) if next.is_none_or(|next| gone.address < next.address) => {
                changes.push(Validator {
                    address: gone.address,
                    power: 0,
                });
                before.next();
            }
            (old, Some(new)) => {
                let stays = old.is_some_and(|old| old.address == new.address);
                if !stays || old.is_some_and(|old| old.power != new.power) {
                    changes.push(**new);
                }
                if stays {
                    before.next();
                }
                after.next();
            }
            // The second arm takes whatever is left when nothing comes after.
            (Some(_), None) => return changes,
        }
    }
}

/// The rolls after changes, which have one form only: ascending, and each changes something.
fn changed_rolls(
    before: &[Validator],
    changes: &[Validator],
) -> Result<BTreeMap<Address, u64>, CheckpointError> {
    if !changes.is_sorted_by(|one, next| one.address < next.address) {
        return Err(CheckpointError::WrongChange("its addresses do not ascend"));
    }
    let mut rolls: BTreeMap<Address, u64> = before
        .iter()
        .map(|validator| (validator.address, validator.power))
        .collect();
    for change in changes {
        let old = if change.power == 0 {
            rolls.remove(&change.address)
        } else {
            rolls.insert(change.address, change.power)
        };
        if old.unwrap_or(0) == change.power {
            return Err(CheckpointError::WrongChange("it changes nothing"));
        }
    }
    Ok(rolls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::address;
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    fn listed(rolls: &BTreeMap<u64, u64>) -> Vec<Validator> {
        let listed: BTreeMap<Address, u64> = rolls
            .iter()
            .map(|(n, power)| (address(*n), *power))
            .collect();
        let listed = listed.into_iter();
        listed
            .map(|(address, power)| Validator { address, power })
            .collect()
    }

    proptest! {
        #[test]
        fn changes_lead_from_one_list_to_the_other_and_name_nothing_else(
            before in btree_map(0_u64..12, 1_u64..4, 0..10),
            after in btree_map(0_u64..12, 1_u64..4, 0..10),
        ) {
            let (old, new) = (listed(&before), listed(&after));
            let changes = changes(&old, &new);
            let rolls = changed_rolls(&old, &changes).unwrap();
            let expected = new.iter().map(|one| (one.address, one.power));
            prop_assert!(rolls.into_iter().eq(expected));
            let differ = (0..12).filter(|number| before.get(number) != after.get(number));
            prop_assert_eq!(changes.len(), differ.count());
        }
    }
}
