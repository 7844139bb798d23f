//! `picot config` and `picot completions`, whole.

use super::*;

fn configured(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picot.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn with_variables(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value));
    let environment = Environment::new(owned);
    picot_in(arguments, &mut FakePrompt::nobody(), None, &environment)
}

#[test]
fn a_good_file_is_said_to_be_good() {
    let (_folder, path) = configured("[api]\nmax_streams = 7\n");
    let ended = picot(&["config", "check", &path]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(
        ended.out,
        format!("{path} is good: it says 1 of the settings\n")
    );
    let of_environment = with_variables(&["config", "check"], &[("PICOT_CONFIG", &path)]);
    assert_eq!(of_environment.out, ended.out);
}

#[test]
fn a_node_that_is_started_with_a_mistyped_variable_says_so() {
    // It ends at once, since only a development chain is begun anew.
    let ended = with_variables(&["node", "--reset"], &[("PICOT_HISTROY", "cycles=4")]);
    assert_ne!(ended.code, 0, "{ended:?}");
    let warning = "warning: environment variable PICOT_HISTROY is no setting\n";
    assert!(ended.err.starts_with(warning), "{ended:?}");
}

#[test]
fn a_wrong_file_is_wrong_usage_told_by_line() {
    let (_folder, path) = configured("dev = 1\n[api]\nmax_stream = 7\n");
    for arguments in [
        ["config", "check", &path].as_slice(),
        &["node", "--config", &path],
        &["config", "show", "--config", &path],
    ] {
        let ended = picot(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        let expected = format!(
            "error: 2 settings are wrong:\n  {path}:1: `dev` is 1: expected `true` or `false`, without quotes\n  \
             {path}:3: `api.max_stream` is no setting: [api] has listen, "
        );
        assert!(ended.err.starts_with(&expected), "{ended:?}");
        assert_eq!(
            ended.err.matches("is no setting").count(),
            1,
            "told once: {ended:?}"
        );
        assert!(
            ended
                .err
                .contains("hint: `picot config example` shows every setting")
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_a_failure_and_no_file_is_wrong_usage() {
    let missing = picot(&["config", "check", "/nowhere/picot.toml"]);
    assert_eq!(missing.code, 1);
    assert_eq!(
        missing.err,
        "error: cannot read configuration file /nowhere/picot.toml: No such file or directory (os error 2)\n"
    );
    let ended = picot(&["config", "check"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.err.contains("no configuration file was named"),
        "{ended:?}"
    );
}

#[test]
fn every_value_is_shown_with_where_it_was_said() {
    let (_folder, path) = configured("[pool]\nmin_fee = \"0.25\"\n");
    let arguments = [
        "config",
        "show",
        "--config",
        &path,
        "--set",
        "api.max_streams=7",
    ];
    let variables = [("PICOT_LOG", "info"), ("PICOT_LOGS", "info")];
    let table = with_variables(&arguments, &variables);
    assert_eq!(table.code, 0, "{table:?}");
    assert_eq!(
        table.err,
        "warning: environment variable PICOT_LOGS is no setting\n"
    );
    let said = |key: &str| {
        let line = table
            .out
            .lines()
            .find(|line| line.split(' ').next() == Some(key));
        let words: Vec<_> = line.unwrap().split_whitespace().skip(1).collect();
        words.join(" ")
    };
    assert_eq!(said("pool.min_fee"), format!("0.25 {path}:2"));
    assert_eq!(said("log"), "info PICOT_LOG");
    assert_eq!(said("api.max_streams"), "7 --set");
    assert_eq!(said("log_json"), "false default");

    let json = with_variables(&[arguments.as_slice(), &["--json"]].concat(), &variables);
    let all: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let find = |key: &str| {
        let mut all = all.as_array().unwrap().iter();
        all.find(|setting| setting["key"] == key).unwrap().clone()
    };
    assert_eq!(
        find("pool.min_fee")["origin"],
        serde_json::json!({"type": "file", "path": path, "line": 2})
    );
    assert_eq!(
        find("log")["origin"],
        serde_json::json!({"type": "environment", "variable": "PICOT_LOG"})
    );
    assert_eq!(find("api.max_streams")["value"], 7);
    assert_eq!(
        find("log_json"),
        serde_json::json!({"key": "log_json", "value": false, "origin": {"type": "default"}})
    );
    assert_eq!(find("data")["value"], serde_json::Value::Null);
}

#[test]
fn the_example_of_the_command_is_a_good_file() {
    let example = picot(&["config", "example"]).out;
    let (_folder, path) = configured(&example);
    let ended = picot(&["config", "check", &path]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("it says 0 of the settings"), "{ended:?}");
}

#[test]
fn completions_know_every_command() {
    use clap::CommandFactory;
    for shell in ["bash", "zsh", "fish"] {
        let ended = picot(&["completions", shell]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(ended.out.contains(name), "{shell}: {name}");
        }
    }
    assert_eq!(picot(&["completions", "tcsh"]).code, 2);
}
