//! Measurements as a table for people, as Markdown, and as lines of JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Limits, Measurement};

/// A line of a table.
#[derive(Clone, Debug)]
pub struct Line {
    /// What was found.
    pub measurement: Measurement,
    /// How many times as long as something else it took, where there is something to compare with.
    pub relative: Option<f64>,
}

impl From<Measurement> for Line {
    fn from(measurement: Measurement) -> Line {
        Line { measurement, relative: None }
    }
}

/// How a table is written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// Columns for a terminal.
    Text,
    /// A table in Markdown.
    Markdown,
}

/// A table of strings: the first column is set left, the others right; columns without an entry are left out.
pub fn grid(head: &[&str], rows: &[Vec<String>], style: Style) -> String {
    let filled =
        |at: &usize| *at == 0 || rows.iter().any(|row| row.get(*at).is_some_and(|cell| !cell.is_empty()));
    let columns: Vec<usize> = (0..head.len()).filter(filled).collect();
    let cell = |row: &[String], at: usize| match row.get(at).map_or("", String::as_str) {
        "" => "–".to_owned(),
        text => text.to_owned(),
    };
    let head: Vec<String> = head.iter().map(|title| (*title).to_owned()).collect();
    let lines = [&head].into_iter().chain(rows);
    let lines: Vec<Vec<String>> =
        lines.map(|row| columns.iter().map(|&at| cell(row, at)).collect()).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let padded = line.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let padded: Vec<String> = padded.collect();
        match style {
            Style::Text => writeln!(out, "{}", padded.join("  ").trim_end()),
            Style::Markdown => writeln!(out, "| {} |", padded.join(" | ")),
        }
        .unwrap_or_default();
        if number == 0 && style == Style::Markdown {
            let rules = widths.iter().enumerate().map(|(at, &width)| match at {
                0 => "-".repeat(width),
                _ => format!("{}:", "-".repeat(width.saturating_sub(1))),
            });
            let _ = writeln!(out, "| {} |", rules.collect::<Vec<_>>().join(" | "));
        }
    }
    out
}

/// The table of measurements against limits. `relative` says what a line's [`relative`](Line::relative) is relative to.
pub fn table(lines: &[Line], limits: &Limits, relative: &str, style: Style) -> String {
    let relative = format!("× {relative}");
    let head = [
        "a step of",
        "median ms",
        "least ms",
        "Gcell/s",
        "GB/s",
        "GFLOP/s",
        "× copy",
        "× streaming",
        "× exp",
        "× FMA",
        &relative,
        "MiB",
    ];
    let row = |line: &Line| {
        let found = &line.measurement;
        let rate = |amount: u64, rate: f64| if amount == 0 { String::new() } else { digits(rate / 1e9) };
        let mut row = vec![
            found.name.clone(),
            digits(found.median * 1e3),
            digits(found.fastest * 1e3),
            rate(found.work.cells, found.cells_per_second()),
            rate(found.work.bytes, found.bytes_per_second()),
            rate(found.work.flops, found.flops_per_second()),
        ];
        let ratios = limits.ratios(found).into_iter().chain([line.relative]);
        row.extend(ratios.map(|ratio| ratio.map(digits).unwrap_or_default()));
        row.push(found.memory.map(|bytes| digits(bytes as f64 / 1024.0 / 1024.0)).unwrap_or_default());
        row
    };
    grid(&head, &lines.iter().map(row).collect::<Vec<_>>(), style)
}

/// A number with three significant digits, without an exponent; nothing where it is no number.
pub fn digits(number: f64) -> String {
    if !number.is_finite() {
        return String::new();
    }
    // Rounded first, for 9.999 is 10.0.
    let rounded = format!("{number:.2e}");
    let power = rounded.split_once('e').and_then(|(_, power)| power.parse::<i32>().ok()).unwrap_or(0);
    let (number, places) = (rounded.parse().unwrap_or(number), (2 - power).max(0) as usize);
    format!("{number:.places$}")
}

/// What is to be said of a measurement, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The name of its line.
    pub name: String,
    /// A sentence without its end.
    pub text: String,
}

/// Notes as they stand under a table, each on a line of its own; nothing where there is none.
pub fn notes(notes: &[Note], style: Style) -> String {
    let mark = if style == Style::Markdown { "- " } else { "note: " };
    let lines = notes.iter().map(|Note { name, text }| format!("{mark}{name}: {text}\n"));
    if notes.is_empty() { String::new() } else { format!("\n{}", lines.collect::<String>()) }
}

