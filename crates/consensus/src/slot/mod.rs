//! The agreement on one slot: its state, and the one place where all rules are evaluated again
//! after every event (rule 10).

mod certify;
mod offers;
mod own;
mod proposals;
mod receive;
mod resend;

use crate::candidates::{BodyState, Candidates};
use crate::certificate_check::BadCertificates;
use crate::certificates::Certificates;
use crate::collector::Collector;
use crate::env::{Env, Outbox};
use crate::evidence::Faults;
use crate::planted::Planted;
use crate::rules::{self, KnownCertificates};
use crate::timers::after;
use crate::{ConsensusEvent, Output, SlotVotes, range_miss};
use offers::Offers;
use own::OwnValidator;
use picot_clock::Timestamp;
use picot_models::{
    Address, Block, BlockId, CertificateSubject, SignedProposal, Slot, ThreadDigest, ValidatorSet,
    Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rounds behind and ahead of the present one whose votes are kept: memory per validator is
/// constant whatever comes in.
const ROUNDS_BEHIND: u32 = 3;
const ROUNDS_AHEAD: u32 = 3;
/// Of a slot that is not open yet, votes of so many rounds after the first are kept.
const EARLY_ROUNDS_AHEAD: u32 = 1;
/// The latest notarised values whose bodies are asked for.
const NOTARISED_WANTED: usize = 32;
/// Evaluations after one event; each does something, so there are never this many.
const MAX_EVALUATIONS: usize = 256;

/// What is known only once the slot is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) digest: ThreadDigest,
    pub(crate) at: Timestamp,
    /// Whether it opened more than `t0` late.
    pub(crate) late: bool,
}

/// What a chooser may vote for now.
enum Choice {
    /// The time has not come.
    Later,
    /// This candidate, once it is durable.
    Store(BlockId),
    /// This.
    Now(Value),
}

/// The agreement on one slot.
#[derive(Debug)]
pub(crate) struct SlotState {
    slot: Slot,
    validators: Arc<ValidatorSet>,
    pub(crate) candidates: Candidates,
    collector: Collector,
    certificates: Certificates,
    bad_certificates: BadCertificates,
    proposals: BTreeMap<u32, SignedProposal>,
    coordinators: BTreeMap<u32, Address>,
    own: Vec<OwnValidator>,
    faults: Faults,
    opened: Option<Opened>,
    round: u32,
    entered_at: Timestamp,
    /// Subjects whose weight has reached a quorum of unverified votes.
    ripe: Vec<(u32, CertificateSubject)>,
    /// Notarise votes of the present round came in since it was last found not hopeless.
    votes_changed: bool,
    hopeless: bool,
    resend_at: Timestamp,
    resends: u32,
    offers: Offers,
    leading: Option<BlockId>,
    planted: Planted,
}

impl SlotState {
    pub(crate) fn new(env: &Env<'_>, slot: Slot, validators: Arc<ValidatorSet>) -> Self {
        let planted = env.shared.planted;
        let mut state = Self {
            slot,
            collector: Collector::new(
                env.shared.config.chain_id,
                Arc::clone(&validators),
                planted.quorum(&validators),
            ),
            validators,
            candidates: Candidates::new(slot),
            certificates: Certificates::default(),
            bad_certificates: BadCertificates::default(),
            proposals: BTreeMap::new(),
            coordinators: BTreeMap::new(),
            own: Vec::new(),
            faults: Faults::default(),
            opened: None,
            round: 0,
            entered_at: env.now,
            ripe: Vec::new(),
            votes_changed: false,
            hopeless: false,
            resend_at: Timestamp::MAX,
            resends: 0,
            offers: Offers::default(),
            leading: None,
            planted,
        };
        state.update_keys(env);
        state
    }

    pub(crate) const fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    pub(crate) const fn round(&self) -> u32 {
        self.round
    }

    /// The candidate in the blockclique, with its body.
    pub(crate) fn leading(&self) -> Option<&Block> {
        self.candidates.block(&self.leading?)
    }

    pub(crate) const fn leading_id(&self) -> Option<BlockId> {
        self.leading
    }

    /// The certificate that decided the slot, if one was formed.
    pub(crate) fn final_certificate(&self) -> Option<&Arc<picot_models::Certificate>> {
        self.certificates.finalised()
    }

