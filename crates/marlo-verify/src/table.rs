//! Specs × claims, as a table in Markdown.

use std::collections::BTreeMap;

use marlo_lang::ClaimName;

use crate::report::{Line, Report, Subject};

/// A row a loss, a column a claim; a cell says how it stands, with a number where there are several. A loss that does not
/// make a claim has an empty cell.
pub fn table(reports: &[Report]) -> String {
    let claims = ClaimName::ALL.map(|(_, name, _)| name);
    let claimed = |line: &Line, name: &str| {
        line.subject == Subject::Claim && line.claim.split('(').next() == Some(name)
    };
    let made = |name: &&str| reports.iter().any(|r| r.lines.iter().any(|line| claimed(line, name)));
    let claims: Vec<&str> = claims.into_iter().filter(made).collect();
    let mut out = format!("| loss | gradient | {} | laws |\n", claims.join(" | "));
    out += &format!("|{}\n", "---|".repeat(claims.len() + 3));
    for report in reports {
        let mut cells = vec![cell(report, &|line| line.subject == Subject::Gradient)];
        cells.extend(claims.iter().map(|name| cell(report, &|line| claimed(line, name))));
        cells.push(cell(report, &|line| line.subject == Subject::Law));
        out += &format!("| {} | {} |\n", report.loss, cells.join(" | "));
    }
    out
}

/// `proved`, `3 proved`, `1 checked, 2 proved`.
fn cell(report: &Report, wanted: &dyn Fn(&Line) -> bool) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in report.lines.iter().filter(|line| wanted(line)) {
        *counts.entry(line.verdict.word()).or_default() += 1;
    }
    let alone = counts.values().sum::<usize>() == 1;
    let words = counts.iter().map(|(word, n)| if alone { (*word).to_owned() } else { format!("{n} {word}") });
    words.collect::<Vec<String>>().join(", ")
}
