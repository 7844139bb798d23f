//! What a file says and what is wrong with it, and which of file, environment and flag counts.

use super::list::{SETTINGS, Setting, Shape};
use super::merge::Merged;
use super::values::Values;
use super::*;
use crate::cli::Cli;
use crate::cli::args::{Command, SettingArgs};
use clap::Parser;
use picot_models::{CheckpointHash, Hash};
use std::path::Path;

/// The documented example, as it is checked in.
const CHECKED_IN: &str = include_str!("../../../picot.example.toml");

fn problems(text: &str) -> Vec<String> {
    let (_, problems) = file::parse(text, Path::new("picot.toml"));
    let line = |problem: &file::Problem| format!("{}: {}", problem.line, problem.what);
    problems.iter().map(line).collect()
}

fn flags(arguments: &[&str]) -> SettingArgs {
    let all = [&["picot", "node"], arguments].concat();
    let Command::Node(arguments) = Cli::try_parse_from(all).unwrap().command else {
        panic!("`picot node` is the command");
    };
    arguments.settings
}

fn variables(variables: &[(&str, &str)]) -> Environment {
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value));
    Environment::new(owned)
}

/// A value of a setting that is not its default, as text and in the language of the file.
fn other_value(setting: &Setting) -> (String, String) {
    let default = (setting.get)(&Values::default()).join(",");
    let text = match (setting.key, setting.shape) {
        ("history", _) => "cycles=7".to_owned(),
        ("log", _) => "info".to_owned(),
        ("trusted_checkpoint", _) => CheckpointHash::from_hash(Hash([1; 32])).to_string(),
        ("pool.min_fee", _) => "0.5".to_owned(),
        (_, Shape::Text) => "127.0.0.1:1".to_owned(),
        (_, Shape::Path) => "/a/path".to_owned(),
        ("pool.max_operations_per_thread", _) => "2000".to_owned(),
        (_, Shape::Number) => "77".to_owned(),
        (_, Shape::Switch) => (default == "false").to_string(),
        (_, Shape::List) => "/ip4/192.0.2.7/tcp/1".to_owned(),
    };
    let toml = match setting.shape {
        Shape::Text | Shape::Path => format!("\"{text}\""),
        Shape::Number | Shape::Switch => text.clone(),
        Shape::List => format!("[\"{text}\"]"),
    };
    assert_ne!(text, default, "{}", setting.key);
    (text, toml)
}

#[test]
fn every_setting_can_be_said_in_a_file_in_the_environment_and_by_a_flag() {
    let folder = tempfile::tempdir().unwrap();
    for setting in SETTINGS {
        let (text, toml) = other_value(setting);
        let shown = |merged: Merged| {
            let all = shown(&merged);
            let one = all.iter().find(|shown| shown.key == setting.key).unwrap();
            (one.text.clone(), one.place.clone())
        };
        let path = folder.path().join("picot.toml");
        std::fs::write(&path, format!("# a line\n{} = {toml}\n", setting.key)).unwrap();
        let from_file = flags(&["--config", path.to_str().unwrap()]);
        let merged = merge(&from_file, &Environment::default()).unwrap();
        let place = format!("{}:2", path.display());
        assert_eq!(shown(merged), (text.clone(), place), "{}", setting.key);

        let variable = setting.variable();
        let environment = variables(&[(&variable, &text)]);
        let merged = merge(&flags(&[]), &environment).unwrap();
        assert_eq!(shown(merged), (text.clone(), variable), "{}", setting.key);

        let assignment = format!("{}={text}", setting.key);
        let merged = merge(&flags(&["--set", &assignment]), &Environment::default()).unwrap();
        assert_eq!(shown(merged), (text, "--set".to_owned()), "{}", setting.key);
    }
}

#[test]
fn every_flag_of_a_setting_is_a_flag_of_the_node_that_says_it() {
    for setting in SETTINGS {
        let Some(flag) = setting.flag else { continue };
        let (text, _) = other_value(setting);
        let arguments = match setting.shape {
            Shape::Switch => vec![flag],
            _ => vec![flag, &text],
        };
        let merged = merge(&flags(&arguments), &Environment::default()).unwrap();
        assert_eq!(merged.origin(setting.key).to_string(), flag);
        assert_eq!((setting.get)(&merged.values), [text], "{flag}");
    }
}

