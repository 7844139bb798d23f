//! A pending operation with what the pool needs to know of it, and the checks that need no state.

use crate::priority::Rank;
use crate::{Config, PoolError};
use picot_models::{
    Address, Amount, ChainId, ChainParams, Operation, OperationId, OperationKind, SignedOperation,
};
use picot_serialization::{Encode, decode_exact};
use std::sync::Arc;

/// An operation whose limits were checked.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) operation: Arc<SignedOperation>,
    pub(crate) rank: Rank,
    pub(crate) sender: Address,
    pub(crate) gas: u64,
    pub(crate) size_bytes: u64,
    pub(crate) max_spend: Amount,
    /// The first period at which it may be included.
    pub(crate) first_period: u64,
    /// The last one.
    pub(crate) expire_period: u64,
}

impl Pending {
    /// Checks what can be checked of an operation alone, but for its signature.
    pub(crate) fn new(
        operation: Arc<SignedOperation>,
        chain_id: &ChainId,
        config: &Config,
        params: &ChainParams,
    ) -> Result<Self, PoolError> {
        let id = operation.id();
        let content = operation.content();
        let size_bytes = check_size(&operation, params)?;
        if operation.envelope().id(chain_id) != id {
            return Err(PoolError::OperationOfOtherChain(id));
        }
        check_content(content, id)?;
        if needs_engine(content) && !config.contracts {
            return Err(PoolError::NoContractEngine(id));
        }
        let max_gas = params.max_block_gas;
        let gas = content
            .gas_usage(params)
            .filter(|&gas| gas <= max_gas)
            .ok_or(PoolError::TooMuchGas { id, max: max_gas })?;
        if content.fee < config.min_fee {
            return Err(PoolError::FeeTooLow {
                id,
                fee: content.fee,
                min: config.min_fee,
            });
        }
        let max_spend = content
            .max_spend(params)
            .ok_or(PoolError::SpendsTooMuch(id))?;
        Ok(Self {
            rank: Rank::new(id, content.fee, gas, size_bytes, params),
            sender: operation.signer_address(),
            gas,
            size_bytes,
            max_spend,
            first_period: content
                .expire_period
                .saturating_sub(params.operation_validity_periods),
            expire_period: content.expire_period,
            operation,
        })
    }

    pub(crate) fn id(&self) -> OperationId {
        self.operation.id()
    }

    pub(crate) fn spend(&self) -> u128 {
        self.max_spend.as_nanos().into()
    }

    /// Rolls that it buys.
    pub(crate) fn rolls_bought(&self) -> u128 {
        match self.operation.content().kind {
            OperationKind::RollBuy { roll_count } => roll_count.into(),
            _ => 0,
        }
    }

    /// Rolls that it sells.
    pub(crate) fn rolls_sold(&self) -> u128 {
        match self.operation.content().kind {
            OperationKind::RollSell { roll_count } => roll_count.into(),
            _ => 0,
        }
    }
}

fn check_size(operation: &SignedOperation, params: &ChainParams) -> Result<u64, PoolError> {
    let max = params.max_block_size_bytes;
    let size = u64::try_from(operation.encoded_len()).unwrap_or(u64::MAX);
    if size > max {
        let id = operation.id();
        return Err(PoolError::OperationTooLarge { id, size, max });
    }
    Ok(size)
}

/// What was read from people's formats may be something that no node could read from its bytes.
fn check_content(content: &Operation, id: OperationId) -> Result<(), PoolError> {
    match &content.kind {
        OperationKind::Transfer { .. } => Ok(()),
        OperationKind::RollBuy { roll_count } | OperationKind::RollSell { roll_count } => {
            if *roll_count == 0 {
                return Err(PoolError::NoRolls(id));
            }
            Ok(())
        }
        OperationKind::Deploy { .. } | OperationKind::Call { .. } => {
            decode_exact::<Operation>(&content.to_bytes())
                .map(|_| ())
                .map_err(|source| PoolError::MalformedOperation { id, source })
        }
    }
}

/// Whether it is for a contract.
const fn needs_engine(content: &Operation) -> bool {
    match content.kind {
        OperationKind::Transfer { .. }
        | OperationKind::RollBuy { .. }
        | OperationKind::RollSell { .. } => false,
        OperationKind::Deploy { .. } | OperationKind::Call { .. } => true,
    }
}
