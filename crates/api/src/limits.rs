//! How many requests may do work that can block, at once.

use crate::interface::Interface;
use crate::problem::{Refusal, internal};
use crate::{Problem, ProblemCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What each route of the interface gets.
pub(crate) type Shared = Places<Interface>;

/// The node's parts behind a bounded number of places.
pub(crate) struct Places<C> {
    context: Arc<C>,
    places: Arc<Semaphore>,
    patience: Duration,
    pub(crate) max_batch: usize,
}

impl<C> Clone for Places<C> {
    fn clone(&self) -> Self {
        Self {
            context: Arc::clone(&self.context),
            places: Arc::clone(&self.places),
            patience: self.patience,
            max_batch: self.max_batch,
        }
    }
}

impl<C: Send + Sync + 'static> Places<C> {
    pub(crate) fn new(
        context: Arc<C>,
        max_blocking: usize,
        patience: Duration,
        max_batch: usize,
    ) -> Self {
        let places = max_blocking.min(Semaphore::MAX_PERMITS);
        Self {
            context,
            places: Arc::new(Semaphore::new(places)),
            patience,
            max_batch,
        }
    }

    pub(crate) fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Runs `work`, which may read the disk or check signatures, on a thread of its own kind.
    ///
    /// A client that gives up does not free the place: the work goes on, and is counted, to its end.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&C) -> Result<T, Problem> + Send + 'static,
    {
        let waiting = Arc::clone(&self.places).acquire_owned();
        let place = match tokio::time::timeout(self.patience, waiting).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => {
                return Err(Refusal::new(
                    ProblemCode::Unavailable,
                    "too many requests are being answered",
                ));
            }
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
