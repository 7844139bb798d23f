//! The fixed bounds of every sequence that a parser may meet, each with its reason.
//!
//! They bound memory while bytes are read. What a chain allows is in
//! [`ChainParams`](crate::ChainParams) and never above these.

/// Threads of a chain: an address spends at most six bits of its hash on its thread (design 02).
pub const MAX_THREAD_COUNT: usize = 64;
/// Endorsements that a header carries: four times the production parameter.
pub const MAX_ENDORSEMENTS: usize = 64;
/// Operations of a block: ten times the production parameter.
pub const MAX_OPERATIONS: usize = 100_000;
/// Denunciations that a header carries; the pool keeps the rest for later blocks.
pub const MAX_DENUNCIATIONS: usize = 64;
/// Bytes of the denunciations of one header together, and so of one that is of any use. The proof of
/// a false carry holds a certificate, whose size grows with its signers: there is room for 5,000.
pub const MAX_DENUNCIATION_BYTES: usize = 500_000;
/// Bytes of a header, which is sent to all before anything is known of its block: its denunciations,
/// with room for the most parents and endorsements.
pub const MAX_HEADER_BYTES: usize = 524_288;
/// Validators of one cycle, and so addresses with rolls: bounds certificates, whose size grows with
/// their signers.
pub const MAX_VALIDATORS: usize = 131_072;
/// Certificates in one justification, one for each round that was left without a decision.
pub const MAX_JUSTIFICATION_CERTIFICATES: usize = 1_024;
/// Bytes of a contract's code: no more than fits in a block.
pub const MAX_BYTECODE_BYTES: usize = 1_000_000;
/// Bytes of a datastore key.
pub const MAX_DATASTORE_KEY_BYTES: usize = 255;
/// Bytes of a datastore value.
pub const MAX_DATASTORE_VALUE_BYTES: usize = 1_000_000;
/// Entries of the datastore that a deployment brings along.
pub const MAX_DATASTORE_SEED_ENTRIES: usize = 1_024;
/// Bytes of the name of a contract's function.
pub const MAX_FUNCTION_NAME_BYTES: usize = 255;
/// Bytes of the parameter of a contract call.
pub const MAX_PARAMETER_BYTES: usize = 1_000_000;
/// Bytes of the name of a chain.
pub const MAX_CHAIN_NAME_BYTES: usize = 64;
/// Allocations that a genesis file may list.
pub const MAX_GENESIS_ENTRIES: usize = 1_000_000;
