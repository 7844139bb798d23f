//! `cargo xtask openapi`: the document of the interface, from its types.

use std::ffi::OsString;

use crate::Task;
use crate::cargo::Invocation;
use crate::failure::{Failure, Outcome};

pub(crate) const TASK: Task = Task {
    name: "openapi",
    summary: "writes the document of the interface anew",
    help: "\
Usage: cargo xtask openapi

Writes crates/api/openapi.json from the types of the interface and the table of
its routes in crates/api/src/openapi. A test of the crate fails while the file is
not what they say.
",
    passes_help_on: false,
    run,
};

fn run(arguments: &[OsString]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!(
            "'openapi' takes no arguments, but got '{}'",
            argument.to_string_lossy()
        )));
    }
    writing().run()
}

fn writing() -> Invocation {
    Invocation::new([
        "run",
        "--quiet",
        "--package=picot-api",
        "--features=openapi",
        "--example=openapi",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_refused() {
        assert!(matches!(
            run(&["now".into()]),
            Err(Failure::Usage(message)) if message.contains("now")
        ));
    }

    #[test]
    fn the_document_is_written_by_an_example_of_the_interface() {
        assert_eq!(
            writing().to_string(),
            "cargo run --quiet --package=picot-api --features=openapi --example=openapi"
        );
    }
}
