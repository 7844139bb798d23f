//! Rule 9, standstill: while a slot makes no progress, everything that others may lack is sent again
//! at intervals that grow to a bound, and a peer is asked.

use super::SlotState;
use crate::env::{Env, Outbox};
use crate::rules::{Allowed, allowed};
use crate::timers::after;
use crate::{Message, Output, Request};
use picot_models::{Carry, Certificate};
use std::sync::Arc;

/// Own messages that are sent again at once, for each key.
const MAX_RESENT: usize = 32;

impl SlotState {
    pub(super) fn resend(&mut self, env: &Env<'_>, out: &mut Outbox) {
        if self.resend_at > env.now || self.planted.never_sends_again() {
            return;
        }
        self.resends = self.resends.saturating_add(1);
        self.resend_at = after(env.now, env.shared.timers.standstill(self.resends));
        self.sign_failed(env, out);
        let headers: Vec<_> = self
            .candidates
            .own_headers(env)
            .map(|header| Arc::new(Message::Candidate(header.envelope().clone())))
            .collect();
        let bundle = self.entry_certificates();
        // Votes of the round before may be what the others lack to leave it.
        let own = self.own_messages_from(self.round.saturating_sub(1), MAX_RESENT);
        for message in headers.into_iter().chain(bundle).chain(own) {
            out.push(Output::Broadcast(message));
        }
        let request = Request::Outcomes {
            thread: self.slot.thread,
            period: self.slot.period,
        };
        out.push(Output::Ask { to: None, request });
    }

    /// The certificates by which anyone may enter the present round, and the latest `N`.
    fn entry_certificates(&self) -> Vec<Arc<Message>> {
        let carry = match allowed(&self.certificates, self.round) {
            Some(Allowed::Carried(backed)) => backed.carry,
            Some(Allowed::Any) | None => Carry::Free,
        };
        let mut certificates: Vec<Certificate> = self
            .certificates
            .justification(self.round, carry)
            .map(|bundle| {
                bundle
                    .notarised
                    .into_iter()
                    .chain(bundle.nullified)
                    .collect()
            })
            .unwrap_or_default();
        if let Some(latest) = self.certificates.latest_notarised()
            && !certificates.contains(latest)
        {
            certificates.push(Certificate::clone(latest));
        }
        certificates
            .into_iter()
            .map(|certificate| Arc::new(Message::Certificate(certificate)))
            .collect()
    }
}
