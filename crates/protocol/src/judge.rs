//! Which refusals of the pool prove that the sender did not look, or lies.

use picot_pool::PoolError;

/// Whether an item that is refused for this reason can be refused by anyone who looks at it, whatever
/// else he knows. All other reasons may be a matter of what this node knows, and nobody is blamed.
pub(crate) const fn is_proof(error: &PoolError) -> bool {
    matches!(
        error,
        PoolError::OperationSignature(_)
            | PoolError::WeakSenderKey(_)
            | PoolError::NoRolls(_)
            | PoolError::MalformedOperation { .. }
            | PoolError::OperationTooLarge { .. }
            | PoolError::TooMuchGas { .. }
            | PoolError::SpendsTooMuch(_)
            | PoolError::EndorsementSignature(_)
            | PoolError::EndorsementIndex { .. }
            | PoolError::EndorserNotDrawn { .. }
            | PoolError::FalseDenunciation { .. }
            | PoolError::CulpritNotDrawn { .. }
            | PoolError::DenunciationTooLarge { .. }
    )
}
