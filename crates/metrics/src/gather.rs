//! What is asked of the parts at each scrape, one file a subject.

mod chain;
mod machine;
mod peers;
mod pool;
mod production;
mod state;

use crate::Sources;
use crate::page::Page;
use machine::Machine;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;

/// Asks the parts at each scrape. Nothing is kept but what the disk said a moment ago.
pub(crate) struct Gather {
    sources: Sources,
    machine: Machine,
}

impl Gather {
    pub(crate) fn new(sources: Sources) -> Self {
        Self {
            sources,
            machine: Machine::default(),
        }
    }
}

impl fmt::Debug for Gather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").finish_non_exhaustive()
    }
}

impl Collector for Gather {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        self.machine.write(&mut page, &self.sources)?;
        chain::write(&mut page, &self.sources)?;
        state::write(&mut page, &self.sources)?;
        production::write(&mut page, &self.sources)?;
        pool::write(&mut page, &self.sources)?;
        peers::write(&mut page, &self.sources)
    }
}
