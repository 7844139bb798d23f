//! From the contents of a block to a block that is signed and handed on: design 08, steps 6 and 7.

use std::sync::Arc;

use picot_clock::{Clock, Slot, Timestamp};
use picot_consensus::Consensus;
use picot_models::{
    Address, Block, BlockId, ChainId, Header, SignedHeader, SignedOperation, operations_hash,
};
use picot_storage::Storage;
use picot_wallet::{ClaimKind, Wallet};

use crate::{
    Claim, Collaborators, Config, Helper, LeftOut, NoAnswer, Part, Skip, SkipReason,
    assembly::Contents, half_way, sign_claims,
};

/// A block without its signature, the same for all of our addresses.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    header: Header,
    operations: Vec<Arc<SignedOperation>>,
}

impl Draft {
    pub(crate) fn new(version: u32, slot: Slot, parents: Vec<BlockId>, contents: Contents) -> Self {
        let Contents {
            endorsements,
            operations,
            denunciations,
            left_out: _,
        } = contents;
        let header = Header {
            version,
            slot,
            parents,
            operations_hash: operations_hash(operations.iter().map(|operation| operation.id())),
            // Never more than `max_operations_per_block`, which is a `u32`.
            operation_count: u32::try_from(operations.len()).unwrap_or(u32::MAX),
            endorsements,
            denunciations,
        };
        Self { header, operations }
    }

    fn claims(&self, addresses: &[Address]) -> Vec<Claim<Header>> {
        let claim = |address: &Address| Claim {
            address: *address,
            kind: ClaimKind::Header,
            slot: self.header.slot,
            round: 0,
            content: self.header.clone(),
        };
        addresses.iter().map(claim).collect()
    }

    fn sealed(&self, header: SignedHeader) -> Block {
        Block {
            header: Arc::new(header),
            operations: self.operations.clone(),
        }
    }
}

/// Signs blocks and hands them on.
pub(crate) struct Sealer {
    chain_id: ChainId,
    clock: Arc<dyn Clock>,
    signing: Helper<dyn Wallet>,
    storing: Helper<dyn Storage>,
    registering: Helper<dyn Consensus>,
}

impl Sealer {
    pub(crate) fn new(config: &Config, parts: &Collaborators) -> Self {
        let (clock, asking) = (&parts.clock, config.asking);
        Self {
            chain_id: config.chain_id,
            clock: clock.clone(),
            signing: Helper::new("signing", parts.wallet.clone(), clock.clone(), asking),
            storing: Helper::new("storing", parts.storage.clone(), clock.clone(), asking),
            registering: Helper::new(
                "registering",
                parts.consensus.clone(),
                clock.clone(),
                asking,
            ),
        }
    }

    /// Claims and signs the draft for each address; one result for each, in their order.
    pub(crate) fn sign(
        &self,
        draft: &Draft,
        addresses: &[Address],
        by: Timestamp,
    ) -> Vec<Result<Block, Skip>> {
        let (claims, chain_id) = (draft.claims(addresses), self.chain_id);
        let answer = self.signing.ask(by, move |wallet| {
            sign_claims(wallet, claims, BlockId::as_hash, &chain_id)
        });
        match answer {
            Ok(headers) => headers
                .into_iter()
                .map(|header| Ok(draft.sealed(header?)))
                .collect(),
            Err(no_answer) => {
                let skip = Skip::no_answer(SkipReason::SigningFailed, "wallet", no_answer);
                vec![Err(skip); addresses.len()]
            }
        }
    }

    /// Puts a signed block in storage and hands it to consensus, which announces it.
    pub(crate) fn hand_on(
        &self,
        block: Block,
        by: Timestamp,
        left_out: &mut LeftOut,
    ) -> Result<(), Skip> {
        let stored = block.clone();
        let share = half_way(self.clock.now(), by);
        let answer = self
            .storing
            .ask(share, move |storage| storage.put_block(stored));
        left_out.heard(Part::Storage, answer);
        match self
            .registering
            .ask(by, move |consensus| consensus.register_block(block))
        {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Skip::of_consensus(&error, SkipReason::Refused)),
            // Consensus was given the block, and only its word is missing.
            Err(no_answer @ NoAnswer::Late { .. }) => {
                left_out.leave_out(Part::Registration, no_answer);
                Ok(())
            }
            Err(no_answer) => Err(Skip::no_answer(
                SkipReason::ConsensusBehind,
                "consensus",
                no_answer,
            )),
        }
    }
}
