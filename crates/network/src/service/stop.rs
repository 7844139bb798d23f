//! The end: all links end, are told to have, and the peers hear of it, within a bound.

use futures::StreamExt;
use std::time::Duration;

use super::Service;

/// How long links may take to end; only a receiver that does not return can make it so long.
const LINKS_TIME: Duration = Duration::from_secs(2);
/// How long connections may take to say goodbye.
const GOODBYE_TIME: Duration = Duration::from_millis(500);

impl Service {
    pub(super) async fn stop(&mut self) {
        for state in self.links.values() {
            state.close("we stop");
        }
        let ends = async {
            while let Some(ended) = self.running.join_next().await {
                if let Ok(state) = ended {
                    self.swarm.close_connection(state.connection);
                }
            }
        };
        if tokio::time::timeout(LINKS_TIME, ends).await.is_err() {
            tracing::warn!("some links did not end in time");
        }
        let goodbyes = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.next().await;
            }
        };
        // Whom it does not reach finds out by itself.
        let _ = tokio::time::timeout(GOODBYE_TIME, goodbyes).await;
    }
}
