//! A disk without space: the node says so and stops, and goes on once there is some.
//!
//! The disk is a small file system in memory, in a namespace of its own, which the machine may refuse;
//! then only `crates/database` covers it, with storage that refuses writes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use picot_tests::picot;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Mounts a disk at `$1/disk`, runs a node, fills the disk, and then frees it again.
const SCRIPT: &str = r#"
mkdir "$1/disk" && mount -t tmpfs -o size=24m none "$1/disk" || exit 99
data="$1/disk/dev"
wait_for() { # FILE WORD: until it says so, a minute at most
  tries=0
  until grep -q "$2" "$1"; do
    sleep 0.1; tries=$((tries + 1)); [ $tries -lt 600 ] || exit 98
  done
}
"$2" node --dev --api 127.0.0.1:0 --data "$data" >"$1/first" 2>&1 &
node=$!
wait_for "$1/first" "slot 1/3"
dd if=/dev/zero of="$1/disk/fill" bs=1024 >"$1/dd" 2>&1
wait $node; echo $? >"$1/first.code"
"$2" node --dev --api 127.0.0.1:0 --data "$data" >"$1/full" 2>&1
echo $? >"$1/full.code"
rm "$1/disk/fill"
"$2" db check --data "$data" >"$1/check" 2>&1
echo $? >"$1/check.code"
"$2" node --dev --api 127.0.0.1:0 --data "$data" >"$1/second" 2>&1 &
node=$!
wait_for "$1/second" "decided after"
kill -TERM $node
wait $node; echo $? >"$1/second.code"
cat "$data/chain" >"$1/chain"
"#;

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

fn code(folder: &Path, name: &str) -> String {
    read(folder, &format!("{name}.code")).trim().to_owned()
}

#[test]
fn a_node_whose_disk_is_full_says_so_and_stops_and_goes_on_once_there_is_space() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let ran = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            SCRIPT,
            "sh",
        ])
        .args([folder, &picot()])
        .stdin(Stdio::null())
        .output();
    let refused = match &ran {
        Err(_) => true,
        Ok(ran) => ran.status.code() == Some(99) || !folder.join("disk").exists(),
    };
    if refused {
        println!("this machine mounts nothing for us: {ran:?}");
        return;
    }
    let first = read(folder, "first");
    assert_eq!(code(folder, "first"), "1", "{first}");
    assert!(first.contains("no space is left on the disk"), "{first}");
    assert!(first.contains("hint: free some space"), "{first}");
    assert!(!first.contains("panicked"), "{first}");
    // With a full disk it may start and stop, or not start; either way it says why.
    let full = read(folder, "full");
    assert_eq!(code(folder, "full"), "1", "{full}");
    assert!(full.contains("hint: free some space"), "{full}");
    let check = read(folder, "check");
    assert_eq!(code(folder, "check"), "0", "{check}");
    let second = read(folder, "second");
    assert_eq!(code(folder, "second"), "0", "{second}");
}
