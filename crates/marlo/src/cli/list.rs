//! `marlo list`: the shipped losses by family.

use std::fmt::Write as _;

use marlo::specs;

use super::error::CliError;
use super::print;

pub(crate) fn run() -> Result<(), CliError> {
    let mut out = String::new();
    let mut family = "";
    for spec in specs::ALL {
        if spec.family != family {
            family = spec.family;
            let _ = writeln!(out, "{family}");
        }
        let first = spec.source.lines().next().unwrap_or_default().trim_start_matches("//!").trim();
        let first = first.split_inclusive(". ").next().unwrap_or(first).trim();
        let _ = writeln!(out, "  {:<26} {first}", spec.name);
    }
    print(&out)
}
