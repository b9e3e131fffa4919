//! The values of hyperparameters and states: what is given over defaults and schedules.

use super::batch::listed;
use crate::graph::Param;
use crate::loss::Loss;
use crate::setting::Moment;

/// Hyperparameters that don't fit a loss.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// A name that the loss has not.
    #[error("`{loss}` has no hyperparameter `{name}`{}", listed(.known))]
    Unknown {
        /// The loss.
        loss: String,
        /// The name given.
        name: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// A value out of its range.
    #[error("`{name}` is {value}, but its range is {low} to {high}")]
    Range {
        /// The hyperparameter.
        name: String,
        /// The value given.
        value: f64,
        /// The smallest allowed.
        low: f64,
        /// The largest allowed.
        high: f64,
    },
    /// A schedule, or the start of a state, that leaves its range.
    #[error("`{name}`, {text}, is {value} at step {step}, but its range is {low} to {high}")]
    Scheduled {
        /// The hyperparameter.
        name: String,
        /// The schedule.
        text: String,
        /// The step.
        step: u64,
        /// The value there.
        value: f64,
        /// The smallest allowed.
        low: f64,
        /// The largest allowed.
        high: f64,
    },
    /// No default and no value.
    #[error("`{name}` has no default: give it with --set {name}=VALUE")]
    Missing {
        /// The hyperparameter.
        name: String,
    },
    /// A step that the schedule of a hyperparameter says nothing about.
    #[error(
        "the schedule of `{name}`, {text}, is for the steps {first} to {last}, and this is step {step}: use \
         `ramp`, which holds its ends, or give --set {name}=VALUE"
    )]
    Step {
        /// The hyperparameter.
        name: String,
        /// The schedule.
        text: String,
        /// The first step that it is for.
        first: u64,
        /// The last one.
        last: u64,
        /// The step asked for.
        step: u64,
    },
}

/// The value of each hyperparameter and state at a moment: the given ones over defaults and schedules, in the order of the
/// header.
///
/// # Errors
/// When a name is unknown, a value is out of range or not a number, a hyperparameter has neither value nor default, or the
/// step is none of a schedule's.
pub fn settings(loss: &Loss, given: &[(String, f64)], moment: Moment) -> Result<Vec<f64>, SettingError> {
    let params = &loss.graph.params;
    if let Some((name, _)) = given.iter().find(|(name, _)| params.iter().all(|p| p.name != *name)) {
        let known = params.iter().map(|p| p.name.clone()).collect();
        return Err(SettingError::Unknown { loss: loss.name.clone(), name: name.clone(), known });
    }
    let mut values: Vec<f64> = Vec::with_capacity(params.len());
    for param in params {
        let set = given.iter().rev().find(|(name, _)| *name == param.name).map(|g| g.1);
        let value = match set {
            Some(value) => value,
            None => default(param, params, &values, moment)?,
        };
        if !(param.low..=param.high).contains(&value) {
            let (low, high, name) = (param.low, param.high, param.name.clone());
            return Err(match &param.setting {
                Some(setting) if set.is_none() => {
                    let text = setting.text.clone();
                    SettingError::Scheduled { name, text, step: moment.step, value, low, high }
                }
                _ => SettingError::Range { name, value, low, high },
            });
        }
        values.push(value);
    }
    Ok(values)
}

fn default(param: &Param, params: &[Param], values: &[f64], moment: Moment) -> Result<f64, SettingError> {
    let name = || param.name.clone();
    let Some(setting) = &param.setting else {
        return param.default.ok_or_else(|| SettingError::Missing { name: name() });
    };
    let known =
        |wanted: &str| params.iter().zip(values).find(|(known, _)| known.name == wanted).map(|k| *k.1);
    setting.at(moment, &known).ok_or_else(|| {
        let (first, last) = setting.steps;
        SettingError::Step { name: name(), text: setting.text.clone(), first, last, step: moment.step }
    })
}