#[test]
fn a_flag_counts_more_than_the_environment_and_that_more_than_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picot.toml");
    std::fs::write(
        &path,
        "[api]\nmax_streams = 1\nmax_batch = 1\nmax_connections = 1\n",
    )
    .unwrap();
    let environment = variables(&[
        ("PICOT_CONFIG", path.to_str().unwrap()),
        ("PICOT_API_MAX_STREAMS", "2"),
        ("PICOT_API_MAX_BATCH", "2"),
    ]);
    let merged = merge(&flags(&["--set", "api.max_streams=3"]), &environment).unwrap();
    let api = &merged.values.api;
    assert_eq!(
        (api.max_streams, api.max_batch, api.max_connections),
        (3, 2, 1)
    );
}

#[test]
fn the_file_of_the_flag_is_read_instead_of_that_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1.toml"), folder.path().join("2.toml"));
    std::fs::write(&one, "log = \"info\"").unwrap();
    std::fs::write(&two, "log_json = true").unwrap();
    let environment = variables(&[("PICOT_CONFIG", one.to_str().unwrap())]);
    let merged = merge(&flags(&["--config", two.to_str().unwrap()]), &environment).unwrap();
    assert!(merged.values.log_json && merged.values.log == "warn");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_what_there_is() {
    assert_eq!(
        problems("log = \"info\"\n\n[network]\npeer = []\n"),
        [
            "4: `network.peer` is no setting: [network] has listen, peers, reserved, external, discovery, max_per_address"
        ]
    );
    assert_eq!(
        problems("[logs]\nlevel = 1\n"),
        [
            "1: `logs` is no setting: there are dev, data, genesis, history, passphrase_file, \
          trusted_checkpoint, log, log_json, [api], [control], [pool], [network]"
        ]
    );
    assert!(problems("api = 7")[0].starts_with("1: `api` is no setting"));
    assert!(
        problems("log.level = 7")[0].starts_with("1: `log` is "),
        "a value where text should be"
    );
}

#[test]
fn a_wrong_value_is_named_with_its_line_and_what_is_allowed() {
    for (text, expected) in [
        (
            "api.listen = \"localhost\"",
            "`api.listen` is \"localhost\": expected an address of this machine and a port",
        ),
        (
            "api.listen = 4701",
            "`api.listen` is 4701: expected text in quotes",
        ),
        ("control.listen = \"0.0.0.0:1\"", "from this machine only"),
        (
            "api.max_streams = \"7\"",
            "expected a whole number, without quotes",
        ),
        (
            "api.max_streams = 0",
            "expected a whole number from 1 to 100000",
        ),
        (
            "api.max_streams = -1",
            "expected a whole number from 1 to 100000",
        ),
        (
            "api.max_streams = 1.5",
            "expected a whole number, without quotes",
        ),
        (
            "api.max_streams = 0x10",
            "expected a whole number, without quotes",
        ),
        (
            "dev = \"yes\"",
            "expected `true` or `false`, without quotes",
        ),
        ("history = \"some\"", "`history` is \"some\": "),
        ("pool.min_fee = \"-1\"", "`pool.min_fee` is \"-1\": "),
        ("pool.min_fee = 0.001", "expected text in quotes"),
        (
            "trusted_checkpoint = \"ab\"",
            "`trusted_checkpoint` is \"ab\": ",
        ),
        ("data = \"\"", "expected a path"),
        ("log = \"info,==\"", "expected a filter such as `info`"),
        (
            "network.peers = \"/ip4/1.2.3.4/tcp/1\"",
            "expected a list of texts",
        ),
        ("network.peers = [1]", "expected a list of texts"),
        (
            "network.peers = [\"here\"]",
            "`network.peers` is [\"here\"]: ",
        ),
    ] {
        let found = problems(&format!("# first\n{text}\n"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with("2: "), "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
    assert_eq!(problems("api.max_streams = 1_000"), Vec::<String>::new());
}

#[test]
fn everything_that_is_wrong_is_told_at_once_line_by_line() {
    let found = problems("[pool]\nmin_fees = 1\n[api]\nmax_batch = 0\nmax_body = 1\n");
    let lines: Vec<_> = found.iter().map(|line| &line[..2]).collect();
    assert_eq!(lines, ["2:", "4:", "5:"], "{found:?}");
}

#[test]
fn text_that_is_no_toml_is_named_with_its_line() {
    for text in [
        "log = \"info\"\ndev = \n",
        "log = \"info\"\nlog = \"info\"\n",
        "log = \"info\"\n[api\n",
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("2: this is no TOML: "), "{found:?}");
    }
}

#[test]
fn what_would_forget_a_chain_or_vouch_for_keys_at_every_start_is_no_setting() {
    assert_eq!(
        problems("reset = true"),
        ["1: `reset` is said by the flag `--reset` alone, at the start that it is for"]
    );
    assert!(problems("keys_never_signed = true")[0].contains("--keys-never-signed"));
}

#[test]
fn a_path_of_a_file_is_meant_from_the_files_folder() {
    let (given, _) = file::parse(
        "data = \"here\"\ngenesis = \"/there\"",
        Path::new("/etc/picot/p.toml"),
    );
    let mut paths: Vec<_> = given.into_iter().flat_map(|given| given.texts).collect();
    paths.sort();
    assert_eq!(paths, ["/etc/picot/here", "/there"]);
}

#[test]
fn a_file_that_is_missing_not_text_or_endless_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picot.toml");
    assert!(matches!(check_file(&path), Err(SettingsError::File { .. })));
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(check_file(&path), Err(SettingsError::File { .. })));
    std::fs::write(&path, "#".repeat(1 + (1 << 20))).unwrap();
    assert!(matches!(
        check_file(&path),
        Err(SettingsError::TooLong { max: 1_048_576, .. })
    ));
}

