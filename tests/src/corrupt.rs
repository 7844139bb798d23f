//! Bytes flipped and files cut short, at random, in each part of a stopped node's data.
//!
//! A development node works for a while under load, restarts, is killed, and leaves a directory. Each
//! case damages a copy of it, and has `picot db check` and a start of the node look at it. Either must
//! find nothing wrong that is (then the state is the one that the chain had at its slot, and what it
//! says of decided slots is what was decided), or refuse with exit code 1 or 77, a reason, and what to
//! do about it. It must never panic, and never go on from another state.

use crate::node::ask_status;
use crate::torture::{Hashes, Process};
use crate::{Dice, Finished, NodeProcess, picot, run_picot};
use picot_models::{Hash, Slot};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a node may take to start or refuse.
const PATIENCE: Duration = Duration::from_secs(60);
/// Periods that the chain gets, in each of two parts of its life.
const PERIODS: u64 = 3;
/// Cases looked at at the same time.
const LANES: usize = 2;
/// The exit codes of a refusal.
const REFUSALS: [i32; 2] = [1, 77];

/// What a run came to.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Cases by the part of the data that was damaged.
    pub parts: BTreeMap<String, u64>,
    /// Looks (a check or a start) that found a good state.
    pub good: u64,
    /// Of these, those that had lost an end, which peers give back.
    pub shortened: u64,
    /// Looks that refused, by what was said to be done.
    pub refused: BTreeMap<String, u64>,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.shortened += other.shortened;
        for (mine, others) in [
            (&mut self.parts, other.parts),
            (&mut self.refused, other.refused),
        ] {
            for (name, count) in others {
                *mine.entry(name).or_default() += count;
            }
        }
    }
}

