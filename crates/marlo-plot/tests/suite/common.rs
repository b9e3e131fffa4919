//! The shipped losses, compiled, and figures of them.

use std::path::PathBuf;

use marlo_ir::loss::Loss;
use marlo_lang::Library;
use marlo_plot::{Chart, Content, Figure, Options, Panel, Plot, Strip, Subject, plot};

/// The losses of `specs/`.
pub(crate) struct Specs;

fn files(folder: &str) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "loss") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

impl Library for Specs {
    fn source(&self, name: &str) -> Option<String> {
        let path =
            files("specs").into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == name))?;
        std::fs::read_to_string(path).ok()
    }

    fn names(&self) -> Vec<String> {
        let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        files("specs").into_iter().filter_map(stem).collect()
    }
}

/// A loss of its own text.
pub(crate) fn written(text: &str) -> Loss {
    match marlo_lang::compile(text, &Specs) {
        Ok(compiled) => compiled.loss,
        Err(wrong) => panic!("{text}\n{wrong:?}"),
    }
}

/// A shipped loss.
pub(crate) fn shipped(name: &str) -> Loss {
    written(&Specs.source(name).expect("it ships"))
}

/// Every program of a folder.
pub(crate) fn all(folder: &str) -> Vec<Loss> {
    files(folder)
        .iter()
        .map(|path| written(&std::fs::read_to_string(path).expect("it can be read")))
        .collect()
}

/// A loss with some hyperparameters.
pub(crate) fn subject(loss: Loss, set: &[(&str, f64)]) -> Subject {
    Subject { loss, set: set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect() }
}

/// A figure of one loss with its defaults.
pub(crate) fn draw(loss: Loss, figure: Figure) -> Plot {
    let options = Options { figure, ..Options::default() };
    plot(&[subject(loss, &[])], &options).expect("it can be drawn")
}

/// The lines of a figure.
pub(crate) fn chart(plot: &Plot) -> &Chart {
    match &plot.content {
        Content::Chart(chart) => chart,
        Content::Surfaces(_) => panic!("a chart was expected"),
    }
}

/// The rows of panels of a figure.
pub(crate) fn strips(plot: &Plot) -> &[Strip] {
    match &plot.content {
        Content::Chart(_) => panic!("surfaces were expected"),
        Content::Surfaces(strips) => strips,
    }
}

/// The value of a panel nearest to a place.
pub(crate) fn value(panel: &Panel, x: f64, y: f64) -> f64 {
    let (width, height) = panel.field.size;
    let at = |axis: &marlo_plot::Axis, value: f64, count: usize| {
        ((value - axis.low) / (axis.high - axis.low) * (count - 1) as f64).round() as usize
    };
    panel.field.values[at(&panel.y, y, height) * width + at(&panel.x, x, width)]
}
