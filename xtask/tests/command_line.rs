//! The command line of `cargo xtask`: exit codes and help.

use std::io;
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
}

#[test]
fn help_lists_the_tasks_and_succeeds() {
    for arguments in [["--help"].as_slice(), &["help"], &["-h"]] {
        let output = xtask(arguments).unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        for task in ["node", "test", "ci", "bench", "tidy"] {
            assert!(text.contains(&format!("  {task} ")), "{text}");
        }
    }
}

#[test]
fn a_task_tells_its_own_help() {
    let text = String::from_utf8(xtask(&["bench", "--help"]).unwrap().stdout).unwrap();
    assert!(text.contains("Usage: cargo xtask bench"));
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for arguments in [
        [].as_slice(),
        &["nosuch"],
        &["help", "nosuch"],
        &["ci", "x"],
        &["tidy", "x"],
        &["test", "--x"],
        &["bench", "--x"],
    ] {
        let output = xtask(arguments).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
