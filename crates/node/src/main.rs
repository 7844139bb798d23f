//! The `picot` program.

fn main() -> std::process::ExitCode {
    picot_node::cli::main()
}
