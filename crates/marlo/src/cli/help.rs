//! `marlo help`: explains commands and topics.

use clap::CommandFactory as _;

use super::error::CliError;
use super::print;

/// Arguments of `marlo help`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A command or a topic: language, kinds, shapes, functions, numbers, backends, arrays,
    /// verification
    about: Option<String>,
}

const TOPICS: [(&str, &str); 8] = [
    ("language", include_str!("../../help/language.txt")),
    ("kinds", include_str!("../../help/kinds.txt")),
    ("shapes", include_str!("../../help/shapes.txt")),
    ("functions", include_str!("../../help/functions.txt")),
    ("numbers", include_str!("../../help/numbers.txt")),
    ("backends", include_str!("../../help/backends.txt")),
    ("arrays", include_str!("../../help/arrays.txt")),
    ("verification", include_str!("../../help/verification.txt")),
];

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let mut command = super::Args::command();
    let Some(about) = &args.about else {
        let topics: Vec<&str> = TOPICS.iter().map(|t| t.0).collect();
        return print(&format!("{}\n\nTopics: {}\n", command.render_long_help(), topics.join(", ")));
    };
    if let Some((_, text)) = TOPICS.iter().find(|t| t.0 == about) {
        return print(text);
    }
    command.build();
    if let Some(found) = command.find_subcommand_mut(about) {
        return print(&format!("{}\n", found.render_long_help()));
    }
    let known = command.get_subcommands().map(|c| c.get_name().to_owned());
    let known: Vec<String> = known.chain(TOPICS.iter().map(|t| t.0.to_owned())).collect();
    let near = marlo::lang::suggest::nearest(about, known.iter().map(String::as_str));
    let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Err(CliError::Usage(format!("no command or topic `{about}`{hint}\nknown: {}", known.join(", "))))
}