    /// Rule 1, open: the slot's time has come and the slot before it in its thread is decided. What
    /// came early is looked at now.
    pub(crate) fn open(&mut self, env: &Env<'_>, digest: ThreadDigest, out: &mut Outbox) {
        let late = range_miss::opens_late(&env.shared.clock, self.slot, env.clock_time());
        self.opened = Some(Opened {
            digest,
            at: env.now,
            late,
        });
        self.entered_at = env.now;
        self.collector.keep_digest(&digest);
        self.ripe = self.ripe_subjects();
        self.votes_changed = true;
        self.candidates.touch();
        self.progressed(env);
        self.update_keys(env);
        out.push(Output::Event(ConsensusEvent::Opened { slot: self.slot }));
    }

    fn ripe_subjects(&self) -> Vec<(u32, CertificateSubject)> {
        let quorum = self.collector.quorum();
        let mut subjects = self.collector.subjects();
        subjects.retain(|(round, subject)| self.collector.weight(*round, subject) >= quorum);
        subjects
    }

    /// Evaluates all rules until none has anything to do.
    pub(crate) fn evaluate(&mut self, env: &Env<'_>, out: &mut Outbox) {
        if self.opened.is_none() {
            return;
        }
        for _ in 0..MAX_EVALUATIONS {
            if self.certificates.finalised().is_some() {
                return;
            }
            let checked = self.candidates.check(env, out);
            let certified = self.certify(env, out);
            let advanced = self.advance(env, out);
            let acted = self.act(env, out);
            // A rule may lack a block, which is to be asked for at once.
            let lacks = self.candidates.is_dirty();
            if !(checked || certified || advanced || acted || lacks) {
                break;
            }
        }
        self.update_leading(out);
        self.ask_for_offered(env, out);
        self.resend(env, out);
    }

    /// Rule 7, advance.
    fn advance(&mut self, env: &Env<'_>, out: &mut Outbox) -> bool {
        let finality_wait = env.shared.timers.finality_wait();
        let next = rules::advance(&self.certificates, self.round, |round| {
            self.certificates
                .notarised_at(round)
                .is_some_and(|at| after(at, finality_wait) <= env.now)
        });
        if next <= self.round {
            return false;
        }
        self.round = next;
        self.entered_at = env.now;
        self.votes_changed = true;
        self.hopeless = false;
        self.collector
            .forget_before(next.saturating_sub(ROUNDS_BEHIND));
        self.proposals = self.proposals.split_off(&next);
        self.progressed(env);
        out.push(Output::Event(ConsensusEvent::RoundEntered {
            slot: self.slot,
            round: next,
        }));
        true
    }

    /// Rules 2 to 6, for each validator key of ours.
    fn act(&mut self, env: &Env<'_>, out: &mut Outbox) -> bool {
        let mut acted = false;
        for place in 0..self.own.len() {
            if self
                .own
                .get(place)
                .is_some_and(|own| env.may_sign_with(own.address()))
            {
                acted |= self.act_for(env, place, out);
            }
        }
        acted
    }

    fn act_for(&mut self, env: &Env<'_>, place: usize, out: &mut Outbox) -> bool {
        let mut acted = self.sign_waiting(place, out);
        acted |= self.choose(env, place, out);
        acted |= self.propose(env, place, out);
        acted |= self.vote(env, place, out);
        acted |= self.finalise(env, place, out);
        acted | self.nullify(env, place, out)
    }

    /// Rule 2, choose.
    fn choose(&mut self, env: &Env<'_>, place: usize, out: &mut Outbox) -> bool {
        self.forget_choice_if_planted(place);
        if self.round != 0 || self.marks(place, 0).notarised.is_some() {
            return false;
        }
        match self.choice(env) {
            Choice::Later => false,
            Choice::Store(id) => {
                self.candidates.store(&id, out);
                false
            }
            Choice::Now(value) => match rules::choose(&self.marks(place, 0), 0, Some(value)) {
                Some(backed) => self.sign_notarise(env, place, 0, backed, out),
                None => false,
            },
        }
    }

