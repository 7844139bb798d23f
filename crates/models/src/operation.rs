//! Operations: the signed orders of an address (design 04).

use crate::limits::{
    MAX_BYTECODE_BYTES, MAX_DATASTORE_KEY_BYTES, MAX_DATASTORE_SEED_ENTRIES,
    MAX_DATASTORE_VALUE_BYTES, MAX_FUNCTION_NAME_BYTES, MAX_PARAMETER_BYTES,
};
use crate::text::as_hex;
use crate::{Address, Amount, ChainParams, Content, OperationId, Signed};
use picot_crypto::Context;
use picot_serialization::{codec_enum, codec_struct};
use serde::{Deserialize, Serialize};

/// What an address orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What the sender pays for it, kept even if it fails.
    pub fee: Amount,
    /// The last period at which it may be included.
    pub expire_period: u64,
    /// What it does.
    pub kind: OperationKind,
}

codec_struct!(Operation {
    fee,
    expire_period,
    kind
});

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OperationKind {
    /// Moves coins.
    Transfer {
        /// Who gets them.
        recipient: Address,
        /// How many.
        amount: Amount,
    },
    /// Buys rolls at the roll price.
    RollBuy {
        /// How many, at least one.
        roll_count: u64,
    },
    /// Sells rolls; the coins come as a deferred credit.
    RollSell {
        /// How many, at least one.
        roll_count: u64,
    },
    /// Deploys a contract.
    Deploy {
        /// Its code.
        #[serde(with = "as_hex")]
        bytecode: Vec<u8>,
        /// Gas that its deployment can use at most.
        max_gas: u64,
        /// Coins that its deployment can take at most.
        max_coins: Amount,
        /// The entries that its datastore begins with, by ascending key.
        datastore: Vec<DatastoreEntry>,
    },
    /// Calls a contract.
    Call {
        /// The contract.
        contract: Address,
        /// The function's name.
        function: String,
        /// What the function is given.
        #[serde(with = "as_hex")]
        parameter: Vec<u8>,
        /// Gas that it can use at most.
        max_gas: u64,
        /// Coins given along.
        coins: Amount,
    },
}

codec_enum!(OperationKind {
    0 => Transfer { recipient, amount },
    1 => RollBuy { roll_count },
    2 => RollSell { roll_count },
    3 => Deploy {
        bytecode: bytes(MAX_BYTECODE_BYTES),
        max_gas,
        max_coins,
        datastore: seq(MAX_DATASTORE_SEED_ENTRIES),
    },
    4 => Call {
        contract,
        function: text(MAX_FUNCTION_NAME_BYTES),
        parameter: bytes(MAX_PARAMETER_BYTES),
        max_gas,
        coins,
    },
});

/// One entry of a datastore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatastoreEntry {
    /// The key.
    #[serde(with = "as_hex")]
    pub key: Vec<u8>,
    /// The value.
    #[serde(with = "as_hex")]
    pub value: Vec<u8>,
}

codec_struct!(DatastoreEntry {
    key: bytes(MAX_DATASTORE_KEY_BYTES),
    value: bytes(MAX_DATASTORE_VALUE_BYTES)
});

impl Operation {
    /// The gas that it can use at most; `None` past `u64`.
    #[must_use]
    pub fn gas_usage(&self, params: &ChainParams) -> Option<u64> {
        match &self.kind {
            OperationKind::Transfer { .. } => Some(params.transfer_gas),
            OperationKind::RollBuy { .. } | OperationKind::RollSell { .. } => Some(params.roll_gas),
            OperationKind::Deploy { max_gas, .. } => params.deploy_gas.checked_add(*max_gas),
            OperationKind::Call { max_gas, .. } => params.call_gas.checked_add(*max_gas),
        }
    }

    /// The coins that it can take from its sender at most, fee included; `None` past the largest
    /// amount.
    #[must_use]
    pub fn max_spend(&self, params: &ChainParams) -> Option<Amount> {
        let coins = match &self.kind {
            OperationKind::Transfer { amount, .. } => *amount,
            OperationKind::RollBuy { roll_count } => params.roll_price.checked_mul(*roll_count)?,
            OperationKind::RollSell { .. } => Amount::ZERO,
            OperationKind::Deploy { max_coins, .. } => *max_coins,
            OperationKind::Call { coins, .. } => *coins,
        };
        self.fee.checked_add(coins)
    }

    /// Whether a block of this period may include it.
    #[must_use]
    pub fn is_valid_at(&self, period: u64, params: &ChainParams) -> bool {
        let first = self
            .expire_period
            .saturating_sub(params.operation_validity_periods);
        (first..=self.expire_period).contains(&period)
    }
}

impl Content for Operation {
    type Id = OperationId;
    const CONTEXT: Context = Context::OperationId;
}

/// An operation with its sender, its signature and its id.
pub type SignedOperation = Signed<Operation>;
