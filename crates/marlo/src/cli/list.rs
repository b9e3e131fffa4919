//! `marlo list`: the shipped losses by family.

use std::fmt::Write as _;

use marlo::specs;

use super::error::CliError;
use super::print;

pub(crate) fn run() -> Result<(), CliError> {
    let mut out = String::new();
    let widest = specs::ALL.iter().map(|spec| spec.name.len()).max().unwrap_or(0);
    let mut family = "";
    for spec in specs::ALL {
        if spec.family != family {
            family = spec.family;
            let _ = writeln!(out, "{family}");
        }
        let _ = writeln!(out, "  {:<widest$}  {}", spec.name, spec.summary());
    }
    print(&out)
}
