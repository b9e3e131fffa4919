//! `marlo help`: explains commands and topics.

use clap::CommandFactory as _;

use super::error::CliError;
use super::print;

/// Arguments of `marlo help`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A command or a topic
    about: Option<String>,
}

const TOPICS: [(&str, &str); 9] = [
    ("language", include_str!("../../help/language.txt")),
    ("kinds", include_str!("../../help/kinds.txt")),
    ("shapes", include_str!("../../help/shapes.txt")),
    ("functions", include_str!("../../help/functions.txt")),
    ("steps", include_str!("../../help/steps.txt")),
    ("numbers", include_str!("../../help/numbers.txt")),
    ("backends", include_str!("../../help/backends.txt")),
    ("arrays", include_str!("../../help/arrays.txt")),
    ("verification", include_str!("../../help/verification.txt")),
];

/// What else a topic is asked for by.
const OTHER_NAMES: [(&str, &str); 12] = [
    ("state", "steps"),
    ("states", "steps"),
    ("schedule", "steps"),
    ("schedules", "steps"),
    ("step", "steps"),
    ("draws", "steps"),
    ("seed", "steps"),
    ("input", "language"),
    ("inputs", "language"),
    ("centre", "shapes"),
    ("centres", "shapes"),
    ("batch", "shapes"),
];

/// What stands behind the help of the program.
pub(crate) fn after_help() -> String {
    let topics: Vec<&str> = TOPICS.iter().map(|topic| topic.0).collect();
    format!(
        "A SPEC is a path to a .loss file or the name of a shipped one (`marlo list`).\n\
         `marlo help TOPIC` explains one of: {}",
        topics.join(", ")
    )
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let mut command = super::Args::command();
    let Some(about) = &args.about else {
        return print(&format!("{}\n", command.render_long_help()));
    };
    let topic = OTHER_NAMES.iter().find(|(name, _)| name == about).map_or(about.as_str(), |other| other.1);
    if let Some((_, text)) = TOPICS.iter().find(|t| t.0 == topic) {
        return print(text);
    }
    command.build();
    if let Some(found) = command.find_subcommand_mut(about) {
        return print(&format!("{}\n", found.render_long_help()));
    }
    let known = command.get_subcommands().map(|c| c.get_name().to_owned());
    let known: Vec<String> = known.chain(TOPICS.iter().map(|t| t.0.to_owned())).collect();
    let names = known.iter().map(String::as_str).chain(OTHER_NAMES.iter().map(|other| other.0));
    let near = marlo::lang::suggest::nearest(about, names);
    let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Err(CliError::Usage(format!("no command or topic `{about}`{hint}\nknown: {}", known.join(", "))))
}
