//! The `picot` program, which ends where the environment tells it to: for tests of crashes.

fn main() -> std::process::ExitCode {
    picot_node::cli::main()
}
