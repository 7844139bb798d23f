//! Tests of the proof-of-stake state as its users see it, named after the rules.

#[cfg(test)]
mod against_a_model;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod model;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod storing;
