//! The shell of consensus: does what the engine says, in order.

use super::{Effect, MAX_TURNS, Node, reason};
use picot_consensus::{
    ConsensusEvent, Engine, Input, Message, Output, Peer, Request, SignResult, Unsigned,
    answer_outcomes,
};
use picot_execution::{DecidedSlots, Execution};
use picot_models::{Block, BlockEnvelope, BlockId};
use picot_protocol::Input as Word;
use picot_storage::StorageError;
use picot_wallet::{SignRequest, Wallet, WalletError};
use std::sync::Arc;

impl Node {
    /// Takes all inputs, and all that follows from them, until nothing is left to do.
    pub(super) fn process(&mut self, mut inputs: Vec<Input>) {
        self.store_candidates(&mut inputs);
        self.store_decisions(&mut inputs);
        if std::mem::take(&mut self.draws_may_be_new) {
            self.add_ready_cycles(&mut inputs);
        }
        let now = picot_clock::Clock::now(&self.clock);
        if self.engine_read(|engine| engine.wake_at().is_some_and(|at| at <= now)) {
            inputs.push(Input::Tick);
        }
        if self.core.wake_at().is_some_and(|at| at <= now) {
            self.unsaid.push_back(Word::Tick);
        }
        self.gather();
        self.serve();
        self.talk(&mut inputs);
        let mut turns = 0;
        while !inputs.is_empty() && !self.fuse.is_blown() {
            turns += 1;
            if turns > MAX_TURNS {
                let text = format!("the engine has more to do after {MAX_TURNS} turns");
                self.effects.push(Effect::Broken(text));
                return;
            }
            if std::mem::take(&mut self.draws_may_be_new) {
                self.add_ready_cycles(&mut inputs);
            }
            let now = picot_clock::Clock::now(&self.clock);
            let outputs = self.consensus.engine.lock().step_all(now, inputs.drain(..));
            for output in outputs {
                self.execute(output, &mut inputs);
            }
            self.hand_over();
            self.gather();
            self.serve();
            self.tell_progress();
            self.talk(&mut inputs);
        }
        inputs.clear();
        self.spare_inputs = inputs;
    }

    fn add_ready_cycles(&self, inputs: &mut Vec<Input>) {
        for cycle in self.selector.ready_cycles() {
            if self.engine_read(|engine| engine.needs_cycle(cycle))
                && let Ok(validators) = self.selector.voting_power(cycle)
            {
                inputs.push(Input::CycleReady(self.sets.same(validators)));
            }
        }
    }

    fn hand_over(&mut self) {
        let decided = std::mem::take(&mut self.decided);
        let changed = std::mem::take(&mut self.candidates_changed) || !decided.is_empty();
        if changed && !self.fuse.is_blown() {
            self.draws_may_be_new = true;
            let candidates = self.engine_read(Engine::leading_candidates);
            if let Err(error) = self.execution.update(decided, candidates)
                && !self.fuse.is_blown()
            {
                let text = format!("execution stops: {}", reason(&error));
                self.effects.push(Effect::Broken(text));
            }
        }
    }

    fn execute(&mut self, output: Output, inputs: &mut Vec<Input>) {
        match output {
            Output::StoreCandidates(blocks) => {
                self.unstored_candidates.extend(blocks);
                self.store_candidates(inputs);
            }
            Output::StoreDecided(decided) => {
                self.unstored_decisions.extend(decided);
                self.store_decisions(inputs);
            }
            Output::Sign(unsigned) => inputs.push(self.sign(unsigned)),
            Output::Broadcast(message) => self.say(Word::Broadcast(message), inputs),
            Output::Tell(message) => self.say(Word::Tell(message), inputs),
            Output::Relay { from, message } => self.say(Word::Relay { from, message }, inputs),
            Output::Send { to, message } => self.say(Word::Send { to, message }, inputs),
            Output::Ask { to, request } => self.ask(to, request, inputs),
            Output::Answer { to, request } => self.answer(to, request, inputs),
            Output::Resolve(id) => inputs.push(self.resolve(id)),
            Output::WakeAt(_) | Output::AwaitCycle(_) => {}
            Output::Decided(decided) => {
                self.decided.push(DecidedSlots {
                    slot: decided.slot(),
                    through: decided.through(),
                    block: decided.block.clone(),
                });
                self.has_decided = true;
                self.effects.push(Effect::Decided(decided));
            }
            Output::Lost(block) => self.pool.offer_again(block.operations),
            Output::CandidatesChanged => self.candidates_changed = true,
            Output::Evidence(_) if self.loses_evidence => {}
            Output::Evidence(denunciation) => {
                drop(self.pool.add_denunciations(vec![Arc::clone(&denunciation)]));
                self.effects.push(Effect::Evidence(denunciation));
            }
            Output::Blame { peer, fault } => self.tell(Word::Blame { peer, fault }, inputs),
            Output::ForeignSignature { address, slot } => {
                self.effects.push(Effect::Foreign(address, slot));
            }
            Output::Event(event) => {
                if let ConsensusEvent::CandidateAdded { id, .. } = &event
                    && let Some(block) = self.engine_read(|engine| engine.candidate(id).cloned())
                {
                    self.say(Word::Held(block), inputs);
                }
                self.effects.push(Effect::Event(event));
            }
        }
    }

