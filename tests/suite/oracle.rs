//! Losses and gradients that published implementations gave on the same inputs, in f64.
//!
//! The numbers stand outside the repository (`../shared/oracle`: a folder an implementation, named and dated in its
//! `index.json`); where they are absent the tests say so and skip. What is compared with what is data: `tests/oracle/*.toml`
//! has an entry for each implementation, with the shipped spec, or the file in `tests/oracle/programs`, that must
//! agree with it, what it is given, and where the two differ and why. Where a code differs from its paper the spec follows
//! the paper; the code's own form is a program beside the table, so its numbers are compared too, and docs/discrepancies.md,
//! which is written from the same table, has the size of the difference.

mod chain;
mod compare;
mod discrepancies;
mod evaluate;
mod narrow;
mod numbers;
mod table;

use std::collections::BTreeSet;

use marlo::specs;

use compare::Tally;
use numbers::Oracle;
use table::Table;

#[test]
fn published_implementations() {
    let Some(oracle) = Oracle::find() else { return };
    let table = Table::read();
    let mut tally = Tally::default();
    for variant in &table.variants {
        compare::variant(&oracle, variant, &mut tally);
        compare::sequence(&oracle, variant);
    }
    tally.report();
    eprintln!("{} comparisons: {tally}", table.variants.len());
}

#[test]
fn published_implementations_in_single_precision() {
    let Some(oracle) = Oracle::find() else { return };
    let mut tally = Tally::default();
    for variant in Table::read().variants {
        narrow::variant(&oracle, &variant, &mut tally);
    }
    tally.report();
    eprintln!("in f32: {tally}");
}

/// Where published codes differ from their papers, and by how much: docs/discrepancies.md.
#[test]
fn discrepancies_are_measured() {
    let Some(oracle) = Oracle::find() else { return };
    crate::docs::kept("discrepancies.md", &discrepancies::page(&oracle, &Table::read()));
}

/// Every implementation has an entry, and no entry is of none.
#[test]
fn every_implementation_is_in_the_table() {
    let Some(oracle) = Oracle::find() else { return };
    let listed: BTreeSet<String> = Table::read().variants.into_iter().map(|v| v.oracle).collect();
    assert_eq!(listed, oracle.names());
}

/// Every shipped spec is some implementation's, or the table says why none is at hand.
#[test]
fn every_spec_is_covered_or_said_not_to_be() {
    let table = Table::read();
    for spec in specs::ALL {
        let covered = table.variants.iter().any(|v| v.covers.as_ref().unwrap_or(&v.run.program) == spec.name);
        let said = table.uncovered.iter().any(|(name, _)| name == spec.name);
        assert!(covered != said, "{} is {}", spec.name, if covered { "both" } else { "neither" });
    }
}

/// What the table names is there, and what is there is named and laid out.
#[test]
fn no_program_is_left_over() {
    let table = Table::read();
    let used: BTreeSet<&str> = table.runs().map(|run| run.program.as_str()).collect();
    for name in evaluate::own_programs() {
        assert!(used.contains(name.as_str()), "no entry names tests/oracle/programs/{name}.loss");
        assert!(specs::find(&name).is_none(), "tests/oracle/programs/{name}.loss has the name of a spec");
        let text = evaluate::text(&name);
        assert_eq!(
            marlo::lang::format(&text).expect("it parses"),
            text,
            "marlo fmt lays {name} out otherwise"
        );
    }
    for (key, _) in table.discrepancies.iter().filter(|(_, d)| d.measured()) {
        let named = |v: &table::Variant| v.discrepancies.iter().any(|d| d == key);
        let apart = table.discrepancies[key].sides.is_some();
        assert!(table.variants.iter().any(named) != apart, "`{key}` is measured on none, or on both");
    }
}
