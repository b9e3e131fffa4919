//! The `marlo` program: every command is a module of `cli`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
