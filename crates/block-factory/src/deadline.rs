//! Questions to parts that may be slow, stuck or broken: whoever asks is never held up past a
//! deadline (design 08, 'Building must never be stopped by one slow or failing part').
//!
//! The parts are synchronous traits, and a thread that is inside a call cannot be called back. So
//! the question is asked on a thread of its own, and left behind there if the answer comes late. A
//! part that still has an earlier question is not asked again until it has answered: there is at
//! most one such thread for each [`Helper`], whatever happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use displaydoc::Display;
use parking_lot::Mutex;
use picot_clock::{Clock, Millis, Stop, Timestamp, Wait, wait_until};
use thiserror::Error;

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, Display, Error, PartialEq, Eq)]
pub enum NoAnswer {
    /// no answer by {deadline}
    Late {
        /// When the answer was due.
        deadline: Timestamp,
    },
    /// not asked any more, at {deadline} or later
    NotAsked {
        /// When the answer was due.
        deadline: Timestamp,
    },
    /// still busy with an earlier question
    Busy,
    /// broke down over the question
    Broken,
}

/// On which thread a part is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    /// On a thread of its own, so that a part which does not answer is left behind.
    #[default]
    OnHelperThread,
    /// On the thread that asks: for the simulator, whose time stands still during a call, and for
    /// tests. Nothing is left behind, so every part must answer.
    Inline,
}

/// Asks one kind of question of one part.
///
/// Several helpers may ask the same part: each has its own thread, so that a part which is stuck
/// over one kind of question can still answer another.
pub struct Helper<T: ?Sized> {
    name: &'static str,
    part: Arc<T>,
    clock: Arc<dyn Clock>,
    asking: Asking,
    busy: Arc<AtomicBool>,
}

impl<T: ?Sized + Send + Sync + 'static> Helper<T> {
    /// A helper, whose thread will have this name; deadlines are read off `clock`.
    #[must_use]
    pub fn new(name: &'static str, part: Arc<T>, clock: Arc<dyn Clock>, asking: Asking) -> Self {
        Self {
            name,
            part,
            clock,
            asking,
            busy: Arc::default(),
        }
    }

    /// Whether an earlier question is still without an answer.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Asks, and waits for the answer until `deadline`. A part that is asked at the deadline or
    /// after it is not asked at all.
    ///
    /// # Errors
    /// [`NoAnswer`]. The question may go on being answered after [`NoAnswer::Late`]; the answer is
    /// then dropped.
    pub fn ask<A: Send + 'static>(
        &self,
        deadline: Timestamp,
        question: impl FnOnce(&T) -> A + Send + 'static,
    ) -> Result<A, NoAnswer> {
        if self.clock.now() >= deadline {
            return Err(NoAnswer::NotAsked { deadline });
        }
        match self.asking {
            Asking::Inline => Ok(question(&self.part)),
            Asking::OnHelperThread => self.ask_on_thread(deadline, question),
        }
    }

    fn ask_on_thread<A: Send + 'static>(
        &self,
        deadline: Timestamp,
        question: impl FnOnce(&T) -> A + Send + 'static,
    ) -> Result<A, NoAnswer> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(NoAnswer::Busy);
        }
        let answered = Stop::new();
        let end = EndOfQuestion {
            busy: self.busy.clone(),
            answered: answered.clone(),
        };
        let answer = Arc::new(Mutex::new(None));
        let (part, place) = (self.part.clone(), answer.clone());
        let helper = thread::Builder::new()
            .name(self.name.to_owned())
            .spawn(move || {
                let _end = end;
                let given = question(&part);
                *place.lock() = Some(given);
            });
        if helper.is_err() {
            return Err(NoAnswer::Broken);
        }
        match wait_until(self.clock.as_ref(), &answered, deadline) {
            Wait::Stopped => answer.lock().take().ok_or(NoAnswer::Broken),
            Wait::Reached => Err(NoAnswer::Late { deadline }),
        }
    }
}

/// The middle of what is left until `end`, rounded up: the share of a part that may be left out, so
/// that whatever it does with it, there is time for the parts after it.
#[must_use]
pub fn half_way(now: Timestamp, end: Timestamp) -> Timestamp {
    let left = end.since(now).unwrap_or(Millis::ZERO);
    now.checked_add(Millis(left.0.div_ceil(2))).unwrap_or(end)
}

/// Tells that a question is over, also when the part panics or no thread could be had.
struct EndOfQuestion {
    busy: Arc<AtomicBool>,
    answered: Stop,
}

