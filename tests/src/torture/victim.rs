//! A node that is killed.

use super::plan::{Round, is_of_bootstrap, is_of_first_start, passings};
use super::process::Process;
use super::{PATIENCE, Report, World};
use crate::Dice;
use crate::node::ask_status;
use picot_api::types::StatusResponse;
use picot_database::FaultPoint;
use picot_models::Slot;
use std::fs;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at it.
pub(super) const LOOK: Duration = Duration::from_millis(15);
/// How long it may take until a fault point is passed as often as was asked for.
const FAULT_PATIENCE: Duration = Duration::from_secs(5);
/// The same for a point of a bootstrap.
const BOOTSTRAP_PATIENCE: Duration = Duration::from_secs(60);
/// The number of the signal by which a process ends itself.
const ABORTED: i32 = 6;

pub(super) struct Victim<'a> {
    pub(super) world: &'a World,
    pub(super) place: usize,
    pub(super) data: PathBuf,
    /// Whose key it has, if any.
    pub(super) address: Option<String>,
    /// The last slot that it called final.
    pub(super) best: Slot,
}

impl Victim<'_> {
    pub(super) fn round(&mut self, round: Round, dice: &mut Dice, report: &mut Report) {
        let begins_anew = matches!(
            round,
            Round::Fault(point) if is_of_first_start(point) || is_of_bootstrap(point)
        );
        if begins_anew {
            self.begin_anew();
        }
        match round {
            Round::Fault(point) => self.fault(point, 1 + dice.below(passings(point)), report),
            Round::Starting(after_ms) => {
                let mut process = self.start(None);
                self.watch(&mut process, Duration::from_millis(after_ms), report);
                self.killed(process, report);
            }
            Round::Running(after_ms) => {
                let mut process = self.start(None);
                self.catch_up(&mut process, report);
                self.watch(&mut process, Duration::from_millis(after_ms), report);
                self.killed(process, report);
            }
        }
        report.rounds += 1;
        self.check_log();
        if begins_anew {
            // What was left of the first start must do.
            let mut process = self.start(None);
            self.catch_up(&mut process, report);
            process.kill();
        }
    }

    /// Comes back for good, and stops in order.
    pub(super) fn last_start(&mut self, report: &mut Report) {
        let mut process = self.start(None);
        self.catch_up(&mut process, report);
        let ended = process.stop();
        assert!(ended.success(), "{ended}: {}", process.output());
        self.check_log();
    }

    fn begin_anew(&mut self) {
        if self.data.exists() {
            fs::remove_dir_all(&self.data).expect("an old directory goes");
        }
        self.best = Slot::GENESIS;
    }

    /// Starts it, to run on.
    pub(super) fn begin(&self) -> Process {
        self.start(None)
    }

    /// As [`Victim::begin`], with more arguments.
    pub(super) fn begin_with(&self, more: &[&str]) -> Process {
        self.start_with(None, more)
    }

    fn start(&self, fault: Option<(FaultPoint, u64)>) -> Process {
        self.start_with(fault, &[])
    }

    fn start_with(&self, fault: Option<(FaultPoint, u64)>, more: &[&str]) -> Process {
        let data = crate::corrupt::data_of(&self.data);
        let mut arguments = ["node", "--api", "127.0.0.1:0", "--data", &data].to_vec();
        let network = self.world.arguments(self.place);
        arguments.extend(network.iter().map(String::as_str));
        arguments.extend(more);
        let fault = fault.map(|(point, passing)| ("PICOT_FAULT", format!("{point}:{passing}")));
        let log = self.data.with_extension("log");
        Process::start(&crate::picot_with_faults(), &arguments, fault, &log)
    }

    fn fault(&mut self, point: FaultPoint, passing: u64, report: &mut Report) {
        let trusted = is_of_bootstrap(point).then(|| self.world.certified());
        let more = trusted
            .iter()
            .flat_map(|hash| ["--trusted-checkpoint", hash]);
        let more: Vec<&str> = more.collect();
        let mut process = self.start_with(Some((point, passing)), &more);
        if matches!(point, FaultPoint::StateSync | FaultPoint::StateSynced) {
            // They are passed when a node stops in order.
            self.catch_up(&mut process, report);
            process.ask_to_stop();
        }
        // A state comes after the certificates and the word of all peers.
        let patience = if is_of_bootstrap(point) {
            BOOTSTRAP_PATIENCE
        } else {
            FAULT_PATIENCE
        };
        match self.watch(&mut process, patience, report) {
            Some(ended) => {
                self.assert_is_of_fault(ended, point, &process);
                *report.reached.entry(point).or_default() += 1;
            }
            None => {
                process.kill();
                *report.not_reached.entry(point).or_default() += 1;
            }
        }
    }

    fn assert_is_of_fault(&self, ended: ExitStatus, point: FaultPoint, process: &Process) {
        let output = process.output();
        #[cfg(unix)]
        let is_aborted = std::os::unix::process::ExitStatusExt::signal(&ended) == Some(ABORTED);
        #[cfg(not(unix))]
        let is_aborted = !ended.success();
        let is_told = output.contains(&format!("fault point {point} reached"));
        assert!(is_aborted && is_told, "{}: {ended}: {output}", self.name());
    }

    fn killed(&self, mut process: Process, report: &mut Report) {
        if let Some(ended) = process.ended() {
            panic!("{} ended: {ended}: {}", self.name(), process.output());
        }
        process.kill();
        report.kills += 1;
    }

    /// Looks at it for a while, or until it ends.
    fn watch(
        &mut self,
        process: &mut Process,
        length: Duration,
        report: &mut Report,
    ) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < length {
            if let Some(ended) = process.ended() {
                return Some(ended);
            }
            self.look(process, report);
            thread::sleep(LOOK);
        }
        process.ended()
    }

    /// Waits until it has all that the twin had when it was asked to.
    pub(super) fn catch_up(&mut self, process: &mut Process, report: &mut Report) {
        let target = self.world.hashes.last();
        let start = Instant::now();
        while self
            .look(process, report)
            .is_none_or(|status| status.last_final_slot < target)
        {
            if let Some(ended) = process.ended() {
                panic!("{} ended: {ended}: {}", self.name(), process.output());
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{} does not come to slot {target}: {:?}\n{}",
                self.name(),
                self.best,
                process.output()
            );
            thread::sleep(LOOK);
        }
    }

    /// Compares its state with that of the twin at the same slot, if it answers.
    fn look(&mut self, process: &Process, report: &mut Report) -> Option<StatusResponse> {
        let status = ask_status(&process.url()?)?;
        let slot = status.last_final_slot;
        assert!(
            slot >= self.best,
            "{} had slot {} final and comes back with {slot}",
            self.name(),
            self.best
        );
        if slot > self.best || report.states == 0 {
            self.best = slot;
            if let Some(hash) = self.world.hashes.at(slot) {
                assert_eq!(status.state_hash, hash, "{} at slot {slot}", self.name());
                report.states += 1;
            }
        }
        Some(status)
    }

    pub(super) fn check_log(&self) {
        if let Some(address) = &self.address {
            self.world
                .witness
                .check(address, &self.data.join("signing"));
        }
    }

    fn name(&self) -> String {
        self.data.display().to_string()
    }
}
