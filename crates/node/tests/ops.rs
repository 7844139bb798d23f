//! What `ops/` starts, `picot` understands: the commands and flags of the unit, the container and the texts.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests, which may"
)]

use clap::Parser;
use clap::error::ErrorKind;
use picot_node::cli::{Cli, SAFETY_REFUSAL};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The values of a key of the unit, in their order.
fn unit(key: &str) -> Vec<String> {
    let text = read("ops/picot.service");
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(found, _)| *found == key)
        .map(|(_, value)| value.to_owned())
        .collect()
}

/// What `picot` says to a whole command line.
fn parse(words: &[&str]) -> Result<(), String> {
    let parsed = Cli::try_parse_from(std::iter::once("picot").chain(words.iter().copied()));
    parsed
        .map(|_| ())
        .map_err(|error| format!("{words:?}: {error}"))
}

/// As [`parse`], of a text that need not name everything that a command wants.
fn parse_part(words: &[&str]) -> Result<(), String> {
    let parsed = Cli::try_parse_from(std::iter::once("picot").chain(words.iter().copied()));
    match parsed.map_err(|error| (error.kind(), error)) {
        Ok(_)
        | Err((
            ErrorKind::MissingRequiredArgument
            | ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
            _,
        )) => Ok(()),
        Err((_, error)) => Err(format!("{words:?}: {error}")),
    }
}

#[test]
fn the_unit_starts_a_node_with_flags_that_there_are() {
    let start = unit("ExecStart");
    assert_eq!(start.len(), 1);
    let filled_in = start[0]
        .replace("${STATE_DIRECTORY}", "/var/lib/picot")
        .replace("${CONFIGURATION_DIRECTORY}", "/etc/picot")
        .replace("${CREDENTIALS_DIRECTORY}", "/run/credentials/picot.service");
    assert!(!filled_in.contains('$'), "{filled_in}");
    let words: Vec<_> = filled_in.split_whitespace().collect();
    assert_eq!(words[..2], ["/usr/local/bin/picot", "node"]);
    parse(&words[1..]).unwrap();
}

/// The lines of a text that an operator types into a shell.
fn typed(name: &str) -> String {
    let text = read(name);
    let blocks = text.split("```sh\n").skip(1);
    let inside = blocks.map(|block| block.split("```").next().unwrap());
    inside.collect()
}

#[test]
fn whoever_installs_the_unit_as_it_is_written_has_each_file_that_it_reads() {
    let read_by_unit = [unit("ExecStart"), unit("LoadCredential")]
        .concat()
        .join(" ");
    let read_by_unit = read_by_unit.replace("${CONFIGURATION_DIRECTORY}", "/etc/picot");
    let files: BTreeSet<_> = read_by_unit
        .split(|letter: char| letter.is_whitespace() || letter == ':')
        .filter(|word| word.starts_with("/etc/picot/"))
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for text in ["ops/README.md", "docs/src/run.md"] {
        let typed = typed(text);
        for file in &files {
            let makes = |line: &str| line.split_whitespace().any(|word| word == *file);
            assert!(typed.lines().any(makes), "{text} never makes {file}");
        }
    }
}

#[test]
fn the_unit_lets_the_node_do_nothing_but_its_work() {
    for (key, value) in [
        ("User", "picot"),
        ("StateDirectory", "picot"),
        ("StateDirectoryMode", "0700"),
        ("LoadCredential", "passphrase:/etc/picot/passphrase"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RestrictNamespaces", "yes"),
        ("UMask", "0077"),
    ] {
        assert_eq!(unit(key), [value], "{key}");
    }
    let calls = unit("SystemCallFilter");
    assert_eq!(calls, ["@system-service", "~@privileged @resources"]);
}

#[test]
fn a_refusal_for_safetys_sake_and_a_wrong_setting_are_not_tried_again() {
    let codes = unit("RestartPreventExitStatus");
    let codes: Vec<i32> = codes[0]
        .split(' ')
        .map(|code| code.parse().unwrap())
        .collect();
    assert_eq!(codes, [2, SAFETY_REFUSAL]);
    assert_eq!(unit("Restart"), ["on-failure"]);
}

/// The instructions of the container with what follows them, lines that go on joined.
fn container() -> Vec<(String, String)> {
    let text = read("ops/Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (instruction, rest) = line.split_once(' ').unwrap();
            (instruction.to_owned(), rest.trim().to_owned())
        })
        .collect()
}

