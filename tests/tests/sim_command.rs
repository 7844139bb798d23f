//! `picot sim` runs the simulator that lies beside it: its arguments, its exit code, and what is said
//! if there is none.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use picot_tests::picot;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with the program alone.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("picot");
    std::fs::copy(picot(), &program).unwrap();
    (folder, program)
}

/// A stand-in for the simulator, that prints its arguments line by line.
fn stand_in(folder: &Path, code: i32) {
    let path = folder.join("picot-sim");
    let script = format!("#!/bin/sh\nfor word in \"$@\"; do echo \"[$word]\"; done\nexit {code}\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(program: &Path, arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new(program);
    let command = command.args(arguments).env("PATH", path);
    command.output().unwrap()
}

#[test]
fn arguments_go_to_the_simulator_unchanged_and_its_exit_code_comes_back() {
    for code in [0, 1, 7] {
        let (folder, program) = folder();
        stand_in(folder.path(), code);
        let words = ["sim", "--seeds", "0..3", "--help", "two words", "-x"];
        let ended = run(&program, &words, Path::new(""));
        let told = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(told, "[--seeds]\n[0..3]\n[--help]\n[two words]\n[-x]\n");
        assert_eq!(ended.status.code(), Some(code));
    }
}

#[test]
fn a_simulator_on_the_path_is_found() {
    let (_folder, program) = folder();
    let elsewhere = tempfile::tempdir().unwrap();
    stand_in(elsewhere.path(), 3);
    let ended = run(&program, &["sim", "--seed", "1"], elsewhere.path());
    assert_eq!(ended.status.code(), Some(3));
    assert_eq!(ended.stdout, b"[--seed]\n[1]\n");
}

#[test]
fn without_a_simulator_it_is_told_how_to_get_one() {
    let (_folder, program) = folder();
    let empty = tempfile::tempdir().unwrap();
    let ended = run(&program, &["sim", "--seed", "1"], empty.path());
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("picot-sim"), "{told}");
    assert!(told.contains("cargo xtask sim"), "{told}");
}
