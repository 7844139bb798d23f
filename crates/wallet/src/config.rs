//! How a wallet file is protected.

use crate::WalletError;
use serde::{Deserialize, Serialize};

/// What a wallet is made with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalletConfig {
    /// How the passphrase is stretched when a file is created or its passphrase changed. A file
    /// that exists says itself how its passphrase is stretched.
    pub kdf: KdfParams,
}

impl WalletConfig {
    /// For development chains and tests, whose keys hold nothing: unlocking takes about a
    /// millisecond, and so does a guess.
    #[must_use]
    pub const fn dev() -> Self {
        Self {
            kdf: KdfParams::dev(),
        }
    }

    /// Refuses parameters that no file may have.
    ///
    /// # Errors
    /// [`WalletError::Config`], which names the field.
    pub fn validate(&self) -> Result<(), WalletError> {
        self.kdf.check_bounds().map_err(WalletError::Config)
    }
}

/// The cost of stretching a passphrase with Argon2id (RFC 9106).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KdfParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes; they are computed one after the other.
    pub lanes: u32,
}

impl Default for KdfParams {
    /// The second recommendation of RFC 9106: 64 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self {
            memory_kib: 65_536,
            passes: 3,
            lanes: 4,
        }
    }
}

impl KdfParams {
    /// The most memory that a file may ask for: 1 GiB, so that a hostile file cannot end the node.
    pub const MAX_MEMORY_KIB: u32 = 1_048_576;
    /// The most passes that a file may ask for.
    pub const MAX_PASSES: u32 = 64;
    /// The most lanes that a file may ask for.
    pub const MAX_LANES: u32 = 64;
    /// The most memory times passes, in KiB: a minute or so, so that a hostile file cannot hang it.
    pub const MAX_COST_KIB: u64 = 16 * 1_048_576;

    /// See [`WalletConfig::dev`].
    #[must_use]
    pub const fn dev() -> Self {
        Self {
            memory_kib: 256,
            passes: 1,
            lanes: 1,
        }
    }

    /// Which bound is broken, if one is.
    pub(crate) fn check_bounds(&self) -> Result<(), String> {
        let within = |name: &str, value: u32, least: u32, most: u32| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(format!("{name} is {value}, not {least} to {most}"))
        };
        within("lanes", self.lanes, 1, Self::MAX_LANES)?;
        within("passes", self.passes, 1, Self::MAX_PASSES)?;
        let least_memory = self.lanes.saturating_mul(8);
        within(
            "memory_kib",
            self.memory_kib,
            least_memory,
            Self::MAX_MEMORY_KIB,
        )?;
        let cost = u64::from(self.memory_kib).saturating_mul(u64::from(self.passes));
        if cost > Self::MAX_COST_KIB {
            let most = Self::MAX_COST_KIB;
            return Err(format!(
                "memory_kib times passes is {cost}, more than {most}"
            ));
        }
        Ok(())
    }
}
