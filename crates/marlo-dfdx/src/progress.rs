//! Where training stands: hyperparameters, the step that schedules read, states.

use std::sync::{Arc, Mutex, PoisonError};

use marlo_ir::eval::{SettingError, settings};
use marlo_ir::loss::Loss;
use marlo_ir::setting::Moment;

/// What a loss reads that is neither a tensor nor a label, and that moves from step to step.
///
/// Hyperparameters follow their schedules from the [step](Self::step), states what the batches make of them. Both move
/// only when they are told to: a forward pass on an owned tape finds the next states, [`advance`](Self::advance) takes
/// them over.
#[derive(Debug)]
pub struct Progress {
    loss: Arc<Loss>,
    given: Vec<(String, f64)>,
    pub(crate) step: u64,
    /// Where each state stands, in the order of the header; no number for one at its start. At least [`STATES`] long.
    pub(crate) states: Vec<f64>,
    /// Where they go at the next step.
    next: Mutex<Vec<f64>>,
}

/// So many states are saved with a model.
pub(crate) const STATES: usize = 4;

impl Clone for Progress {
    fn clone(&self) -> Self {
        Progress {
            loss: Arc::clone(&self.loss),
            given: self.given.clone(),
            step: self.step,
            states: self.states.clone(),
            next: Mutex::new(self.next.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        }
    }
}

impl Progress {
    /// The start of training; `given` sets hyperparameters over their defaults and schedules, and states over their starts.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing.
    pub fn new(loss: &Loss, given: &[(String, f64)]) -> Result<Self, SettingError> {
        check(loss, given)?;
        let count = loss.graph.params.iter().filter(|param| param.state).count();
        Ok(Progress {
            loss: Arc::new(loss.clone()),
            given: given.to_vec(),
            step: 0,
            states: vec![f64::NAN; count.max(STATES)],
            next: Mutex::default(),
        })
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    /// Sets hyperparameters over their defaults and schedules, and states over where they stand; nothing is derived anew.
    /// Hyperparameters that are not among `given` go back to their defaults.
    ///
    /// # Errors
    /// When a hyperparameter is unknown, out of range or missing.
    pub fn set(&mut self, given: &[(String, f64)]) -> Result<(), SettingError> {
        check(&self.loss, given)?;
        let names: Vec<String> = self.state_names().map(str::to_owned).collect();
        for (state, name) in self.states.iter_mut().zip(&names) {
            if given.iter().any(|one| one.0 == *name) {
                *state = f64::NAN;
            }
        }
        self.given = given.to_vec();
        Ok(())
    }

    /// The number of steps that were made, which schedules read.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Sets the number of steps that were made, as when training goes on from a checkpoint.
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
        self.next.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The states by name that have left their start: what a checkpoint keeps beside the [step](Self::step).
    pub fn states(&self) -> Vec<(String, f64)> {
        let all = self.state_names().map(str::to_owned).zip(self.states.iter().copied());
        all.filter(|(_, value)| !value.is_nan()).collect()
    }

    /// Sets states by name; those that are not named go back to their start.
    ///
    /// # Errors
    /// When a name is none of a state, or a value is out of its range.
    pub fn set_states(&mut self, states: &[(String, f64)]) -> Result<(), SettingError> {
        let known: Vec<String> = self.state_names().map(str::to_owned).collect();
        if let Some((name, _)) = states.iter().find(|one| !known.contains(&one.0)) {
            return Err(SettingError::Unknown { loss: self.loss.name.clone(), name: name.clone(), known });
        }
        check(&self.loss, &[self.given.as_slice(), states].concat())?;
        for (to, name) in self.states.iter_mut().zip(&known) {
            let set = states.iter().find(|one| one.0 == *name);
            *to = set.map_or(f64::NAN, |one| one.1);
        }
        self.next.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// Goes on to the next step: the number of steps rises by 1, and states take the values that the last forward pass on
    /// an owned tape has found for them. Without one since the last step, they stay.
    pub fn advance(&mut self) {
        self.step += 1;
        let next = self.next.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (state, next) in self.states.iter_mut().zip(next.drain(..)) {
            *state = next;
        }
    }

    /// The hyperparameters at this step, in the order of the header.
    ///
    /// # Errors
    /// When one follows from the number of classes and is out of its range, or a schedule ends before this step.
    pub fn params(&self, classes: usize) -> Result<Vec<f64>, SettingError> {
        let given = [self.given.clone(), self.states()].concat();
        settings(&self.loss, &given, Moment { step: self.step, classes })
    }

    /// The names of the states, in the order of the header.
    pub(crate) fn state_names(&self) -> impl Iterator<Item = &str> {
        self.loss.graph.params.iter().filter(|param| param.state).map(|param| param.name.as_str())
    }

    /// Takes note of the next states, in the order of [`Loss::updates`].
    pub(crate) fn found(&self, found: &[f64]) {
        let params = self.loss.graph.params.iter().zip(0_u32..).filter(|(param, _)| param.state);
        let update = |at: u32| self.loss.updates.iter().position(|update| update.param == at);
        let next = params.map(|(_, at)| update(at).and_then(|at| found.get(at).copied()).unwrap_or(f64::NAN));
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next.collect();
    }
}

/// Are the names and values right, as far as can be told before a batch is there? What follows from the number of classes
/// or from the step can't.
fn check(loss: &Loss, given: &[(String, f64)]) -> Result<(), SettingError> {
    match settings(loss, given, Moment::start(2)) {
        Err(SettingError::Range { name, .. }) if given.iter().all(|one| one.0 != name) => Ok(()),
        Err(SettingError::Step { .. }) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}