/// Looks at so many cases.
///
/// # Panics
/// A damage was not found, or ended in a panic, or was refused without a word.
#[must_use]
pub fn corrupt(cases: u64, seed: u64) -> Report {
    let model = Model::make();
    let mut report = Report::default();
    let failed = AtomicU64::new(0);
    thread::scope(|scope| {
        let (model, failed) = (&model, &failed);
        let lanes: Vec<_> = (0_u64..)
            .take(LANES)
            .map(|lane| {
                scope.spawn(move || {
                    let mut part = Report::default();
                    for case in (lane..cases).step_by(LANES) {
                        let look = || model.case(case, seed, &mut part);
                        // All cases are looked at: what they find is told together.
                        if catch_unwind(AssertUnwindSafe(look)).is_err() {
                            failed.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    part
                })
            })
            .collect();
        for lane in lanes {
            report.add(lane.join().expect("panics are caught"));
        }
    });
    let failed = failed.into_inner();
    assert_eq!(
        failed, 0,
        "of {cases} cases of seed {seed} failed, see above"
    );
    report
}

/// A path as an argument.
pub(crate) fn data_of(path: &Path) -> String {
    path.to_str().expect("a path of letters").to_owned()
}

/// What is damaged, and what it was.
struct Model {
    directory: tempfile::TempDir,
    /// The state hash at each slot.
    hashes: BTreeMap<Slot, Hash>,
    /// What was decided.
    decided: BTreeMap<Slot, Json>,
    /// The slot and hash of the undamaged data.
    last: Slot,
}

impl Model {
    fn make() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("good");
        let mut model = Self {
            directory,
            hashes: BTreeMap::new(),
            decided: BTreeMap::new(),
            last: Slot::GENESIS,
        };
        let hashes = Arc::new(Hashes::default());
        let first = NodeProcess::start_dev(&data);
        hashes.listen(&first);
        model.work(&first, PERIODS);
        let (ended, lines) = first.stop("-TERM");
        assert!(ended.success(), "{lines:?}");
        // What is in tables by now is not in the journal any more.
        flush(&data);
        let second = NodeProcess::start_dev(&data);
        hashes.listen(&second);
        model.work(&second, PERIODS);
        second.kill();
        model.hashes = hashes.lock().clone();
        let checked = check(&data);
        assert_eq!(checked.code, 0, "{checked:?}");
        let (last, hash) = checked_state(&checked);
        // The last slots before the kill may not have been told any more.
        model.hashes.insert(last, hash);
        model.last = last;
        model
    }

    /// Transfers, and some slots.
    fn work(&mut self, node: &NodeProcess, periods: u64) {
        let start = node.status().last_final_slot;
        let loaded = node.command(&[
            "load",
            "--rate",
            "100",
            "--count",
            "300",
            "--accounts",
            "8",
            "--data",
            node.data(),
        ]);
        assert_eq!(loaded.code, 0, "{loaded:?}");
        let end = node.wait_for_status("some periods later", |status| {
            status.last_final_slot.period >= start.period + periods
        });
        for slot in crate::slots(Slot::new(1, 0), end.last_final_slot) {
            let (_, answer) = node.get(&format!("/slots/{}/{}", slot.period, slot.thread));
            self.decided.insert(slot, answer["value"].clone());
        }
    }

    fn case(&self, case: u64, seed: u64, report: &mut Report) {
        let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(case));
        let data = self.directory.path().join(format!("case-{case}"));
        copy(&self.directory.path().join("good"), &data);
        let damage = Damage::choose(&data, &mut dice);
        damage.apply();
        let name = format!("seed {seed}, case {case}: {damage:?}");
        *report.parts.entry(damage.part(&data)).or_default() += 1;
        // Either comes first: it may mend or spoil what the other one finds.
        if dice.below(2) == 0 {
            self.check(&data, &name, report);
            self.start(&data, &name, &mut dice, report);
        } else {
            self.start(&data, &name, &mut dice, report);
            // The node has gone on from what it found, if it found it good.
            let checked = check(&data);
            judge(&checked, &name, report);
        }
        fs::remove_dir_all(&data).expect("a copy that can be removed");
    }

    fn check(&self, data: &Path, name: &str, report: &mut Report) {
        let checked = check(data);
        if judge(&checked, name, report) {
            let (slot, hash) = checked_state(&checked);
            self.assert_known(slot, hash, name);
            report.shortened += u64::from(slot < self.last);
        }
    }

    fn assert_known(&self, slot: Slot, hash: Hash, name: &str) {
        if slot.period > 0 {
            assert_eq!(self.hashes.get(&slot), Some(&hash), "{name}: slot {slot}");
        }
    }

    fn start(&self, data: &Path, name: &str, dice: &mut Dice, report: &mut Report) {
        let text = data_of(data);
        let arguments = ["node", "--dev", "--api", "127.0.0.1:0", "--data", &text];
        let log = data.with_extension("log");
        let mut process = Process::start(&picot(), &arguments, None, &log);
        let start = Instant::now();
        loop {
            if let Some(ended) = process.ended() {
                let finished = Finished {
                    code: ended.code().unwrap_or(-1),
                    stdout: String::new(),
                    stderr: process.output(),
                };
                assert!(!judge(&finished, name, report), "{name}: {finished:?}");
                return;
            }
            if let Some(status) = process.url().and_then(|url| ask_status(&url)) {
                self.assert_goes_on(&process, name, dice);
                if status.last_final_slot <= self.last {
                    self.assert_known(status.last_final_slot, status.state_hash, name);
                }
                break;
            }
            assert!(start.elapsed() < PATIENCE, "{name}: {}", process.output());
            thread::sleep(Duration::from_millis(10));
        }
        process.kill();
        let output = process.output();
        assert!(!output.contains("panicked at"), "{name}: {output}");
        report.good += 1;
    }

    /// What the node says of some slots is what was decided, or that it does not know.
    fn assert_goes_on(&self, process: &Process, name: &str, dice: &mut Dice) {
        let url = process.url().expect("just seen");
        let slots: Vec<_> = self.decided.iter().collect();
        for _ in 0..3 {
            let (slot, value) = dice.pick(&slots);
            let path = format!("{url}/api/v1/slots/{}/{}", slot.period, slot.thread);
            if let Some(answer) = crate::node::ask(&path)
                && answer["status"] == "decided"
            {
                assert_eq!(answer["value"], **value, "{name}: slot {slot}");
            }
        }
    }
}

fn check(data: &Path) -> Finished {
    run_picot(&["db", "check", "--json", "--data", &data_of(data)])
}

fn checked_state(checked: &Finished) -> (Slot, Hash) {
    let json: Json = serde_json::from_str(&checked.stdout).expect("JSON");
    let slot = serde_json::from_value(json["last_final_slot"].clone()).expect("a slot");
    let hash = json["state_hash"].as_str().expect("a hash");
    (slot, hash.parse().expect("a hash"))
}

/// Whether a command found all well; if not, it must have said why and what to do.
fn judge(finished: &Finished, name: &str, report: &mut Report) -> bool {
    let text = &finished.stderr;
    assert!(!text.contains("panicked at"), "{name}: {text}");
    if finished.code == 0 {
        report.good += 1;
        return true;
    }
    assert!(REFUSALS.contains(&finished.code), "{name}: {finished:?}");
    let hint = text.split_once("hint: ").map(|(_, hint)| hint.trim());
    assert!(
        text.contains("error: ") && hint.is_some(),
        "{name}: refused without saying what to do: {text}"
    );
    let words = hint.unwrap_or_default().split_whitespace();
    let plain = words.filter(|word| !word.contains('/')).take(6);
    let plain = plain.collect::<Vec<_>>().join(" ");
    *report.refused.entry(plain).or_default() += 1;
    false
}

