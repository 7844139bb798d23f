//! The rules of design 03, second half, by name.

#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

mod background;
mod golden;
mod reference;
mod rules;
mod statistics;

use picot_models::ChainParams;

use crate::{Config, Selector, StakeSelector, mocks};

/// 4 threads, 16 periods a cycle, 4 endorsers.
fn config() -> Config {
    Config::from_params(&ChainParams::dev())
}

/// A selector whose cycle 0 has these roll counts.
fn selector_with(config: Config, rolls: &[u64]) -> StakeSelector {
    let selector = StakeSelector::new(config).unwrap();
    let rolls = mocks::rolls(rolls.iter().copied());
    selector.feed_cycle(0, rolls, mocks::seed(0)).unwrap();
    selector
}

fn selector(rolls: &[u64]) -> StakeSelector {
    selector_with(config(), rolls)
}
