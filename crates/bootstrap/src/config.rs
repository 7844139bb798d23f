//! The bounds of who receives and of who serves.

use crate::BootstrapError;
use picot_clock::Millis;

/// How a node receives a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// How long a peer may take for an answer.
    pub answer_wait: Millis,
    /// Answers in a row that a peer may owe before it is left alone for a while.
    pub max_strikes: u32,
    /// How long it is left alone, the first time; each further time twice as long.
    pub rest: Millis,
    /// The longest that it is left alone.
    pub max_rest: Millis,
    /// How often peers that serve no state yet are asked again.
    pub offers_interval: Millis,
    /// How long peers that are busy may keep a node from choosing among the states that others offer.
    pub patience: Millis,
    /// Peers that are asked for the same piece of the certificate chain.
    pub chain_askers: usize,
    /// Chunks that one peer is asked for at once.
    pub chunks_per_peer: usize,
    /// Chunks that are asked for and not yet kept, of all peers together: bounds memory.
    pub max_chunks_in_flight: usize,
    /// Chunks of what was kept that are looked at at once.
    pub max_examined: usize,
    /// Chunks of a state: bounds the memory for them, some 150 bytes each.
    pub max_chunks: u32,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            answer_wait: Millis(10_000),
            max_strikes: 3,
            rest: Millis(15_000),
            max_rest: Millis(120_000),
            offers_interval: Millis(2_000),
            patience: Millis(30_000),
            chain_askers: 2,
            chunks_per_peer: 4,
            max_chunks_in_flight: 48,
            max_examined: 8,
            max_chunks: 1 << 20,
        }
    }
}

impl ClientConfig {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`BootstrapError::Config`] names the wrong one.
    pub fn validate(&self) -> Result<(), BootstrapError> {
        for (time, field) in [
            (self.answer_wait, "bootstrap.answer_wait"),
            (self.rest, "bootstrap.rest"),
            (self.offers_interval, "bootstrap.offers_interval"),
        ] {
            require(time > Millis::ZERO, field, "must be longer than nothing")?;
        }
        require(
            self.rest <= self.max_rest,
            "bootstrap.max_rest",
            "is shorter than bootstrap.rest",
        )?;
        require(
            self.max_strikes > 0,
            "bootstrap.max_strikes",
            "must be at least 1",
        )?;
        for (count, field) in [
            (self.chain_askers, "bootstrap.chain_askers"),
            (self.chunks_per_peer, "bootstrap.chunks_per_peer"),
            (self.max_chunks_in_flight, "bootstrap.max_chunks_in_flight"),
            (self.max_examined, "bootstrap.max_examined"),
        ] {
            require(count > 0, field, "must be at least 1")?;
        }
        require(
            self.max_chunks > 0,
            "bootstrap.max_chunks",
            "must be at least 1",
        )
    }
}

/// How a node serves its state to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Bytes in a second for one peer.
    pub peer_bytes_per_second: u64,
    /// Bytes in a second for all peers.
    pub total_bytes_per_second: u64,
    /// How far a peer, and all together, may be ahead of these rates after a pause.
    pub burst: Millis,
    /// Questions of one peer that wait.
    pub max_waiting: usize,
    /// Peers whose questions wait.
    pub max_peers: usize,
    /// Questions that are being answered at once.
    pub max_reads: usize,
    /// Bytes of one answer about the certificate chain.
    pub chain_bytes: usize,
    /// Steps of the certificate chain in one answer.
    pub chain_steps: usize,
    /// How long a peer that asks for too much is sent away.
    pub busy_wait: Millis,
    /// How long the state of an older checkpoint is kept for those who are receiving it, after the last
    /// question for it.
    pub linger: Millis,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            peer_bytes_per_second: 32 << 20,
            total_bytes_per_second: 64 << 20,
            burst: Millis(500),
            max_waiting: 16,
            max_peers: 256,
            max_reads: 2,
            chain_bytes: 4 << 20,
            chain_steps: 1_024,
            busy_wait: Millis(1_000),
            linger: Millis(60_000),
        }
    }
}

impl ServerConfig {
    /// Checks the fields.
    ///
    /// # Errors
    /// [`BootstrapError::Config`] names the wrong one.
    pub fn validate(&self) -> Result<(), BootstrapError> {
        for (rate, field) in [
            (self.peer_bytes_per_second, "serve.peer_bytes_per_second"),
            (self.total_bytes_per_second, "serve.total_bytes_per_second"),
        ] {
            require(rate > 0, field, "must be at least 1")?;
        }
        for (count, field) in [
            (self.max_waiting, "serve.max_waiting"),
            (self.max_peers, "serve.max_peers"),
            (self.max_reads, "serve.max_reads"),
            (self.chain_bytes, "serve.chain_bytes"),
            (self.chain_steps, "serve.chain_steps"),
        ] {
            require(count > 0, field, "must be at least 1")?;
        }
        require(
            self.chain_steps <= picot_checkpoint::MAX_STEPS,
            "serve.chain_steps",
            "is more than an answer can hold",
        )?;
        require(
            self.busy_wait > Millis::ZERO,
            "serve.busy_wait",
            "must be longer than nothing",
        )
    }
}

fn require(
    is_right: bool,
    field: &'static str,
    reason: &'static str,
) -> Result<(), BootstrapError> {
    if is_right {
        return Ok(());
    }
    Err(BootstrapError::Config { field, reason })
}