    /// At `Tc` after opening, or at once when the best possible candidate is there or the slot
    /// opened late.
    fn choice(&self, env: &Env<'_>) -> Choice {
        let Some(opened) = self.opened else {
            return Choice::Later;
        };
        let due = opened.late || self.choice_due(env) <= env.now;
        match self.candidates.best_complete(env) {
            Some((id, unbeatable)) if due || unbeatable => {
                if self.candidates.body_state(&id) == BodyState::Stored {
                    Choice::Now(Value::Block { id })
                } else {
                    Choice::Store(id)
                }
            }
            None if due => Choice::Now(self.miss(env)),
            _ => Choice::Later,
        }
    }

    fn choice_due(&self, env: &Env<'_>) -> Timestamp {
        let opened_at = self.opened.map_or(Timestamp::MAX, |opened| opened.at);
        after(opened_at, env.shared.rule.wait(self.slot))
    }

    fn miss(&self, env: &Env<'_>) -> Value {
        let late = self.opened.is_some_and(|opened| opened.late);
        let shared = env.shared;
        range_miss::miss(
            &shared.clock,
            &shared.config.params,
            self.slot,
            late,
            env.clock_time(),
        )
    }

    /// Rule 3, propose.
    fn propose(&mut self, env: &Env<'_>, place: usize, out: &mut Outbox) -> bool {
        let round = self.round;
        let marks = self.marks(place, round);
        if round == 0 || marks.proposed.is_some() || !self.coordinates(env, place, round) {
            return false;
        }
        let best = self.candidates.best_id();
        let free_choice = best.map_or_else(|| self.miss(env), |id| Value::Block { id });
        let proposal = rules::propose(&self.certificates, &marks, round, free_choice);
        match self.planted.proposal(proposal, free_choice) {
            Some(backed) => self.sign_proposal(env, place, round, backed, out),
            None => false,
        }
    }

    /// Rule 4, vote.
    fn vote(&mut self, env: &Env<'_>, place: usize, out: &mut Outbox) -> bool {
        let round = self.round;
        let marks = self.marks(place, round);
        if round == 0 || marks.notarised.is_some() {
            return false;
        }
        let Some(proposal) = self.proposal_of(round) else {
            return false;
        };
        let votable = self.is_votable(env, &proposal.value, out);
        let vote = rules::vote(&self.certificates, &marks, round, proposal, votable);
        match self.planted.vote(vote, proposal, votable) {
            Some(backed) => self.sign_notarise(env, place, round, backed, out),
            None => false,
        }
    }

    /// A miss that may be, or a block that is held, valid and durable.
    fn is_votable(&mut self, env: &Env<'_>, value: &Value, out: &mut Outbox) -> bool {
        match value {
            Value::Miss { through } => {
                crate::candidates::validity::miss_is_votable(env, self.slot, *through)
            }
            Value::Block { id } => self.is_held(id, out),
        }
    }

    fn is_held(&mut self, id: &BlockId, out: &mut Outbox) -> bool {
        match self.candidates.body_state(id) {
            BodyState::Stored => true,
            BodyState::Valid => {
                self.candidates.store(id, out);
                false
            }
            BodyState::Storing => false,
            BodyState::Absent | BodyState::Unchecked | BodyState::Invalid => {
                self.candidates.want(*id);
                self.planted.votes_for_what_is_not_held()
            }
        }
    }

    /// Rule 5, finalise: in any round that is notarised.
    fn finalise(&mut self, env: &Env<'_>, place: usize, out: &mut Outbox) -> bool {
        let mut acted = false;
        let notarised: Vec<(u32, Value)> = self.certificates.all_notarised().collect();
        let latest = notarised.len().saturating_sub(NOTARISED_WANTED);
        for (number, (round, value)) in notarised.into_iter().enumerate() {
            let marks = self.planted.marks_to_finalise(self.marks(place, round));
            if marks.nullified || marks.finalised.is_some() {
                continue;
            }
            let held = value.block().is_none_or(|id| {
                if number < latest {
                    self.candidates.body_state(&id) == BodyState::Stored
                } else {
                    self.is_held(&id, out)
                }
            });
            if let Some(value) = rules::finalise(&self.certificates, &marks, round, |_| held) {
                acted |= self.sign_finalise(env, place, round, value, out);
            }
        }
        acted
    }

