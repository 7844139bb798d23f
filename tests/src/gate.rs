//! What a relay lets through, as all its threads see it.

use std::net::{Shutdown, SocketAddrV4, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    #[default]
    Open,
    Held,
    Cut,
    Ended,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) target: Option<SocketAddrV4>,
    pub(crate) flow: Flow,
    pub(crate) delay: Duration,
    streams: Vec<TcpStream>,
}

#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Ends all connections, and what comes is treated as told.
    pub(crate) fn cut(&self, flow: Flow) {
        self.change(|state| {
            state.flow = flow;
            for stream in state.streams.drain(..) {
                // Already gone is fine.
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }

    /// Keeps a connection, to end it by [`Gate::cut`]; one that comes too late ends at once.
    pub(crate) fn keep(&self, stream: &TcpStream) {
        let mut state = self.lock();
        if matches!(state.flow, Flow::Cut | Flow::Ended) {
            let _ = stream.shutdown(Shutdown::Both);
        } else if let Ok(stream) = stream.try_clone() {
            state.streams.push(stream);
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.lock().flow == Flow::Ended
    }

    pub(crate) fn delay(&self) -> Duration {
        self.lock().delay
    }

    /// Where a new connection leads, once that is known and the way is open; none if it is cut.
    pub(crate) fn target(&self) -> Option<SocketAddrV4> {
        let may_wait = |state: &mut State| match state.flow {
            Flow::Open => state.target.is_none(),
            Flow::Held => true,
            Flow::Cut | Flow::Ended => false,
        };
        let state = self.changed.wait_while(self.lock(), may_wait);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        state.target.filter(|_| state.flow == Flow::Open)
    }

    /// Waits until something may pass; whether it ever may.
    pub(crate) fn pass(&self) -> bool {
        let is_held = |state: &mut State| state.flow == Flow::Held;
        let state = self.changed.wait_while(self.lock(), is_held);
        state.unwrap_or_else(PoisonError::into_inner).flow == Flow::Open
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
