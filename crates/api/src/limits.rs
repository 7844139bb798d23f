//! How many requests may do work that can block, at once.

use crate::interface::Interface;
use crate::problem::{Refusal, internal};
use crate::{Problem, ProblemCode};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What each route of the interface gets.
pub(crate) type Shared = Places<Interface>;

/// The node's parts behind a bounded number of places.
pub(crate) struct Places<C> {
    context: Arc<C>,
    places: Arc<Semaphore>,
    /// Held while a request is answered by the thread that moves bytes.
    in_place: Arc<Mutex<()>>,
    /// How long a place is waited for.
    patience: Duration,
    pub(crate) max_batch: usize,
}

impl<C> Clone for Places<C> {
    fn clone(&self) -> Self {
        Self {
            context: Arc::clone(&self.context),
            places: Arc::clone(&self.places),
            in_place: Arc::clone(&self.in_place),
            patience: self.patience,
            max_batch: self.max_batch,
        }
    }
}

impl<C: Send + Sync + 'static> Places<C> {
    pub(crate) fn new(
        context: Arc<C>,
        max_blocking: usize,
        request_timeout: Duration,
        max_batch: usize,
    ) -> Self {
        let places = max_blocking.min(Semaphore::MAX_PERMITS);
        // Half of it, so that who gets no place is told so, and when to come again, before its time is
        // over.
        let patience = request_timeout.checked_div(2).unwrap_or(request_timeout);
        Self {
            context,
            places: Arc::new(Semaphore::new(places)),
            in_place: Arc::default(),
            patience,
            max_batch,
        }
    }

    pub(crate) fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Runs `work`, which is quick and seldom reads the disk, where the request is: a change of
    /// threads would cost more than the answer. One at a time, so that the other threads that move
    /// bytes go on whatever the disk does; what comes meanwhile is done as by [`run`](Self::run).
    pub(crate) async fn read<T, W>(&self, work: W) -> Result<T, Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&C) -> Result<T, Problem> + Send + 'static,
    {
        if let Some(_turn) = self.in_place.try_lock() {
            return work(&self.context).map_err(Refusal);
        }
        self.run(work).await
    }

    /// A place for work that may block, waited for no longer than half of what a request may take.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        let waiting = Arc::clone(&self.places).acquire_owned();
        tokio::time::timeout(self.patience, waiting)
            .await
            .ok()?
            .ok()
    }

    /// Runs `work`, which may read the disk or check signatures, on a thread of its own kind.
    ///
    /// A client that gives up does not free the place: the work goes on, and is counted, to its end.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&C) -> Result<T, Problem> + Send + 'static,
    {
        let Some(place) = self.place().await else {
            let detail = "too many requests are being answered";
            return Err(Refusal::new(ProblemCode::Unavailable, detail));
        };
        let context = Arc::clone(&self.context);
        let answered = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&context)
        });
        answered
            .await
            .unwrap_or_else(|error| Err(internal(&error)))
            .map_err(Refusal)
    }
}
