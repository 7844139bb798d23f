//! Where a process may end so that it hurts most: each moment between a write and what makes it
//! safe has a name.
//!
//! With the feature `fault-points` a process ends itself, as `kill -9` would end it, at the n-th
//! passing of one of them. Without it, [`Faults`] is empty and passing costs nothing. A build without
//! debug assertions refuses the feature, so no program that users get can have it.

#[cfg(all(feature = "fault-points", not(debug_assertions)))]
compile_error!("the feature `fault-points` is for tests: no optimised program may have it");

macro_rules! fault_points {
    ($($(#[doc = $text:literal])+ $point:ident = $name:literal,)+) => {
        /// A moment at which a process may end. In the order of a node's life.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultPoint {
            $($(#[doc = $text])+ $point,)+
        }

        impl FaultPoint {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$point),+];

            /// How it is called outside of code.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }
        }
    };
}

fault_points! {
    /// First start: the genesis is in the directory, nothing else is.
    GenesisWritten = "genesis-written",
    /// First start: before the file that names the chain.
    ChainFileWrite = "chain-file-write",
    /// First start: that file is synced under another name.
    ChainFileSynced = "chain-file-synced",
    /// First start: it has its name.
    ChainFileWritten = "chain-file-written",
    /// First start: the bulk store is made under another name, and not synced.
    StoreMade = "store-made",
    /// First start: it is synced, and not renamed.
    StoreSynced = "store-synced",
    /// First start: it has its name.
    StoreRenamed = "store-renamed",
    /// First start: the signing log is made under another name.
    LogMade = "log-made",
    /// First start: it has its name, and nobody has said what it knows of the past.
    LogRenamed = "log-renamed",
    /// Before it is said what the signing log knows of the past.
    OriginWrite = "origin-write",
    /// It is said.
    OriginWritten = "origin-written",
    /// Before a part of a state that is received from others is written.
    IncomingWrite = "incoming-write",
    /// It is written.
    IncomingWritten = "incoming-written",
    /// Before a state that was received from others becomes the state.
    IncomingAdopt = "incoming-adopt",
    /// It is the state.
    IncomingAdopted = "incoming-adopted",
    /// Before the state of final slots is committed.
    StateCommit = "state-commit",
    /// It is committed.
    StateCommitted = "state-committed",
    /// Before the state is synced.
    StateSync = "state-sync",
    /// It is synced.
    StateSynced = "state-synced",
    /// Before the bodies of candidates are written.
    CandidatesWrite = "candidates-write",
    /// They are written: the votes for them may leave.
    CandidatesWritten = "candidates-written",
    /// Before decisions are written.
    DecisionsWrite = "decisions-write",
    /// They are written: others may be told.
    DecisionsWritten = "decisions-written",
    /// Before a checkpoint, its signatures or its certificate are written, or old ones dropped.
    CheckpointWrite = "checkpoint-write",
    /// They are written, or dropped.
    CheckpointWritten = "checkpoint-written",
    /// Before old blocks are dropped.
    ArchivePrune = "archive-prune",
    /// They are dropped.
    ArchivePruned = "archive-pruned",
    /// Before the space of dropped blocks is given back.
    ArchiveReclaim = "archive-reclaim",
    /// It is given back.
    ArchiveReclaimed = "archive-reclaimed",
    /// Claims are in a transaction of the signing log that is not committed.
    Claim = "claim",
    /// They are committed: the signatures may be made.
    Claimed = "claimed",
    /// Before a page of the signing log is written.
    LogWrite = "log-write",
    /// Half of a page of the signing log is written.
    LogTorn = "log-torn",
    /// Pages of the signing log are written, and not synced.
    LogSync = "log-sync",
    /// They are synced.
    LogSynced = "log-synced",
    /// Before old claims are dropped.
    LogPrune = "log-prune",
    /// They are dropped.
    LogPruned = "log-pruned",
    /// Before history or a switch of the node is written.
    NodeWrite = "node-write",
    /// It is written.
    NodeWritten = "node-written",
    /// What this node signed is about to leave.
    SignatureLeaves = "signature-leaves",
    /// It was handed to the network.
    SignatureLeft = "signature-left",
}

impl FaultPoint {
    /// The one of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|point| point.name() == name)
    }
}

impl std::fmt::Display for FaultPoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Where this process is to end; nowhere unless a test says so.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    #[cfg(feature = "fault-points")]
    plan: Option<std::sync::Arc<Plan>>,
}

#[cfg(feature = "fault-points")]
#[derive(Debug)]
struct Plan {
    point: FaultPoint,
    /// Passings until the end.
    left: std::sync::atomic::AtomicU64,
}

impl PartialEq for Faults {
    #[cfg(feature = "fault-points")]
    fn eq(&self, other: &Self) -> bool {
        match (&self.plan, &other.plan) {
            (None, None) => true,
            (Some(one), Some(other)) => std::sync::Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    #[cfg(not(feature = "fault-points"))]
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Faults {}

#[cfg(not(feature = "fault-points"))]
impl Faults {
    /// Passes a point.
    #[inline]
    #[allow(clippy::unused_self, reason = "with the feature it is used")]
    pub const fn pass(&self, _point: FaultPoint) {}

    /// Passes a point; `last` is done before the end.
    #[inline]
    #[allow(clippy::unused_self, reason = "with the feature it is used")]
    pub(crate) fn pass_with(&self, _point: FaultPoint, _last: impl FnOnce()) {}
}

#[cfg(feature = "fault-points")]
impl Faults {
    /// Ends the process at the `passing`-th passing of a point; 1 is the first.
    #[must_use]
    pub fn at(point: FaultPoint, passing: u64) -> Self {
        let left = std::sync::atomic::AtomicU64::new(passing);
        let plan = Plan { point, left };
        Self {
            plan: Some(std::sync::Arc::new(plan)),
        }
    }

    /// Passes a point.
    pub fn pass(&self, point: FaultPoint) {
        self.pass_with(point, || {});
    }

    /// Passes a point; `last` is done before the end.
    pub(crate) fn pass_with(&self, point: FaultPoint, last: impl FnOnce()) {
        let Some(plan) = self.plan.as_ref().filter(|plan| plan.point == point) else {
            return;
        };
        if plan.left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            last();
            use std::io::Write;
            // Nobody who reads is no reason to go on.
            let _ = writeln!(std::io::stderr(), "fault point {point} reached");
            std::process::abort();
        }
    }
}