fn instructions(name: &str) -> Vec<String> {
    let found = container().into_iter().filter(|(found, _)| found == name);
    found.map(|(_, rest)| rest).collect()
}

/// The words of an instruction that is written as a list.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap()
}

#[test]
fn the_container_starts_and_checks_a_node_with_commands_that_there_are() {
    let [entry, command] = ["ENTRYPOINT", "CMD"].map(|name| list(&instructions(name)[0]));
    assert_eq!(entry, ["picot"]);
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    assert_eq!(command[0], "node");
    parse(&[&command[..], &["--data", "/var/lib/picot"]].concat()).unwrap();
    let check = list(&instructions("HEALTHCHECK")[0]);
    let check: Vec<_> = check.iter().map(String::as_str).collect();
    assert_eq!(check[..2], ["picot", "status"]);
    parse(&check[1..]).unwrap();
}

#[test]
fn the_container_is_of_pinned_parts_and_without_root() {
    let arguments = instructions("ARG");
    let of_toolchain = read("../../rust-toolchain.toml");
    let rust = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("RUST="))
        .unwrap();
    assert!(of_toolchain.contains(&format!("channel = \"{rust}\"")));
    let images = instructions("FROM");
    assert!(
        images
            .iter()
            .all(|image| image.contains("${") && !image.contains("latest"))
    );
    assert!(images.last().unwrap().starts_with("debian:"));
    let users = instructions("USER");
    assert_eq!(users, ["10001:10001"]);
    let last = container()
        .into_iter()
        .rev()
        .find(|(name, _)| name == "USER" || name == "FROM");
    assert_eq!(last.unwrap().0, "USER", "the last stage is not root's");
}

#[test]
fn the_variables_of_the_container_are_settings() {
    let variables = instructions("ENV").join(" ");
    let variables = variables
        .split_whitespace()
        .map(|one| one.split_once('=').unwrap());
    let variables: Vec<_> = variables.collect();
    let shown = Command::new(env!("CARGO_BIN_EXE_picot"))
        .args(["config", "show", "--json"])
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&shown.stdout);
    let complaints = String::from_utf8_lossy(&shown.stderr);
    assert!(shown.status.success(), "{complaints}");
    assert_eq!(complaints, "");
    for (name, value) in &variables {
        // The last one is not a setting of the node, but tells the commands where it is.
        let is_setting = *name != "PICOT_API";
        assert_eq!(
            told.contains(name) && told.contains(value),
            is_setting,
            "{name}: {told}"
        );
    }
    parse(&["status"]).unwrap();
}

/// The `picot` command lines in a text: in code blocks, and between back quotes.
fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for (place, part) in text.split("```").enumerate() {
        let lines: Vec<&str> = if place % 2 == 1 {
            part.lines().skip(1).collect()
        } else {
            part.split('`').skip(1).step_by(2).collect()
        };
        found.extend(lines.into_iter().filter_map(command));
    }
    found
}

/// What follows the program's name in a command line that has it, alone or behind another command.
fn command(line: &str) -> Option<Vec<String>> {
    let (before, after) = match line.strip_prefix("picot ") {
        Some(after) => ("", after),
        None => line.rsplit_once(" picot ")?,
    };
    let is_other = [
        "useradd",
        "install",
        "systemctl",
        "docker build",
        "docker volume",
    ];
    if is_other.iter().any(|other| before.starts_with(other)) {
        return None;
    }
    let words = after
        .split_whitespace()
        .take_while(|word| !matches!(*word, ">" | "|" | "&&"));
    Some(words.map(str::to_owned).collect())
}

#[test]
fn the_texts_name_commands_and_flags_that_there_are() {
    let alerts = read("ops/alerts.yaml").replace("{{ $labels.factory }}", "blocks");
    let mut total = 0;
    for text in [read("ops/README.md"), read("docs/src/monitor.md"), alerts] {
        for words in commands(&text) {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            parse_part(&words).unwrap();
            total += 1;
        }
    }
    assert!(total > 15, "the commands were not found");
}

#[test]
fn a_command_that_there_is_not_is_found() {
    let text = "Say `picot status --fast`, or\n```sh\nsudo -u picot picot nosuch\n```\n";
    let commands = commands(text);
    assert_eq!(commands, [vec!["status", "--fast"], vec!["nosuch"]]);
    for words in commands {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        assert!(parse_part(&words).is_err());
    }
}
