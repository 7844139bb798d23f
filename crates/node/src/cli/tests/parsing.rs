//! What is refused before anything is done, and how that is told.

use super::*;
use clap::CommandFactory;
use picot_models::{BlockId, Hash, mocks};

fn refused(arguments: &[&str]) -> String {
    let ended = picot(arguments);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.starts_with("error: "), "{ended:?}");
    ended.err
}

fn node_options(arguments: &[&str]) -> NodeOptions {
    let all = [&["picot", "node"], arguments].concat();
    let Command::Node(arguments) = Cli::try_parse_from(all).unwrap().command else {
        panic!("`picot node` is the command");
    };
    let world = World {
        out: &mut io::sink(),
        err: &mut io::sink(),
        prompt: &mut FakePrompt::nobody(),
        passphrase: Some(Passphrase::new("word".to_owned())),
        environment: &Environment::default(),
        clock: &SystemClock,
        pause: &mut |_| (),
    };
    node::options(*arguments, &world).unwrap()
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_examples_in_its_help() {
    fn check(command: &clap::Command) {
        let help = command.clone().render_long_help().to_string();
        let name = command.get_name();
        assert!(help.contains("Examples:\n  picot "), "{name}:\n{help}");
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn help_shows_no_secret_of_the_environment() {
    let mut command = Cli::command();
    command.build();
    for command in command.get_subcommands() {
        for argument in command.get_arguments() {
            let variable = argument.get_env().and_then(|name| name.to_str());
            assert!(matches!(variable, None | Some("PICOT_API" | "PICOT_DATA")));
        }
    }
}

#[test]
fn a_block_id_where_an_address_should_be_is_told_by_both_names() {
    let block = BlockId::from_hash(Hash([1; 32])).to_string();
    for arguments in [["transfer", &block, "1"].as_slice(), &["address", &block]] {
        let error = refused(arguments);
        assert!(
            error.contains("expected an address (`addr1…`), got a block id"),
            "{error}"
        );
    }
    let address = mocks::address(1).to_string();
    let error = refused(&["block", &address]);
    assert!(
        error.contains("expected a block id (`blk1…`), got an address"),
        "{error}"
    );
    let error = refused(&["operation", &block]);
    assert!(
        error.contains("expected an operation id (`op1…`), got a block id"),
        "{error}"
    );
}

#[test]
fn a_mistyped_address_is_refused() {
    let address = mocks::address(1).to_string();
    let mistyped = address.replace(address.chars().last().unwrap(), "b");
    let error = refused(&["address", &mistyped]);
    assert!(
        error.contains("expected an address, got text that is not bech32m"),
        "{error}"
    );
}

#[test]
fn an_amount_has_at_most_nine_decimals_no_sign_and_no_exponent() {
    let address = mocks::address(1).to_string();
    for (amount, expected) in [
        ("1.0123456789", "at most 9 decimals, got 10"),
        ("-5", "digits with at most one point"),
        ("1e3", "digits with at most one point"),
        ("1,5", "digits with at most one point"),
        ("18446744074", "at most 18446744073.709551615 coins"),
    ] {
        let error = refused(&["transfer", &address, amount]);
        assert!(error.contains(expected), "{amount}: {error}");
    }
}

#[test]
fn a_flag_that_would_do_nothing_is_refused() {
    let block = BlockId::from_hash(Hash([1; 32])).to_string();
    for (arguments, needed) in [
        (&["draws", "--limit", "5"][..], "--all"),
        (&["draws", "--from", "1/0"], "--all"),
        (&["block", &block, "--limit", "5"], "--operations"),
        (&["block", &block, "--after", "x"], "--operations"),
        (&["cycles", "--limit", "5"], "<CYCLE>"),
        (&["cycles", "--after", "x"], "<CYCLE>"),
    ] {
        let error = refused(arguments);
        assert!(
            error.contains("required arguments were not provided") && error.contains(needed),
            "{arguments:?}: {error}"
        );
    }
}

#[test]
fn no_rolls_are_neither_bought_nor_sold() {
    for command in ["buy-rolls", "sell-rolls"] {
        assert!(refused(&[command, "0"]).contains("expected at least one roll"));
        for count in ["-1", "1.5", "many"] {
            let error = refused(&[command, count]);
            assert!(
                error.contains("a whole number of rolls, at least one"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_slot_is_a_period_and_a_thread() {
    for text in ["12", "12/", "12-3", "12/256", "a/b"] {
        let error = refused(&["slot", text]);
        assert!(
            error.contains("expected period and thread as in `12/3`"),
            "{error}"
        );
    }
}

#[test]
fn a_url_that_is_no_nodes_is_refused() {
    let error = refused(&["status", "--api", "https://example.org"]);
    assert!(error.contains("nodes answer plain http"), "{error}");
}

#[test]
fn patience_has_bounds() {
    for seconds in ["0", "86401"] {
        refused(&["buy-rolls", "1", "--patience", seconds]);
    }
}

#[test]
fn a_development_node_needs_no_more_than_one_word() {
    let options = node_options(&["--dev"]);
    assert!(options.dev && !options.reset && !options.log_json);
    assert_eq!(options.data, std::path::Path::new("./picot-data/dev"));
    assert_eq!(options.api.listen.to_string(), "127.0.0.1:4701");
    assert!(options.genesis.is_none() && options.network.is_alone());
    assert_eq!(options.log, "warn");
    assert_eq!(options.pool.min_fee.to_string(), "0.001");
    assert_eq!(options.passphrase.environment.unwrap().as_str(), "word");
}

#[test]
fn every_option_of_a_node_arrives() {
    let options = node_options(&[
        "--data",
        "/d",
        "--genesis",
        "g.json",
        "--api",
        "[::1]:0",
        "--log",
        "info,picot_pool=debug",
        "--log-json",
        "--passphrase-file",
        "p",
        "--min-fee",
        "0.5",
    ]);
    assert!(!options.dev && options.log_json);
    assert_eq!(options.data, std::path::Path::new("/d"));
    assert_eq!(options.genesis.unwrap(), std::path::Path::new("g.json"));
    assert_eq!(options.api.listen.to_string(), "[::1]:0");
    assert_eq!(options.log, "info,picot_pool=debug");
    assert_eq!(options.passphrase.file.unwrap(), std::path::Path::new("p"));
    assert_eq!(options.pool.min_fee.to_string(), "0.5");
    assert!(node_options(&["--dev", "--reset"]).reset);
}

#[test]
fn a_node_is_not_started_with_options_that_do_not_go_together() {
    assert!(refused(&["node"]).contains("--data <DIR>"));
    assert!(refused(&["node", "--data", "/d", "--reset"]).contains("--dev"));
    assert!(refused(&["node", "--dev", "--genesis", "g"]).contains("cannot be used with"));
    let error = refused(&["node", "--dev", "--api", "localhost"]);
    assert!(error.contains("a port, such as 127.0.0.1:4701"), "{error}");
    let error = refused(&["node", "--dev", "--log", "info,=="]);
    assert!(
        error.contains("expected a filter such as `info`"),
        "{error}"
    );
    assert!(refused(&["node", "--dev", "--min-fee", "-1"]).contains("digits"));
}
