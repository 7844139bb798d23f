//! Work on many things, in as many parts as there are threads.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{ScopedJoinHandle, available_parallelism, scope};

/// Does work on parts of things, each part on a thread of its own and none smaller than `least`
/// unless it is the only one; gives the results in the order of the parts.
pub(crate) fn in_parts<T: Sync, R: Send>(
    things: &[T],
    least: usize,
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    if things.is_empty() {
        return Vec::new();
    }
    if things.len() <= least {
        // Of a few things, asking the system for its threads would be most of the work.
        return vec![work(things)];
    }
    let threads = available_parallelism().map_or(1, NonZero::get);
    let size = things.len().div_ceil(threads.max(1)).max(least).max(1);
    let mut parts = things.chunks(size);
    let Some(first) = parts.next() else {
        return Vec::new();
    };
    scope(|scope| {
        let work = &work;
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let first = work(first);
        let join = |other: ScopedJoinHandle<'_, R>| {
            other.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        [first]
            .into_iter()
            .chain(others.into_iter().map(join))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_parts_and_of_all_things() {
        for count in [0, 1, 9, 10, 11, 1_000] {
            let things: Vec<_> = (0..count).collect();
            let parts = in_parts(&things, 10, <[i32]>::to_vec);
            assert!(parts.len() <= 1 || parts[0].len() >= 10, "{count} things");
            assert_eq!(parts.concat(), things);
        }
    }

    #[test]
    #[should_panic(expected = "of a part")]
    fn a_panic_of_a_part_is_one_of_the_whole() {
        in_parts(&[1, 2, 3, 4], 1, |part| {
            assert!(!part.contains(&4), "the panic of a part");
        });
    }
}