    /// Rule 6, nullify.
    fn nullify(&mut self, env: &Env<'_>, place: usize, out: &mut Outbox) -> bool {
        let round = self.round;
        let marks = self.marks(place, round);
        if marks.nullified || self.certificates.notarised(round).is_some() {
            return false;
        }
        let timer_ended = self.round_end(env) <= env.now && !self.planted.waits_without_end();
        let hopeless = !timer_ended && self.is_hopeless(env, out);
        if rules::nullify(&self.certificates, &marks, round, timer_ended, hopeless) {
            return self.sign_nullify(env, place, round, out);
        }
        false
    }

    fn round_end(&self, env: &Env<'_>) -> Timestamp {
        after(self.entered_at, env.shared.timers.round(self.round))
    }

    fn is_hopeless(&mut self, env: &Env<'_>, out: &mut Outbox) -> bool {
        if !self.hopeless && self.votes_changed {
            self.votes_changed = false;
            let mut blamed = Vec::new();
            let verifier = env.shared.verifier.as_ref();
            self.hopeless = self
                .collector
                .is_hopeless(self.round, verifier, &mut blamed);
            out.blame_all(blamed);
        }
        self.hopeless
    }

    /// The notarised candidate, else the one this node voted for, else the best-ranked.
    fn update_leading(&mut self, out: &mut Outbox) {
        let notarised = self
            .certificates
            .latest_notarised()
            .and_then(|it| it.subject.value());
        let voted = || {
            self.own
                .iter()
                .find_map(|own| own.last_notarised())
                .map(|backed| backed.value)
        };
        let leading = match notarised.or_else(voted) {
            Some(value) => value.block(),
            None => self.candidates.best_id(),
        };
        let leading = leading.filter(|id| self.candidates.block(id).is_some());
        if leading != self.leading {
            self.leading = leading;
            out.candidates_changed();
            out.push(Output::Event(ConsensusEvent::LeadingCandidateChanged {
                slot: self.slot,
                id: leading,
            }));
        }
    }

    /// Something new brought the slot on: no standstill.
    fn progressed(&mut self, env: &Env<'_>) {
        self.resends = 0;
        self.resend_at = after(env.now, env.shared.timers.standstill(0));
    }

    /// The next time at which a rule may have something to do.
    pub(crate) fn next_wake(&self, env: &Env<'_>) -> Option<Timestamp> {
        self.opened?;
        let finality_wait = env.shared.timers.finality_wait();
        let choice = (self.round == 0).then(|| self.choice_due(env));
        let end = Some(self.round_end(env));
        let finality = self
            .certificates
            .notarised_at(self.round)
            .map(|at| after(at, finality_wait));
        let offered = self.offers.next_ask();
        let body = self.candidates.next_ask(env.now);
        let miss = self.miss_votable_at(env);
        [
            choice,
            end,
            finality,
            offered,
            body,
            miss,
            Some(self.resend_at),
        ]
        .into_iter()
        .flatten()
        .filter(|at| *at > env.now)
        .min()
    }

    /// When a proposed miss of many periods will be old enough to vote for.
    fn miss_votable_at(&self, env: &Env<'_>) -> Option<Timestamp> {
        let Value::Miss { through } = self.proposal_of(self.round)?.value else {
            return None;
        };
        let last = Slot::new(through, self.slot.thread);
        let start = env.shared.clock.start_of(last).ok()?;
        let drift = picot_clock::Millis(env.shared.config.params.max_clock_drift_ms);
        let at = after(start, env.shared.clock.t0()).checked_sub(drift)?;
        Some(env.shared.running(at))
    }

    /// The candidates and votes, for whoever looks on.
    pub(crate) fn votes(&self) -> SlotVotes {
        SlotVotes {
            candidates: self.candidates.known(),
            canonical: self.candidates.best_id(),
            rounds: self.collector.votes(),
        }
    }

    /// The decision is made: headers, votes and certificates stay for a while as evidence.
    pub(crate) fn close(&mut self) {
        self.candidates.drop_bodies();
        self.collector.close();
        self.certificates.close();
        self.own.iter_mut().for_each(OwnValidator::close);
        self.proposals.clear();
        self.coordinators.clear();
        self.offers = Offers::default();
        self.leading = None;
        self.opened = None;
    }
}
