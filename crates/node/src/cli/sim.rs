//! `picot sim`: the simulator, which is a program of its own.
//!
//! The node may not depend on its simulator (design 01: arrows point down only), so the command runs
//! the program `picot-sim` that lies beside this one, or else on the `PATH`, as `git` and `cargo` do
//! with their parts.

use super::CliError;
use super::args::SimArgs;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The simulator without the ending that programs have on some systems.
const PROGRAM: &str = "picot-sim";

/// Its allocator keeps what is freed, as with `cargo xtask sim`.
const KEEPS_MEMORY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

/// Becomes the simulator, with the arguments unchanged. Gives its exit code where a process cannot
/// become another one.
pub(super) fn run(arguments: &SimArgs) -> Result<i32, CliError> {
    let folder = std::env::current_exe();
    let folder = folder.as_deref().ok().and_then(Path::parent);
    let program = program(folder);
    let mut command = Command::new(&program);
    command
        .args(&arguments.arguments)
        .env(KEEPS_MEMORY.0, KEEPS_MEMORY.1);
    become_it(&mut command).map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            CliError::NoSimulator
        } else {
            CliError::Simulator {
                path: program,
                source: error,
            }
        }
    })
}

/// Where the simulator is: in this folder, or else wherever the system looks for programs.
fn program(folder: Option<&Path>) -> PathBuf {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let beside = folder.map(|folder| folder.join(OsStr::new(&name)));
    beside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(name))
}

/// The signals of the terminal, and the exit code, are then the program's own affair.
#[cfg(unix)]
fn become_it(command: &mut Command) -> io::Result<i32> {
    Err(std::os::unix::process::CommandExt::exec(command))
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> io::Result<i32> {
    Ok(command.status()?.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_beside_this_program_comes_before_that_of_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
        assert_eq!(program(Some(folder.path())), PathBuf::from(&name));
        assert_eq!(program(None), PathBuf::from(&name));
        let beside = folder.path().join(&name);
        std::fs::write(&beside, "").unwrap();
        assert_eq!(program(Some(folder.path())), beside);
    }
}