#[test]
fn the_example_that_is_checked_in_is_that_of_this_program() {
    assert_eq!(
        CHECKED_IN,
        example(),
        "write it anew: picot config example > crates/node/picot.example.toml"
    );
}

#[test]
fn every_line_of_the_example_is_right_once_it_is_no_comment() {
    let is_value =
        |line: &str| line.starts_with('#') && !line.starts_with("# ") && line.contains('=');
    let without = ["trusted_checkpoint"];
    let lines = CHECKED_IN.lines().map(|line| {
        let value = line.strip_prefix('#').filter(|_| is_value(line));
        value
            .filter(|value| !without.iter().any(|key| value.starts_with(key)))
            .unwrap_or(line)
    });
    let text: Vec<_> = lines.collect();
    let (given, problems) = file::parse(&text.join("\n"), Path::new("/etc/picot.toml"));
    assert_eq!(problems, []);
    assert_eq!(given.len() + without.len(), SETTINGS.len());
}

#[test]
fn what_is_in_force_without_a_word_is_pinned() {
    let merged = merge(&flags(&[]), &Environment::default()).unwrap();
    let lines: Vec<_> = shown(&merged)
        .into_iter()
        .map(|setting| format!("{} = {} ({})", setting.key, setting.value, setting.place))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_development_node_is_alone_and_any_other_listens() {
    let listen = |arguments: &[&str]| {
        let merged = merge(&flags(arguments), &Environment::default()).unwrap();
        merged.values.listen.unwrap().len()
    };
    assert_eq!(listen(&["--dev"]), 0);
    assert_eq!(listen(&[]), 1);
    assert_eq!(
        listen(&[
            "--listen",
            "/ip4/127.0.0.1/tcp/1",
            "--set",
            "network.listen=/ip4/127.0.0.1/tcp/2"
        ]),
        2
    );
}

#[test]
fn what_does_not_go_together_is_refused_wherever_it_was_said() {
    let environment = variables(&[("PICOT_GENESIS", "g.json")]);
    let error = merge(&flags(&["--dev"]), &environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`dev` (flag --dev) cannot be used with `genesis` (PICOT_GENESIS)"
    );
    let environment = variables(&[("PICOT_POOL_MAX_OPERATIONS_PER_SENDER", "9999999")]);
    let error = merge(&flags(&[]), &environment).unwrap_err();
    assert!(
        error.to_string().contains("max_operations_per_sender"),
        "{error}"
    );
    let twice = flags(&["--min-fee", "1", "--set", "pool.min_fee=2"]);
    let error = merge(&twice, &Environment::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`pool.min_fee` is said by `--min-fee` and by `--set`"
    );
}

#[test]
fn a_wrong_variable_is_named() {
    let environment = variables(&[("PICOT_DEV", "yes"), ("PICOT_API_MAX_BATCH", "0")]);
    let error = merge(&flags(&[]), &environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 settings are wrong:\n  PICOT_DEV: `dev` is `yes`: expected `true` or `false`\n  \
         PICOT_API_MAX_BATCH: `api.max_batch` is `0`: expected a whole number from 1 to 100000"
    );
    assert!(error.is_usage());
}

#[test]
fn a_variable_that_looks_like_a_setting_and_is_none_is_known_for_it() {
    let environment = variables(&[
        ("PICOT_DATA", "d"),
        ("PICOT_API", "http://127.0.0.1:1"),
        ("PICOT_PASSPHRASE", "secret"),
        ("PICOT_CHROMIUM", "chromium"),
        ("PICOT_CHROMEDRIVER", "chromedriver"),
        ("PICOT_POOL_MINFEE", "1"),
        ("HOME", "/"),
    ]);
    assert_eq!(environment.unknown(), ["PICOT_POOL_MINFEE"]);
    assert!(!format!("{environment:?}").contains("secret"));
}
