//! The process and its disk.

use crate::Sources;
use crate::catalogue as metric;
use crate::page::{Page, seconds};
use crate::process;
use parking_lot::Mutex;
use picot_clock::{Millis, Timestamp};
use std::fmt;

/// How long what the disk said holds: asking looks at every file of the stores.
const DISK_HOLDS: Millis = Millis(15_000);

#[derive(Default)]
pub(super) struct Machine {
    disk: Mutex<Option<(Timestamp, Disk)>>,
}

#[derive(Clone)]
struct Disk {
    stores: Vec<(&'static str, u64)>,
    space: Option<process::Space>,
}

impl Machine {
    pub(super) fn write(&self, page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
        let facts = &sources.facts;
        let node = [&facts.version, &facts.chain, &facts.chain_id].map(Clone::clone);
        page.many(&metric::NODE, [(node.to_vec(), true.into())])?;
        let start = Millis(facts.started_at.as_millis());
        page.one(&metric::START_TIME, seconds(start))?;
        if let Some(usage) = process::usage() {
            page.one(&metric::CPU, usage.cpu)?;
            page.one(&metric::RESIDENT_MEMORY, usage.resident_bytes)?;
            page.one(&metric::OS_THREADS, usage.threads)?;
            page.known(&metric::OPEN_FILES, usage.open_files)?;
        }
        let disk = self.disk(sources);
        page.by(&metric::STORE_BYTES, disk.stores)?;
        page.known(&metric::DISK_FREE, disk.space.map(|space| space.free))?;
        page.known(&metric::DISK_SIZE, disk.space.map(|space| space.size))
    }

    fn disk(&self, sources: &Sources) -> Disk {
        let now = sources.clock.now();
        let mut kept = self.disk.lock();
        if let Some((at, disk)) = &*kept
            && now.since(*at).is_some_and(|age| age < DISK_HOLDS)
        {
            return disk.clone();
        }
        let disk = Disk {
            stores: (sources.stores)(),
            space: process::space(&sources.data_dir),
        };
        *kept = Some((now, disk.clone()));
        disk
    }
}