impl Drop for EndOfQuestion {
    fn drop(&mut self) {
        self.busy.store(false, Ordering::Release);
        self.answered.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use picot_clock::ManualClock;

    use super::*;

    /// A part that answers when the test lets it.
    trait Part: Send + Sync {
        fn answer(&self) -> u32;
    }

    struct Blocking {
        entered: Sender<()>,
        release: Mutex<Receiver<u32>>,
    }

    impl Part for Blocking {
        fn answer(&self) -> u32 {
            self.entered.send(()).unwrap();
            self.release.lock().recv().unwrap()
        }
    }

    struct World {
        clock: ManualClock,
        helper: Helper<dyn Part>,
        entered: Receiver<()>,
        release: Sender<u32>,
    }

    const DEADLINE: Timestamp = Timestamp(1_000_000);

    fn world() -> World {
        let clock = ManualClock::new(Timestamp(0));
        let (entered_sender, entered) = channel();
        let (release, release_receiver) = channel();
        let part: Arc<dyn Part> = Arc::new(Blocking {
            entered: entered_sender,
            release: Mutex::new(release_receiver),
        });
        let helper = Helper::new(
            "part",
            part,
            Arc::new(clock.clone()),
            Asking::OnHelperThread,
        );
        World {
            clock,
            helper,
            entered,
            release,
        }
    }

    impl World {
        /// Asks, and lets the deadline come once the part is inside the question.
        fn ask_until_late(&self) -> Result<u32, NoAnswer> {
            thread::scope(|scope| {
                let helper = &self.helper;
                let asker = scope.spawn(|| helper.ask(DEADLINE, |part| part.answer()));
                self.entered.recv().unwrap();
                self.clock.set(DEADLINE);
                asker.join().unwrap()
            })
        }

        fn wait_until_idle(&self) {
            while self.helper.is_busy() {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn an_answer_in_time_is_given() {
        let world = world();
        world.release.send(7).unwrap();
        assert_eq!(world.helper.ask(DEADLINE, |part| part.answer()), Ok(7));
        world.wait_until_idle();
    }

    #[test]
    fn whoever_asks_is_free_at_the_deadline_though_the_part_is_not() {
        let world = world();
        assert_eq!(
            world.ask_until_late(),
            Err(NoAnswer::Late { deadline: DEADLINE })
        );
        assert!(world.helper.is_busy());
        world.release.send(7).unwrap();
        world.wait_until_idle();
    }

    #[test]
    fn a_stuck_part_is_left_out_at_once_until_it_answers() {
        let world = world();
        world.ask_until_late().unwrap_err();
        let later = DEADLINE.checked_add(Millis(1)).unwrap();
        for _ in 0..3 {
            assert_eq!(
                world.helper.ask(later, |part| part.answer()),
                Err(NoAnswer::Busy)
            );
        }
        world.release.send(7).unwrap();
        world.wait_until_idle();
        world.release.send(8).unwrap();
        assert_eq!(
            world.helper.ask(later, |part| part.answer()),
            Ok(8),
            "not the late answer"
        );
    }

    #[test]
    fn a_part_is_not_asked_at_its_deadline_or_after() {
        let world = world();
        for now in [DEADLINE, Timestamp::MAX] {
            world.clock.set(now);
            let answer = world.helper.ask(DEADLINE, |part| part.answer());
            assert_eq!(answer, Err(NoAnswer::NotAsked { deadline: DEADLINE }));
        }
        assert!(world.entered.try_recv().is_err());
    }

    #[test]
    fn a_part_that_panics_has_no_answer_and_may_be_asked_again() {
        let world = world();
        let broken = world
            .helper
            .ask(DEADLINE, |_| -> u32 { panic!("a bug elsewhere") });
        assert_eq!(broken, Err(NoAnswer::Broken));
        world.release.send(7).unwrap();
        assert_eq!(world.helper.ask(DEADLINE, |part| part.answer()), Ok(7));
    }

    #[test]
    fn two_helpers_of_one_part_do_not_wait_for_each_other() {
        let world = world();
        world.ask_until_late().unwrap_err();
        let (part, clock) = (world.helper.part.clone(), Arc::new(ManualClock::default()));
        let other = Helper::new("other", part, clock, Asking::OnHelperThread);
        assert_eq!(other.ask(DEADLINE, |_| 3), Ok(3));
        world.release.send(7).unwrap();
        world.wait_until_idle();
    }

    #[test]
    fn half_way_leaves_half_of_the_time() {
        let half = |now, end| half_way(Timestamp(now), Timestamp(end)).0;
        assert_eq!(
            [half(10, 20), half(10, 11), half(10, 10), half(20, 10)],
            [15, 11, 10, 20]
        );
        assert_eq!(half(0, u64::MAX), u64::MAX / 2 + 1);
    }

    #[test]
    fn inline_questions_are_answered_on_the_thread_that_asks() {
        let clock = Arc::new(ManualClock::default());
        let helper = Helper::new("part", Arc::new(5_u32), clock.clone(), Asking::Inline);
        let here = thread::current().id();
        let answer = helper.ask(DEADLINE, |part| (*part, thread::current().id()));
        assert_eq!(answer, Ok((5, here)));
        clock.set(DEADLINE);
        let late = helper.ask(DEADLINE, |part| *part);
        assert_eq!(late, Err(NoAnswer::NotAsked { deadline: DEADLINE }));
    }
}
