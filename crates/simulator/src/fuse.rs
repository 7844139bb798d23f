//! Where a node crashes: a fuse that blows at a chosen persist or send boundary.
//!
//! Everything through which a node touches the world outside of its memory asks the fuse first.
//! Once it has blown, nothing is written and nothing leaves any more, as if the process had ended
//! at that very place.

use displaydoc::Display;
use parking_lot::Mutex;
use thiserror::Error;

/// the node has crashed
#[derive(Debug, Clone, Copy, Display, Error)]
pub(crate) struct Crashed;

/// Where a fuse blows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Before this durable write from now is made: it is lost.
    BeforePersist(u32),
    /// After this durable write from now is made, before anybody hears of it.
    AfterPersist(u32),
    /// In the middle of a durable write: its last record is torn, and dropped when the store is
    /// opened again. What was reported as durable before is not touched.
    InPersist {
        /// After so many writes from now.
        writes: u32,
        /// Records of the write that are whole; at least the last one is not.
        whole: u32,
    },
    /// After so many messages from now have left, in the middle of a broadcast perhaps.
    AfterSends(u32),
}

#[derive(Debug, Default)]
struct State {
    armed: Option<Boundary>,
    blown: bool,
}

/// The fuse of one life of a node.
#[derive(Debug, Default)]
pub(crate) struct Fuse(Mutex<State>);

impl Fuse {
    /// Chooses where it blows. Replaces what was chosen before.
    pub(crate) fn arm(&self, boundary: Boundary) {
        self.0.lock().armed = Some(boundary);
    }

    /// Blows it here and now.
    pub(crate) fn blow(&self) {
        self.0.lock().blown = true;
    }

    /// Whether the node has crashed.
    #[must_use]
    pub(crate) fn is_blown(&self) -> bool {
        self.0.lock().blown
    }

    /// Makes a durable write of one record, if the node lives to make it and to hear of it.
    ///
    /// # Errors
    /// [`Crashed`]: the write was made or not, and nobody knows.
    pub(crate) fn persist<T>(&self, write: impl FnOnce() -> T) -> Result<T, Crashed> {
        let written = self.persist_records(1, |whole| (whole > 0).then(write))?;
        written.ok_or(Crashed)
    }

    /// Makes a durable write of several records, as [`persist`](Self::persist) does. The write is
    /// told how many of them, from the first, are whole.
    ///
    /// # Errors
    /// [`Crashed`]: all, some or none of the records were written, and nobody knows.
    pub(crate) fn persist_records<T>(
        &self,
        records: usize,
        write: impl FnOnce(usize) -> T,
    ) -> Result<T, Crashed> {
        let whole = self.begin_persist(records)?;
        let written = write(whole);
        self.end_persist()?;
        Ok(written)
    }

    /// How many records of a write reach the disk whole.
    fn begin_persist(&self, records: usize) -> Result<usize, Crashed> {
        let mut state = self.0.lock();
        if state.blown {
            return Err(Crashed);
        }
        match &mut state.armed {
            Some(Boundary::BeforePersist(0)) => {
                state.blown = true;
                Err(Crashed)
            }
            Some(Boundary::InPersist { writes: 0, whole }) => {
                let whole = usize::try_from(*whole).unwrap_or(usize::MAX);
                state.blown = true;
                Ok(whole.min(records.saturating_sub(1)))
            }
            Some(Boundary::BeforePersist(left) | Boundary::InPersist { writes: left, .. }) => {
                *left -= 1;
                Ok(records)
            }
            _ => Ok(records),
        }
    }

    fn end_persist(&self) -> Result<(), Crashed> {
        let mut state = self.0.lock();
        match &mut state.armed {
            Some(Boundary::AfterPersist(0)) => state.blown = true,
            Some(Boundary::AfterPersist(left)) => *left -= 1,
            _ => {}
        }
        if state.blown { Err(Crashed) } else { Ok(()) }
    }

    /// How many of `count` messages leave.
    pub(crate) fn send(&self, count: usize) -> usize {
        let mut state = self.0.lock();
        if state.blown {
            return 0;
        }
        if let Some(Boundary::AfterSends(left)) = &mut state.armed {
            let wanted = u32::try_from(count).unwrap_or(u32::MAX);
            match left.checked_sub(wanted) {
                Some(fewer) => *left = fewer,
                None => {
                    let leave = usize::try_from(*left).unwrap_or(0);
                    state.blown = true;
                    return leave;
                }
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_before_which_the_node_crashes_is_lost() {
        let fuse = Fuse::default();
        fuse.arm(Boundary::BeforePersist(1));
        let mut written = 0;
        assert!(fuse.persist(|| written += 1).is_ok());
        assert!(fuse.persist(|| written += 1).is_err());
        assert_eq!((written, fuse.is_blown(), fuse.send(3)), (1, true, 0));
    }

    #[test]
    fn a_write_after_which_the_node_crashes_is_made_and_not_heard_of() {
        let fuse = Fuse::default();
        fuse.arm(Boundary::AfterPersist(0));
        let mut written = 0;
        assert!(fuse.persist(|| written += 1).is_err());
        assert_eq!((written, fuse.is_blown()), (1, true));
    }

    #[test]
    fn a_write_in_the_middle_of_which_the_node_crashes_loses_its_last_records() {
        for (whole, expected) in [(0, 0), (2, 2), (9, 3)] {
            let fuse = Fuse::default();
            fuse.arm(Boundary::InPersist { writes: 1, whole });
            let mut written = Vec::new();
            assert!(fuse.persist_records(2, |whole| written.push(whole)).is_ok());
            assert!(
                fuse.persist_records(4, |whole| written.push(whole))
                    .is_err()
            );
            assert_eq!((written, fuse.is_blown()), (vec![2, expected], true));
        }
        let fuse = Fuse::default();
        fuse.arm(Boundary::InPersist {
            writes: 0,
            whole: 1,
        });
        let mut written = 0;
        assert!(fuse.persist(|| written += 1).is_err());
        assert_eq!(written, 0);
    }

    #[test]
    fn a_crash_in_the_middle_of_a_broadcast_lets_some_leave() {
        let fuse = Fuse::default();
        fuse.arm(Boundary::AfterSends(4));
        assert_eq!((fuse.send(3), fuse.send(3), fuse.send(3)), (3, 1, 0));
        assert!(fuse.persist(|| ()).is_err());
    }
}
