//! Colours and dashes. No two of the first lines differ by colour alone, so that a print in grey can be read.

use std::fmt::Write as _;

/// What a figure is looked at on.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Whatever the reader's system prefers; without a preference as on white.
    #[default]
    Auto,
    /// White paper.
    Light,
    /// A dark page.
    Dark,
}

/// A class of the style sheet: its name, what is coloured, its colour on white and on a dark page.
type Rule = (&'static str, &'static str, &'static str, &'static str);

const RULES: [Rule; 6] = [
    ("ink", "fill", "#1c1c1c", "#ececec"),
    ("soft", "fill", "#5c6066", "#a9adb3"),
    ("frame", "stroke", "#55595f", "#9a9ea4"),
    ("grid", "stroke", "#e4e5e7", "#3b3e43"),
    ("guide", "stroke", "#b4b7bc", "#63676d"),
    ("page", "fill", "#ffffff", "#17181b"),
];

/// The lines' colours on white and on a dark page: of Okabe and Ito's and Tol's sets, told apart with every colour vision.
const LINES: [(&str, &str); 6] = [
    ("#0072b2", "#4ea8f0"),
    ("#d55e00", "#ff8f3f"),
    ("#009e73", "#2fd1a0"),
    ("#aa4499", "#e58fd3"),
    ("#a67c00", "#f0c83c"),
    ("#5c6066", "#c3c7cc"),
];

/// One more than there are colours, so that lines of one colour have different dashes.
const DASHES: [&str; 7] = ["", "8 3.5", "2.2 2.6", "9 3 2.2 3", "15 4", "8 2.6 2.2 2.6 2.2 2.6", "4 2.6"];

/// From dark to light, the colours of viridis (Smith and van der Walt): even steps, in grey as well.
const HEAT: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// The class of the line at that place.
pub(crate) fn line_class(at: usize) -> String {
    format!("line{}", at % LINES.len())
}

/// The class of what is shaded for the line at that place.
pub(crate) fn area_class(at: usize) -> String {
    format!("area{}", at % LINES.len())
}

/// The dashes of the line at that place.
pub(crate) fn dashes(at: usize) -> &'static str {
    DASHES[at % DASHES.len()]
}

/// The colour of a share from 0 to 1 on a surface.
pub(crate) fn heat(share: f64) -> String {
    let place = share.clamp(0.0, 1.0) * (HEAT.len() - 1) as f64;
    let below = (place.floor() as usize).min(HEAT.len() - 2);
    let mix = |at: usize| {
        let (a, b) = (HEAT[below][at], HEAT[below + 1][at]);
        (a + (b - a) * (place - below as f64)).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

/// The style sheet.
pub(crate) fn css(theme: Theme) -> String {
    match theme {
        Theme::Light => rules(false),
        Theme::Dark => rules(true),
        Theme::Auto => format!("{}@media (prefers-color-scheme: dark) {{\n{}}}\n", rules(false), rules(true)),
    }
}

fn rules(is_dark: bool) -> String {
    let mut css = String::new();
    let mut rule = |class: &str, what: &str, light: &str, dark: &str| {
        let colour = if is_dark { dark } else { light };
        let _ = writeln!(css, ".marlo-plot .{class} {{ {what}: {colour} }}");
    };
    for (class, what, light, dark) in RULES {
        rule(class, what, light, dark);
    }
    for (at, (light, dark)) in LINES.into_iter().enumerate() {
        rule(&line_class(at), "stroke", light, dark);
        rule(&area_class(at), "fill", light, dark);
    }
    css
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn many_lines_are_told_apart() {
        let looks: HashSet<(String, &str)> = (0..42).map(|at| (line_class(at), dashes(at))).collect();
        assert_eq!(looks.len(), 42);
        assert_eq!((heat(0.0), heat(1.0)), ("#440154".into(), "#fde725".into()));
    }
}
