//! What the control interface switches and answers from.

use super::ControlToken;
use super::peers::PeerControl;
use picot_block_factory::BlockFactory;
use picot_endorsement_factory::EndorsementFactory;
use picot_execution::Execution;
use picot_models::Address;
use picot_wallet::WalletError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The keys of the node, while it runs: design 08, 'Control'.
///
/// Calls may come from any thread, and may take as long as a signature that is being made.
pub trait KeyControl: Send + Sync {
    /// Whether there are no keys in memory.
    fn is_locked(&self) -> bool;

    /// Whose keys there are, ascending.
    fn addresses(&self) -> Vec<Address>;

    /// The addresses whose keys sign nothing until an operator clears them, each with the reason.
    fn refusals(&self) -> BTreeMap<Address, String>;

    /// Adds a key from its text, `sec1…`; it is used from the next slot on.
    ///
    /// # Errors
    /// [`WalletError`].
    fn add(&self, secret_key: &str) -> Result<Address, WalletError>;

    /// Makes a key and adds it.
    ///
    /// # Errors
    /// [`WalletError`].
    fn generate(&self) -> Result<Address, WalletError>;

    /// Removes a key, which is never used again once this returns.
    ///
    /// # Errors
    /// [`WalletError`].
    fn remove(&self, address: &Address) -> Result<(), WalletError>;

    /// Lets a refused key sign again; tells whether it was refused.
    ///
    /// # Errors
    /// [`WalletError`].
    fn clear_refusal(&self, address: &Address) -> Result<bool, WalletError>;
}

/// What the control interface switches and answers from.
pub struct ControlContext {
    /// Who knows it is let in.
    pub token: ControlToken,
    /// Threads of the chain.
    pub thread_count: u8,
    /// The state.
    pub execution: Arc<dyn Execution>,
    /// Block production.
    pub blocks: Arc<dyn BlockFactory>,
    /// Endorsing.
    pub endorsements: Arc<dyn EndorsementFactory>,
    /// The keys.
    pub keys: Arc<dyn KeyControl>,
    /// The peers; none if the node has no network.
    pub peers: Option<Arc<dyn PeerControl>>,
}
