//! From losses to a [`Plot`]: what each figure asks, and what it says of it.

mod lines;
mod plane;

use crate::label::Label;
use crate::probe::{Probe, Quantity, Reading};
use crate::scale::short;
use crate::{Figure, Options, Plot, PlotError, Subject};

/// Asks the losses for a figure.
///
/// # Errors
/// When there is no loss, an option, a hyperparameter or an input does not fit, or a loss is not finite anywhere.
pub fn plot(subjects: &[Subject], options: &Options) -> Result<Plot, PlotError> {
    check(subjects, options)?;
    let probe = |subject: &Subject| {
        Probe::new(&subject.loss, &subject.set, &options.inputs, options.classes, options.logit_scale)
    };
    let probes = subjects.iter().map(probe).collect::<Result<Vec<Probe>, PlotError>>()?;
    let content = match options.figure {
        Figure::Target => lines::target(&probes, options)?,
        Figure::Other => lines::other(&probes, options)?,
        Figure::Weight => lines::weight(&probes, options)?,
        Figure::Boundary => plane::boundary(&probes, options)?,
        Figure::Loss | Figure::Gradient => plane::surfaces(&probes, options)?,
    };
    let title = options.title.clone().map_or_else(|| title(options.figure), Label::plain);
    Ok(Plot { title, notes: notes(&probes, options), content })
}

fn title(figure: Figure) -> Label {
    Label::plain(match figure {
        Figure::Target => "Target logit",
        Figure::Other => "Logit of another class",
        Figure::Loss => "Loss",
        Figure::Gradient => "Gradient",
        Figure::Boundary => "Decision boundary between two classes",
        Figure::Weight => "Weight of a sample",
    })
}

fn check(subjects: &[Subject], options: &Options) -> Result<(), PlotError> {
    if subjects.is_empty() {
        return Err(PlotError::Nothing);
    }
    let within = |what, value: f64, low: f64, high: f64| {
        if (low..=high).contains(&value) { Ok(()) } else { Err(PlotError::Option { what, value, low, high }) }
    };
    within("the number of classes", options.classes as f64, 2.0, 1000.0)?;
    within("the scale of raw logits", options.logit_scale, 1e-3, 1e6)?;
    within("the angle that is held, in degrees,", options.at.unwrap_or(0.0), 0.0, 180.0)?;
    if let Some((low, high)) = options.range {
        let (first, last) = options.unit.range();
        within("the beginning of the axis", low, first, last)?;
        within("the end of the axis", high, first, last)?;
        if high - low < 1e-6 {
            return Err(PlotError::EmptyRange { low, high });
        }
    }
    let declares = |name: &String| {
        subjects.iter().any(|s| s.loss.graph.inputs.iter().skip(1).any(|input| input.name == *name))
    };
    match options.inputs.iter().find(|(name, _)| !declares(name)) {
        Some((name, _)) => Err(PlotError::UnknownInput { name: name.clone() }),
        None => Ok(()),
    }
}

/// What stands below a figure.
fn notes(probes: &[Probe], options: &Options) -> Vec<Label> {
    let held = |index: &str, usual: f64| {
        Label::math(&format!("θ_{index} = {}°", short(options.at.unwrap_or(usual))))
    };
    let mut notes = Vec::new();
    match options.figure {
        Figure::Other => notes.push(held("y", 60.0)),
        Figure::Weight => {
            notes.push(held("k", 90.0));
            notes.push(Label::math(
                "a is the target logit, p that of a softmax without weights; cross entropy has the weight 1",
            ));
        }
        Figure::Target if probes.iter().any(|probe| probe.reads_others(Quantity::Target)) => {
            notes.push(held("k", 90.0));
        }
        Figure::Boundary => notes
            .push(Label::plain("lines: p = 1/2 for a sample of class 1 or of class 2; shaded: less in both")),
        _ => {}
    }
    if options.classes > 2 {
        notes.push(Label::plain(format!("{} classes, the further ones at 90°", options.classes)));
    }
    let mut taken: Vec<String> = Vec::new();
    for (name, value) in probes.iter().flat_map(|probe| probe.defaulted()) {
        let text = format!("{name} = {}", short(*value));
        if !taken.contains(&text) {
            taken.push(text);
        }
    }
    if !taken.is_empty() {
        notes.push(Label::plain(format!("not given, so taken: {}", taken.join(", "))));
    }
    vec![Label::join(notes, " · ")].into_iter().filter(|note| !note.is_empty()).collect()
}

/// The hyperparameters of a loss, and what its matrix is where that holds logits.
fn settings(probe: &Probe) -> Label {
    let set = probe.settings().map(|(name, value)| format!("{name} = {}", short(value)));
    let logits = probe.logit_scale().map(|scale| format!("logits {}·cos θ", short(scale)));
    Label::join(set.chain(logits).map(Label::plain).collect(), ", ")
}

/// What is drawn of a loss, where that is not what the axis says.
fn remark(reading: Reading) -> Label {
    Label::plain(match reading {
        Reading::Softmax => "",
        Reading::Sigmoid => "logit of its sigmoid",
        Reading::Named => "its f, as it has no softmax",
        Reading::Loss => "its loss, as it has no logit",
    })
}
