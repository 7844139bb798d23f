//! How far a bootstrap is, for people and programs.

use crate::NodeError;
use crate::countdown::length_text;
use picot_bootstrap::{Phase, Progress};
use picot_clock::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How often a line is said while nothing else happens.
const LINE_INTERVAL: Millis = Millis(5_000);

/// What is kept of the last bootstrap in the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootstrapStatus {
    /// When this was so, in milliseconds since the epoch.
    pub(crate) at: u64,
    /// How far it was.
    #[serde(flatten)]
    pub(crate) progress: Progress,
}

impl BootstrapStatus {
    /// In words.
    pub(crate) fn text(&self) -> String {
        text(&self.progress)
    }
}

/// What is kept of the last bootstrap; `None` if there was none.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_status(file: &Path) -> Result<Option<BootstrapStatus>, NodeError> {
    let failed = NodeError::file("read", file);
    match fs::read(file) {
        Ok(bytes) => {
            let status = serde_json::from_slice(&bytes);
            status.map(Some).map_err(|error| failed(error.into()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Keeps and says how far a bootstrap is.
pub(super) struct Report {
    file: PathBuf,
    said: Option<(Timestamp, Phase)>,
}

impl Report {
    pub(super) const fn new(file: PathBuf) -> Self {
        Self { file, said: None }
    }

    /// Keeps it where `picot bootstrap status` looks. If that fails, nothing is lost.
    pub(super) fn keep(&self, now: Timestamp, progress: &Progress) {
        let status = BootstrapStatus {
            at: now.0,
            progress: progress.clone(),
        };
        let new = self.file.with_extension("new");
        let written = serde_json::to_vec(&status)
            .map_err(std::io::Error::from)
            .and_then(|bytes| fs::write(&new, bytes))
            .and_then(|()| fs::rename(&new, &self.file));
        if let Err(error) = written {
            tracing::debug!(%error, "the progress of the bootstrap cannot be kept");
        }
    }

    /// The line that is due, if one is.
    pub(super) fn line(&mut self, now: Timestamp, progress: &Progress) -> Option<String> {
        let is_due = self.said.is_none_or(|(at, phase)| {
            phase != progress.phase || now.since(at).is_none_or(|past| past >= LINE_INTERVAL)
        });
        if !is_due {
            return None;
        }
        self.said = Some((now, progress.phase));
        Some(format!("bootstrap: {}", text(progress)))
    }
}

fn text(progress: &Progress) -> String {
    let peers = progress.peers;
    let chain = progress.followed.map_or_else(
        || "nothing is certified yet".to_owned(),
        |slot| format!("certified up to slot {slot}"),
    );
    let target = progress.target.map(|slot| slot.to_string());
    let target = target.unwrap_or_default();
    match progress.phase {
        Phase::Peers => "waits for peers".to_owned(),
        Phase::Chain => format!("follows the certificates of {peers} peers; {chain}"),
        Phase::Offers => format!("{chain}; waits for a state that one of {peers} peers serves"),
        Phase::Index => format!("state of slot {target}: receives the list of its chunks"),
        Phase::Chunks => format!(
            "state of slot {target}: {} of {} pairs, {} of {} MiB from {} peers{}",
            progress.pairs_here,
            progress.pairs_total,
            mib(progress.bytes_here),
            mib(progress.bytes_total),
            progress.serving,
            rest(progress),
        ),
        Phase::Checking => format!("state of slot {target}: is checked as a whole"),
        Phase::Done => format!(
            "state of slot {target} is here: {} pairs, {} MiB",
            progress.pairs_total,
            mib(progress.bytes_total)
        ),
    }
}

fn rest(progress: &Progress) -> String {
    let left = progress.remaining_ms.map(|ms| ms.div_euclid(1_000));
    left.map_or_else(String::new, |seconds| {
        format!(
            ", {} MiB a second, about {} left",
            mib(progress.bytes_per_second),
            length_text(seconds)
        )
    })
}

/// MiB with one digit behind the point.
fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::Slot;

    fn progress(phase: Phase) -> Progress {
        Progress {
            phase,
            followed: Some(Slot::new(63, 3)),
            target: Some(Slot::new(47, 3)),
            chunks_total: 10,
            chunks_here: 4,
            pairs_total: 1_000,
            pairs_here: 400,
            bytes_total: 10 << 20,
            bytes_here: 4 << 20,
            bytes_kept: 0,
            bytes_per_second: 3 << 19,
            remaining_ms: Some(4_000),
            peers: 3,
            serving: 2,
            liars: 0,
        }
    }

    #[test]
    fn chunks_are_told_with_totals_and_the_time_that_is_left() {
        let line = text(&progress(Phase::Chunks));
        let expected = "state of slot 47/3: 400 of 1000 pairs, 4.0 of 10.0 MiB from 2 peers, \
                        1.5 MiB a second, about 4 s left";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_is_said_when_the_phase_changes_and_every_few_seconds() {
        let mut report = Report::new(PathBuf::new());
        let mut line = |ms: u64, phase| report.line(Timestamp(1_000_000 + ms), &progress(phase));
        assert!(line(0, Phase::Chain).is_some());
        assert!(line(1_000, Phase::Chain).is_none());
        assert!(line(1_100, Phase::Chunks).is_some());
        assert!(line(6_000, Phase::Chunks).is_none());
        assert!(line(6_100, Phase::Chunks).is_some());
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bootstrap.json");
        assert_eq!(read_status(&file).unwrap(), None);
        let report = Report::new(file.clone());
        report.keep(Timestamp(5), &progress(Phase::Checking));
        let status = read_status(&file).unwrap().unwrap();
        assert_eq!((status.at, status.progress), (5, progress(Phase::Checking)));
        fs::write(&file, b"no json").unwrap();
        assert!(read_status(&file).is_err());
    }
}
