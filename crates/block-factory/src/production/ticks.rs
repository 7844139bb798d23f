//! The thread of a factory: a loop over ticks, and nothing else.

use std::thread::{self, JoinHandle};

use picot_clock::Tick;

use crate::FactoryError;

/// Gives each tick to `step` on a thread of this name, until the ticks end.
///
/// With a `Ticker` that is when it is stopped. A step that takes longer than a slot makes the
/// ticker skip slots; they are not caught up on.
///
/// # Errors
/// [`FactoryError::Thread`].
pub fn run_on_ticks<I>(
    name: &'static str,
    ticks: I,
    mut step: impl FnMut(Tick) + Send + 'static,
) -> Result<JoinHandle<()>, FactoryError>
where
    I: IntoIterator<Item = Tick> + Send + 'static,
{
    let run = move || {
        for tick in ticks {
            step(tick);
        }
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|source| FactoryError::Thread {
        name,
        kind: source.kind(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use picot_clock::Slot;

    use super::*;

    #[test]
    fn every_tick_gets_one_step_in_order_and_the_thread_ends_with_them() {
        let ticks: Vec<_> = (1..4)
            .map(|period| Tick {
                slot: Slot::new(period, 0),
                skipped: None,
            })
            .collect();
        let (sender, seen) = channel();
        let thread = run_on_ticks("test", ticks.clone(), move |tick| {
            sender.send(tick).unwrap()
        });
        thread.unwrap().join().unwrap();
        assert_eq!(seen.iter().collect::<Vec<_>>(), ticks);
    }
}