/// A note as an object.
pub fn json_note(Note { name, text }: &Note, context: &Map<String, Value>) -> Value {
    let mut object = context.clone();
    object.extend([("name".to_owned(), json!(name)), ("note".to_owned(), json!(text))]);
    Value::Object(object)
}

/// A measurement as an object: seconds, rates a second, ratios to limits, memory in bytes; null where something is unknown.
pub fn json(line: &Line, limits: &Limits, context: &Map<String, Value>) -> Value {
    let found = &line.measurement;
    let [copy, stream, exponential, flop] = limits.ratios(found);
    let mut object = context.clone();
    let Value::Object(numbers) = json!({
        "name": found.name,
        "median_s": found.median,
        "least_s": found.fastest,
        "repetitions": found.repetitions,
        "cells_per_s": found.cells_per_second(),
        "bytes_per_s": found.bytes_per_second(),
        "flops_per_s": found.flops_per_second(),
        "to_copy": copy,
        "to_streaming_copy": stream,
        "to_exponentials": exponential,
        "to_multiply_adds": flop,
        "relative": line.relative,
        "memory_bytes": found.memory,
    }) else {
        return Value::Object(object);
    };
    object.extend(numbers);
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Work;

    fn lines() -> (Vec<Line>, Limits) {
        let of = |name: &str, cells, seconds| {
            Measurement::of(name, Work { cells, bytes: 8_000_000, flops: 0 }, vec![seconds])
        };
        let mut loss = of("a_loss", 1_000_000, 0.003);
        loss.memory = Some(5 << 20);
        let found = vec![of("copy", 0, 0.002), of("exponentials", 1_000_000, 0.0015), loss];
        let limits = Limits::among(&found);
        let mut lines: Vec<Line> = found.into_iter().map(Line::from).collect();
        lines[2].relative = Some(12.345);
        (lines, limits)
    }

    #[test]
    fn a_table_for_people() {
        let (lines, limits) = lines();
        let wanted = "\
a step of     median ms  least ms  Gcell/s  GB/s  × copy  × exp  × marlo   MiB
copy               2.00      2.00        –  4.00    1.00      –        –     –
exponentials       1.50      1.50    0.667  5.33   0.750   1.00        –     –
a_loss             3.00      3.00    0.333  2.67    1.50   2.00     12.3  5.00
";
        assert_eq!(table(&lines, &limits, "marlo", Style::Text), wanted);
    }

    #[test]
    fn a_table_in_markdown() {
        let rows =
            [vec!["a".into(), "1".into(), String::new()], vec!["bb".into(), "22".into(), String::new()]];
        let found = grid(&["name", "ms", "never"], &rows, Style::Markdown);
        assert_eq!(found, "| name | ms |\n| ---- | -: |\n| a    |  1 |\n| bb   | 22 |\n");
    }

    #[test]
    fn numbers_have_three_digits() {
        let found = [0.001234, 0.1234, 1.234, 12.34, 123.4, 12345.0].map(digits);
        assert_eq!(found, ["0.00123", "0.123", "1.23", "12.3", "123", "12300"]);
        assert_eq!(
            [9.999, 0.9999, 999.9, 0.0, -1.234].map(digits),
            ["10.0", "1.00", "1000", "0.00", "-1.23"]
        );
        assert_eq!([f64::NAN, f64::INFINITY].map(digits), ["", ""]);
    }

    #[test]
    fn notes_stand_under_a_table() {
        let note = Note { name: "a_loss, jax".into(), text: "not measured: none".into() };
        assert_eq!(notes(&[], Style::Text), "");
        assert_eq!(
            notes(std::slice::from_ref(&note), Style::Text),
            "\nnote: a_loss, jax: not measured: none\n"
        );
        assert_eq!(
            notes(std::slice::from_ref(&note), Style::Markdown),
            "\n- a_loss, jax: not measured: none\n"
        );
        let found = json_note(&note, &Map::from_iter([("threads".to_owned(), json!(2))]));
        assert_eq!(found, json!({"threads": 2, "name": "a_loss, jax", "note": "not measured: none"}));
    }

    #[test]
    fn json_has_every_number() {
        let (lines, limits) = lines();
        let context = Map::from_iter([("threads".to_owned(), json!(2))]);
        let found = json(&lines[2], &limits, &context);
        assert_eq!(
            (&found["threads"], &found["name"], &found["to_copy"]),
            (&json!(2), &json!("a_loss"), &json!(1.5))
        );
        assert_eq!(found["to_streaming_copy"], Value::Null);
        assert_eq!(found["memory_bytes"], 5 << 20);
    }
}
