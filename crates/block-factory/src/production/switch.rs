//! Whether production is switched on, over restarts.

use crate::FactoryError;

/// Keeps one switch of a factory over a restart.
///
/// Whoever starts the factory reads it and gives it to [`Config::enabled`](crate::Config::enabled).
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SwitchStore: Send + Sync {
    /// Keeps the switch; it survives the end of the process, and of the machine, once this returns.
    ///
    /// # Errors
    /// [`FactoryError::Switch`]: it is as it was, or as it should be.
    fn keep(&self, enabled: bool) -> Result<(), FactoryError>;
}
