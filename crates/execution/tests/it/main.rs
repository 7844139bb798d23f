//! Tests of execution as its users see it, named after the rules.

#[cfg(test)]
mod against_a_model;
#[cfg(test)]
mod bases;
#[cfg(test)]
mod candidates;
#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod cycles;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod model;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod rewards;
#[cfg(test)]
mod store_failures;
#[cfg(test)]
mod worker;
