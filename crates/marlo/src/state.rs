//! The states of a loss in a file: what is carried from step to step outlives the program that trains.

use std::path::{Path, PathBuf};

use marlo_ir::loss::Loss;
use serde_json::{Map, Value};

/// Why a file of states can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Not to be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not a file of states.
    #[error("{}: not a file of states: {reason}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Of another loss.
    #[error("{}: these are states of `{found}`, not of `{wanted}`", .path.display())]
    Loss {
        /// The file.
        path: PathBuf,
        /// The loss that it is of.
        found: String,
        /// The loss that runs.
        wanted: String,
    },
    /// Of another number of classes.
    #[error("{}: these are states for {found} classes, and there are {wanted}", .path.display())]
    Classes {
        /// The file.
        path: PathBuf,
        /// The number of classes that it is for.
        found: usize,
        /// The number there is.
        wanted: usize,
    },
    /// A state is missing, or one is there that the loss has not, as after an edit of the loss.
    #[error("{}: it holds the states {found:?}, but `{loss}` has {wanted:?}", .path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// The loss.
        loss: String,
        /// The states in the file.
        found: Vec<String>,
        /// The states of the loss.
        wanted: Vec<String>,
    },
}

/// The states of a loss after some steps.
#[derive(Clone, Debug, PartialEq)]
pub struct States {
    /// The loss.
    pub loss: String,
    /// C.
    pub classes: usize,
    /// The number of steps made.
    pub step: u64,
    /// Each state with its value.
    pub values: Vec<(String, f64)>,
}

/// The names of a loss's states, in the order of the header.
pub fn names(loss: &Loss) -> Vec<String> {
    loss.graph.params.iter().filter(|param| param.state).map(|param| param.name.clone()).collect()
}

impl States {
    /// Those after one more step: `next` in the order of [`Loss::updates`].
    #[must_use]
    pub fn after(loss: &Loss, classes: usize, step: u64, next: &[f64]) -> States {
        let name = |param: u32| loss.graph.params[param as usize].name.clone();
        let values = loss.updates.iter().zip(next).map(|(update, &value)| (name(update.param), value));
        States { loss: loss.name.clone(), classes, step: step.saturating_add(1), values: values.collect() }
    }

    /// Reads those of a loss with that many classes.
    ///
    /// # Errors
    /// When the file can't be read, is no file of states, or is of another loss, number of classes or set of states.
    pub fn read(path: &Path, loss: &Loss, classes: usize) -> Result<States, StateError> {
        let file = || path.to_owned();
        let bytes = std::fs::read(path).map_err(|source| StateError::Io { path: file(), source })?;
        let states = parse(&bytes).map_err(|reason| StateError::Format { path: file(), reason })?;
        if states.loss != loss.name {
            return Err(StateError::Loss { path: file(), found: states.loss, wanted: loss.name.clone() });
        }
        if states.classes != classes {
            return Err(StateError::Classes { path: file(), found: states.classes, wanted: classes });
        }
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let found = sorted(states.values.iter().map(|value| value.0.clone()).collect());
        let wanted = sorted(names(loss));
        if found != wanted {
            return Err(StateError::Names { path: file(), loss: loss.name.clone(), found, wanted });
        }
        Ok(states)
    }

    /// Writes them; the file appears whole or not at all.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), StateError> {
        let values: Map<String, Value> =
            self.values.iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
        let json = serde_json::json!({
            "loss": self.loss, "classes": self.classes, "step": self.step, "states": values,
        });
        marlo_data::write_atomically(path, format!("{json:#}\n").as_bytes())
            .map_err(|source| StateError::Io { path: path.to_owned(), source })
    }
}

fn parse(bytes: &[u8]) -> Result<States, String> {
    let json: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let field = |name: &str| json.get(name).ok_or(format!("it has no `{name}`"));
    let whole = |name: &str| field(name)?.as_u64().ok_or(format!("`{name}` is no whole number"));
    let loss = field("loss")?.as_str().ok_or("`loss` is no name")?.to_owned();
    let (classes, step) = (whole("classes")? as usize, whole("step")?);
    let states = field("states")?.as_object().ok_or("`states` is no list of names and numbers")?;
    let number = |(name, value): (&String, &Value)| {
        let value = value.as_f64().ok_or(format!("the state `{name}` is no number"))?;
        Ok((name.clone(), value))
    };
    let values = states.iter().map(number).collect::<Result<_, String>>()?;
    Ok(States { loss, classes, step, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_as_they_were() {
        let states = States {
            loss: "a".into(),
            classes: 7,
            step: 3,
            values: vec![("t".into(), 0.1 + 0.2), ("s".into(), 1e-300)],
        };
        let folder = std::env::temp_dir().join(format!("marlo-states-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is a folder for temporary files");
        let path = folder.join("a.json");
        states.write(&path).expect("it can be written");
        let bytes = std::fs::read(&path).expect("it was written");
        let mut found = parse(&bytes).expect("it was written well");
        found.values.sort_by(|a, b| b.0.cmp(&a.0));
        assert_eq!(found, states);
        std::fs::remove_dir_all(&folder).expect("it was made here");
    }
}
