//! What can go wrong around a factory. What goes wrong while it produces is no error but a line of
//! its history: see [`SkipReason`](crate::SkipReason).

use displaydoc::Display;
use picot_models::{Address, ParamsError};
use picot_selector::SelectorError;
use thiserror::Error;

/// Why a factory cannot be made, started or asked.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactoryError {
    /// the parameters of the chain leave no way to produce
    Params(#[from] ParamsError),
    /// thread `{name}` could not be started: {kind}
    Thread {
        /// The name of the thread.
        name: &'static str,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// the draws of {address} cannot be told
    Draws {
        /// Whose draws.
        address: Address,
        /// Why not.
        #[source]
        source: SelectorError,
    },
    /// the production history failed: {0}
    History(String),
    /// the switch of production could not be kept, and production is off: {0}
    Switch(String),
}
