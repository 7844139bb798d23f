//! The lines of a node that waits for the beginning of its chain.

use picot_clock::Millis;
use picot_models::Timestamp;

/// Says how long it is until genesis (design 03): every hour, the last hour every minute, the last
/// minute every ten seconds, the last ten seconds each.
#[derive(Debug, Default)]
pub(crate) struct Countdown {
    said: Option<u64>,
}

impl Countdown {
    /// The line that is due when so much is left, if one is.
    pub(crate) fn line(&mut self, left: Millis, genesis: Timestamp) -> Option<String> {
        let seconds = left.as_millis().div_ceil(1_000);
        let step = match seconds {
            0..=10 => 1,
            11..=60 => 10,
            61..=3_600 => 60,
            _ => 3_600,
        };
        let mark = seconds.div_ceil(step).saturating_mul(step);
        if self.said.is_some_and(|said| said <= mark) {
            return None;
        }
        self.said = Some(mark);
        Some(format!(
            "the chain begins in {}, at {genesis}",
            length_text(seconds)
        ))
    }
}

/// A length of time, as people say it.
pub(crate) fn length_text(seconds: u64) -> String {
    let (minutes, seconds) = (seconds.div_euclid(60), seconds.rem_euclid(60));
    let (hours, minutes) = (minutes.div_euclid(60), minutes.rem_euclid(60));
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_at(seconds: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut countdown = Countdown::default();
        seconds
            .filter(|&seconds| {
                let left = Millis(seconds * 1_000);
                countdown.line(left, Timestamp(0)).is_some()
            })
            .collect()
    }

    #[test]
    fn the_first_line_comes_at_once_and_later_ones_closer_together() {
        let said = said_at((1..=130).rev());
        let expected = [130, 120, 60, 50, 40, 30, 20, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
        assert_eq!(said, expected);
        assert_eq!(said_at((3_590..=7_300).rev()), [7_300, 7_200, 3_600]);
    }

    #[test]
    fn nothing_is_said_twice() {
        assert_eq!(said_at([5, 5, 5, 4].into_iter()), [5, 4]);
    }

    #[test]
    fn a_line_tells_the_length_and_the_time() {
        let mut countdown = Countdown::default();
        let line = countdown.line(Millis(62_001), Timestamp(0)).unwrap();
        assert!(
            line.starts_with("the chain begins in 1 min 3 s, at 1970-01-01"),
            "{line}"
        );
        assert_eq!(length_text(7_384), "2 h 3 min");
    }
}
