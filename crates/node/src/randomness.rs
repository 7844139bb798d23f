//! The one door to the operating system's randomness: keys, salts and nonces come through it.

use displaydoc::Display;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;
use zeroize::Zeroizing;

/// the operating system gave no random bytes: {0}
#[derive(Debug, Display, Error)]
pub struct RandomnessError(getrandom::Error);

/// Random bytes that nobody can guess.
pub struct SystemRandomness(ChaCha20Rng);

impl SystemRandomness {
    /// Asks the system once, so that nothing can fail half-way through the making of a key.
    ///
    /// # Errors
    /// The system gave none.
    #[allow(
        clippy::disallowed_methods,
        reason = "keys must be unguessable: this is the one place that asks the system"
    )]
    pub fn new() -> Result<Self, RandomnessError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(RandomnessError)?;
        Ok(Self(ChaCha20Rng::from_seed(*seed)))
    }

    /// Fills a slice.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sources_and_two_fills_give_different_bytes() {
        let fill = |source: &mut SystemRandomness| {
            let mut bytes = [0; 32];
            source.fill(&mut bytes);
            bytes
        };
        let (mut first, mut second) = (
            SystemRandomness::new().unwrap(),
            SystemRandomness::new().unwrap(),
        );
        let filled = [fill(&mut first), fill(&mut first), fill(&mut second)];
        assert_ne!(filled[0], filled[1]);
        assert_ne!(filled[0], filled[2]);
    }
}