fn copy(from: &Path, to: &Path) {
    // Journals are reserved ahead: most of their bytes are holes.
    let copied = Command::new("cp")
        .args(["-a", "--sparse=always"])
        .args([from, to])
        .status();
    assert!(copied.expect("cp runs").success());
}

/// Moves what is in journals into tables.
fn flush(data: &Path) {
    let genesis = fs::read_to_string(data.join("genesis.json")).expect("a genesis");
    let genesis: picot_models::Genesis = serde_json::from_str(&genesis).expect("a genesis");
    let config = picot_database::DatabaseConfig::dev();
    let opened = picot_database::DataDir::open(data, &genesis.chain_id(), &config);
    opened.expect("good data").flush().expect("a flush");
}

/// What is done to which file.
#[derive(Debug)]
struct Damage {
    file: PathBuf,
    how: How,
}

#[derive(Debug, Clone, Copy)]
enum How {
    /// These bytes from there on are turned round.
    Flip { at: u64, bytes: u64 },
    /// The file ends there.
    Cut { at: u64 },
    /// These bytes from there on are 0.
    Zero { at: u64, bytes: u64 },
}

impl Damage {
    fn choose(data: &Path, dice: &mut Dice) -> Self {
        let mut parts: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let mut files = Vec::new();
        files_under(data, &mut files);
        files.sort();
        for file in files {
            // Nothing is in the lock, and the control file is that of a process that is gone.
            let name = file.file_name().expect("a name");
            if name != "lock" && name != "control.json" && used_bytes(&file) > 0 {
                parts.entry(part(data, &file)).or_default().push(file);
            }
        }
        let parts: Vec<_> = parts.into_values().collect();
        let files = dice.pick(&parts);
        let file = dice.pick(files).clone();
        let used = used_bytes(&file);
        let at = dice.below(used);
        let how = match dice.below(4) {
            0 => How::Flip { at, bytes: 1 },
            1 => How::Flip {
                at,
                bytes: 1 + dice.below(200),
            },
            2 => How::Zero {
                at,
                bytes: 1 + dice.below(600),
            },
            _ => How::Cut { at },
        };
        Self { file, how }
    }

    fn apply(&self) {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(&self.file);
        let mut file = file.expect("a file of the node");
        match self.how {
            How::Cut { at } => file.set_len(at).expect("a shorter file"),
            How::Flip { at, bytes } => change(&mut file, at, bytes, |byte| !byte),
            How::Zero { at, bytes } => change(&mut file, at, bytes, |_| 0),
        }
    }

    fn part(&self, data: &Path) -> String {
        part(data, &self.file)
    }
}

fn change(file: &mut File, at: u64, bytes: u64, change: impl Fn(u8) -> u8) {
    let mut part = Vec::new();
    file.seek(SeekFrom::Start(at)).expect("a place");
    file.take(bytes).read_to_end(&mut part).expect("bytes");
    for byte in &mut part {
        *byte = change(*byte);
    }
    file.seek(SeekFrom::Start(at)).expect("a place");
    file.write_all(&part).expect("other bytes");
}

/// The kind of a file: damages go to each kind alike, not to the largest alone.
fn part(data: &Path, file: &Path) -> String {
    let path = file.strip_prefix(data).expect("it is inside").to_str();
    let path = path.expect("a path of letters");
    if path.ends_with(".jnl") {
        return "store/journal".to_owned();
    }
    for kind in ["tables", "blobs"] {
        if path.contains(&format!("/{kind}/")) {
            return format!("store/{kind}");
        }
    }
    let is_number = |part: &str| part.chars().all(|letter| letter.is_ascii_digit());
    let parts = path
        .split('/')
        .map(|part| if is_number(part) { "N" } else { part });
    let parts: Vec<_> = parts.collect();
    match parts.as_slice() {
        ["store", "keyspaces", _, rest @ ..] => {
            let last = rest.last().copied().unwrap_or_default();
            let last = last.trim_end_matches(|letter: char| letter.is_ascii_digit());
            format!("store/keyspaces/{last}")
        }
        parts => parts.join("/"),
    }
}

/// The bytes before the zeros that space is reserved with.
fn used_bytes(file: &Path) -> u64 {
    let bytes = fs::read(file).expect("a file of the node");
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| last as u64 + 1)
}

fn files_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_under(&path, found);
        } else {
            found.push(path);
        }
    }
}
