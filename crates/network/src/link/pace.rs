//! How fast a link is read: a rate for all its lanes, of which the urgent ones have the last part.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

use crate::Config;
use crate::bucket::Bucket;

/// The most that is read at once.
pub(super) const CHUNK_BYTES: usize = 16 * 1_024;

/// The rate of one link.
pub(super) struct Pace {
    bucket: Mutex<Bucket>,
    begin: Instant,
    /// What each lane leaves for those that are more urgent: lane `n` leaves `n` shares.
    share_bytes: u64,
}

impl Pace {
    pub(super) fn new(config: &Config) -> Self {
        let lanes = u64::try_from(config.lanes.len()).unwrap_or(1).max(1);
        let burst = config.read_burst_bytes;
        Self {
            bucket: Mutex::new(Bucket::full(
                config.read_bytes_per_second,
                burst,
                Duration::ZERO,
            )),
            begin: Instant::now(),
            share_bytes: burst.checked_div(lanes).unwrap_or(0),
        }
    }

    /// Waits until a lane may read again.
    pub(super) async fn wait(&self, lane: u8) {
        let reserve = self.share_bytes.saturating_mul(lane.into());
        loop {
            let wait = {
                let mut bucket = self.bucket.lock();
                bucket.refill(self.begin.elapsed());
                bucket.until_above(reserve)
            };
            match wait {
                Some(time) => tokio::time::sleep(time).await,
                None => return,
            }
        }
    }

    /// Counts what was read; at most a chunk more than there was, which is waited for later.
    pub(super) fn spend(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bucket.lock().spend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn what_a_less_urgent_lane_may_not_read_a_more_urgent_one_still_may() {
        let config = Config {
            read_bytes_per_second: 1,
            read_burst_bytes: 90_000,
            ..Config::default()
        };
        let pace = Pace::new(&config);
        let may = |lane| pace.wait(lane).now_or_never().is_some();
        assert!(may(0) && may(1) && may(2));
        pace.spend(30_000);
        assert!(may(0) && may(1) && !may(2));
        pace.spend(30_000);
        assert!(may(0) && !may(1) && !may(2));
        pace.spend(30_000);
        assert!(!may(0) && !may(1) && !may(2));
    }
}