    fn store_candidates(&mut self, inputs: &mut Vec<Input>) {
        if self.unstored_candidates.is_empty() {
            return;
        }
        let engine = self.consensus.engine.lock();
        engine.retain_undecided(&mut self.unstored_candidates);
        drop(engine);
        if !self.unstored_candidates.is_empty()
            && self
                .archive
                .store_candidates(&self.unstored_candidates)
                .is_ok()
        {
            let ids = self.unstored_candidates.drain(..).map(|block| block.id());
            inputs.push(Input::CandidatesStored(ids.collect()));
        }
    }

    fn store_decisions(&mut self, inputs: &mut Vec<Input>) {
        if self.unstored_decisions.is_empty() {
            return;
        }
        match self.archive.store_decided(&self.unstored_decisions) {
            Ok(()) => {
                let decided = self.unstored_decisions.drain(..);
                let slots = decided.map(|decided| decided.slot()).collect();
                inputs.push(Input::DecisionsStored(slots));
            }
            // What is to be stored is tried again at the next event.
            Err(StorageError::Archive { .. }) => {}
            Err(error) => {
                let text = format!("the archive refuses for good: {}", reason(&error));
                self.effects.push(Effect::Broken(text));
            }
        }
    }

    fn sign(&self, unsigned: Vec<Unsigned>) -> Input {
        let requests: Vec<SignRequest> = unsigned.iter().map(Unsigned::to_request).collect();
        let mut signatures = self.wallet.sign_claimed(&requests).into_iter();
        let results = unsigned
            .into_iter()
            .map(|unsigned| match signatures.next() {
                Some(Ok(signature)) => unsigned.seal(signature),
                Some(Err(WalletError::NotSafe { .. })) => SignResult::Refused(unsigned),
                Some(Err(_)) | None => SignResult::Failed(unsigned),
            })
            .collect();
        Input::Signed(results)
    }

    fn resolve(&self, id: BlockId) -> Input {
        let slot = self.read_block(&id).map(|block| block.slot());
        let slot = slot.filter(|slot| {
            let decided = self.archive.decided_at(*slot).ok().flatten();
            decided.is_some_and(|decided| decided.outcome.value().block() == Some(id))
        });
        Input::Resolved { id, slot }
    }

    /// A block that this node holds, in memory or on its disk.
    #[must_use]
    pub(crate) fn held_block(&self, id: &BlockId) -> Option<Block> {
        let held = self.engine_read(|engine| engine.candidate(id).cloned());
        held.or_else(|| self.read_block(id))
    }

    fn read_block(&self, id: &BlockId) -> Option<Block> {
        self.archive.block(id).ok().flatten()
    }

    fn ask(&mut self, to: Option<Peer>, request: Request, inputs: &mut Vec<Input>) {
        if let Request::Body { id } = request
            && let Some(block) = self.read_block(&id)
        {
            inputs.push(Input::Body(block));
            return;
        }
        self.say(Word::Ask { to, request }, inputs);
    }

    fn answer(&mut self, to: Peer, request: Request, inputs: &mut Vec<Input>) {
        match request {
            Request::Body { id } => {
                let held = self.held_block(&id);
                let message = match held {
                    Some(block) => Message::Body(envelope(&block)),
                    None => Message::NotHeld(request),
                };
                let message = Arc::new(message);
                self.say(Word::Send { to, message }, inputs);
            }
            Request::Outcomes { thread, period } => {
                let messages = answer_outcomes(&*self.archive, thread, period);
                for message in messages.unwrap_or_default() {
                    let message = Arc::new(message);
                    self.say(Word::Send { to, message }, inputs);
                }
            }
            Request::Certificate { .. } => {}
        }
    }
}

/// The wire form of a block.
#[must_use]
fn envelope(block: &Block) -> BlockEnvelope {
    BlockEnvelope {
        header: block.header.envelope().clone(),
        operations: block
            .operations
            .iter()
            .map(|operation| operation.envelope().clone())
            .collect(),
    }
}
