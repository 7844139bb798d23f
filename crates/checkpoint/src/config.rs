//! The bounds of gathering, and its times.

use picot_clock::Millis;

/// The bounds of one node's gathering of signatures, and its times. None of them changes what is
/// certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Slots whose signatures are gathered at a time, at most.
    pub max_open_slots: usize,
    /// Signatures that are held, of all slots together: with many validators fewer slots are open, but
    /// always two.
    pub max_signatures: usize,
    /// Certified slots whose signatures are kept, to find who signs another checkpoint as well.
    pub closed_slots: usize,
    /// Checkpoints ahead of this node's own state whose signatures are taken, in intervals.
    pub intervals_ahead: u64,
    /// Intervals after which a checkpoint inside a cycle is given up: newer ones have taken its place.
    pub intervals_kept: u64,
    /// How long signatures are collected before they are verified together.
    pub collect: Millis,
    /// Signatures that are verified together without waiting.
    pub collect_at_most: usize,
    /// After so long without a certificate own signatures are sent again, and peers are asked.
    pub resend: Millis,
    /// The longest wait until they are sent again.
    pub max_resend: Millis,
    /// How long a checkpoint that is reached late is asked for before it is signed.
    pub late_wait: Millis,
    /// Bytes of one answer of certified checkpoints.
    pub answer_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_open_slots: 64,
            max_signatures: 131_072,
            closed_slots: 8,
            intervals_ahead: 4,
            intervals_kept: 4,
            collect: Millis(50),
            collect_at_most: 256,
            resend: Millis(2_000),
            max_resend: Millis(60_000),
            late_wait: Millis(2_000),
            answer_bytes: 1 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_these() {
        let config = Config::default();
        assert_eq!((config.max_open_slots, config.closed_slots), (64, 8));
        assert_eq!(config.max_signatures, 131_072);
        assert_eq!((config.intervals_ahead, config.intervals_kept), (4, 4));
        assert_eq!((config.collect, config.collect_at_most), (Millis(50), 256));
        assert_eq!(
            (config.resend, config.max_resend),
            (Millis(2_000), Millis(60_000))
        );
        assert_eq!(
            (config.late_wait, config.answer_bytes),
            (Millis(2_000), 1 << 20)
        );
    }
}
