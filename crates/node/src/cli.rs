//! The `picot` command line: arguments in, one outcome out.
//!
//! Everything that a command touches outside of files and the node's interface is in [`World`], so
//! that tests run whole commands in their own process. What people and programs ask for goes to
//! standard output; progress, warnings and errors go to standard error.

mod args;
mod bootstrap;
mod checkpoint;
mod completions;
mod config;
mod control;
mod db;
mod draws;
mod error;
mod factory;
mod follow;
mod genesis;
mod keys;
mod lists;
mod load;
mod node;
mod passphrase;
mod peers;
mod protection;
mod read;
mod send;
mod settings;
mod sim;
mod tables;
mod wallet;
mod watch;
mod world;

pub use args::Cli;
pub use error::{CliError, SAFETY_REFUSAL};
pub use node::NodeOptions;
pub use passphrase::{
    Passphrase, PassphraseError, PassphraseSource, Prompt, Purpose, SystemPrompt,
};
pub use settings::{Environment, SettingsError};
pub use world::World;

use args::Command;
use clap::Parser;
use picot_clock::{Millis, Stop, SystemClock};
use std::process::ExitCode;

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    leave_caught_panics_untold();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // With nowhere to write to, the exit code is all that is left to say.
            let _ = error.print();
            return exit_code(error.exit_code());
        }
    };
    let never_stopped = Stop::new();
    let mut pause = |length: Millis| {
        let _is_stopped = never_stopped.pause(length);
    };
    let mut world = World {
        out: &mut std::io::stdout(),
        err: &mut std::io::stderr(),
        prompt: &mut SystemPrompt,
        passphrase: Passphrase::from_environment(),
        environment: &Environment::of_process(),
        clock: &SystemClock,
        pause: &mut pause,
    };
    exit_code(run(cli, &mut world))
}

/// An engine that panics over a damaged file is an error with a reason, which is told as one.
fn leave_caught_panics_untold() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(picot_database::OPENING_THREAD) {
            tell(panic);
        }
    }));
}

/// Runs one command and gives its exit code: 0 good, 1 failure, 2 usage, 77 a refusal for safety's
/// sake, or that of the program that the command stands for. An error is told on standard error.
pub fn run(cli: Cli, world: &mut World<'_>) -> i32 {
    match dispatch(cli.command, world) {
        Ok(code) => code,
        Err(error) => {
            world.report(&error);
            error.exit_code()
        }
    }
}

fn dispatch(command: Command, world: &mut World<'_>) -> Result<i32, CliError> {
    let done = match command {
        Command::Sim(arguments) => return sim::run(&arguments),
        Command::Node(arguments) => node::run(*arguments, world),
        Command::Config { command } => config::run(command, world),
        Command::Completions(arguments) => completions::run(&arguments, world),
        Command::Genesis { command } => genesis::run(command, world),
        Command::Keys { command } => keys::run(command, world),
        Command::Factory { command } => factory::run(command, world),
        Command::Protection { command } => protection::run(command, world),
        Command::Peers { command } => peers::run(command, world),
        Command::Draws(arguments) => draws::run(&arguments, world),
        Command::Status(arguments) => read::status(&arguments, world),
        Command::Block(arguments) => read::block(&arguments, world),
        Command::Blocks(arguments) => lists::blocks(&arguments, world),
        Command::Slots(arguments) => lists::slots(&arguments, world),
        Command::Agreement(arguments) => read::agreement(&arguments, world),
        Command::Stakers(arguments) => lists::stakers(&arguments, world),
        Command::Cycles(arguments) => lists::cycles(&arguments, world),
        Command::Fees(arguments) => read::fees(&arguments, world),
        Command::Pool(arguments) => read::pool(&arguments, world),
        Command::Operations(arguments) => lists::operations(&arguments, world),
        Command::Watch(arguments) => watch::run(&arguments, world),
        Command::Deploy(arguments) => send::deploy(arguments, world),
        Command::Call(arguments) => send::call(arguments, world),
        Command::Checkpoint { command } => checkpoint::run(&command, world),
        Command::Slot(arguments) => read::slot(&arguments, world),
        Command::Address(arguments) => read::address(&arguments, world),
        Command::Operation(arguments) => read::operation(&arguments, world),
        Command::Transfer(arguments) => send::transfer(&arguments, world),
        Command::BuyRolls(arguments) => send::buy_rolls(&arguments, world),
        Command::Load(arguments) => load::run(&arguments, world),
        Command::Bootstrap { command } => bootstrap::run(&command, world),
        Command::Db { command } => db::run(command, world),
        Command::SellRolls(arguments) => send::sell_rolls(&arguments, world),
    };
    done.map(|()| 0)
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests;
