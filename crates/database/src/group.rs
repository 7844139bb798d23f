//! Group commit: one commit serves all threads that wait for one.

use parking_lot::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Hands the work of many threads to one of them at a time, which commits all that has gathered.
///
/// There is no thread of its own: who comes while nobody commits, commits at once; who comes
/// meanwhile waits, and the first of these commits for all of them next.
pub(crate) struct Group<W, R> {
    state: Mutex<State<W, R>>,
}

struct State<W, R> {
    busy: bool,
    waiting: Vec<Waiting<W, R>>,
}

struct Waiting<W, R> {
    work: W,
    answer: Sender<Answer<W, R>>,
}

enum Answer<W, R> {
    /// Somebody else committed it.
    Done(R),
    /// It is our turn to commit, this work and what waits by then.
    Lead(W),
}

/// The one who commits panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

impl<W, R> Default for Group<W, R> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                busy: false,
                waiting: Vec::new(),
            }),
        }
    }
}

impl<W, R> Group<W, R> {
    /// Has `work` committed, by this thread or another. `commit` gets the work of one or more
    /// threads, and gives as many results, in the same order.
    pub(crate) fn run(&self, work: W, commit: impl FnOnce(&[W]) -> Vec<R>) -> Result<R, Abandoned> {
        let work = match self.enqueue(work) {
            Ok(work) => work,
            Err(turn) => match turn.recv() {
                Ok(Answer::Done(result)) => return Ok(result),
                Ok(Answer::Lead(work)) => work,
                Err(_) => return Err(Abandoned),
            },
        };
        let baton = Baton(self);
        let (works, answers) = baton.gather(work);
        let mut results = commit(&works).into_iter();
        let own = results.next();
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever waits does so until it is answered: nobody is gone.
            let _ = answer.send(Answer::Done(result));
        }
        drop(baton);
        own.ok_or(Abandoned)
    }

    /// How many wait for the one who commits.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Gives the work back if nobody commits, or else where the answer will come.
    fn enqueue(&self, work: W) -> Result<W, Receiver<Answer<W, R>>> {
        let mut state = self.state.lock();
        if !state.busy {
            state.busy = true;
            return Ok(work);
        }
        let (answer, turn) = channel();
        state.waiting.push(Waiting { work, answer });
        Err(turn)
    }
}

/// The right to commit, which is handed on when dropped, by a panic too.
struct Baton<'a, W, R>(&'a Group<W, R>);

impl<W, R> Baton<'_, W, R> {
    /// Our own work with that of all who wait, and where these want their answers.
    fn gather(&self, own: W) -> (Vec<W>, Vec<Sender<Answer<W, R>>>) {
        let waiting = std::mem::take(&mut self.0.state.lock().waiting);
        let (mut works, mut answers) = (vec![own], Vec::new());
        for Waiting { work, answer } in waiting {
            works.push(work);
            answers.push(answer);
        }
        (works, answers)
    }
}

impl<W, R> Drop for Baton<'_, W, R> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        if state.waiting.is_empty() {
            state.busy = false;
            return;
        }
        let next = state.waiting.remove(0);
        let _ = next.answer.send(Answer::Lead(next.work));
    }
}
