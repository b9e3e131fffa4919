//! The head as a collection of tensors, and as a file.

use std::path::Path;

use ::safetensors::serialize;
use ::safetensors::tensor::{Dtype as Stored, SafeTensors, TensorView};
use dfdx::prelude::*;
use dfdx::tensor::safetensors::SafeDtype;
use marlo_native::math::Real;

use crate::head::MarginHead;
use crate::progress::STATES;
use crate::{DfdxError, Element};

/// What a head becomes on another device or in another precision: its numbers, without the loss.
#[derive(Clone, Debug)]
pub struct HeadTensors<C: Dim, D: Dim, E: Dtype, Dev: Storage<E>> {
    /// The class weights, (C, d).
    pub weight: Tensor<(C, D), E, Dev>,
    /// The number of steps that were made.
    pub step: u64,
    /// The states that the loss has, in the order of its header; no number for one that is still at its start.
    pub states: [f64; STATES],
}

/// The fields of a head, for dfdx's visitors; `$step` and `$states` are paths from the collection.
macro_rules! collection {
    ($to:ident, $($step:ident).+, $($states:ident).+) => {
        type To<E2: Dtype, D2: Device<E2>> = HeadTensors<Const<C>, Const<D>, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, $to>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    // Resetting needs a seed, which a visitor has not: the weights stay.
                    Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_with(|_| Ok(()))),
                    Self::scalar("step", |s| &s.$($step).+, |s| &mut s.$($step).+, ScalarOptions::from_default(0)),
                    Self::scalar("state0", |s| &s.$($states).+[0], |s| &mut s.$($states).+[0], start()),
                    Self::scalar("state1", |s| &s.$($states).+[1], |s| &mut s.$($states).+[1], start()),
                    Self::scalar("state2", |s| &s.$($states).+[2], |s| &mut s.$($states).+[2], start()),
                    Self::scalar("state3", |s| &s.$($states).+[3], |s| &mut s.$($states).+[3], start()),
                ),
                |(weight, step, a, b, c, d)| HeadTensors { weight, step, states: [a, b, c, d] },
            )
        }
    };
}

/// A state that a file doesn't have is at its start.
fn start() -> ScalarOptions<f64> {
    ScalarOptions::from_default(f64::NAN)
}

impl<const C: usize, const D: usize, E: Element + Real> TensorCollection<E, Cpu>
    for MarginHead<Const<C>, Const<D>, E>
where
    Cpu: Device<E>,
{
    collection!(Cpu, progress.step, progress.states);
}

impl<const C: usize, const D: usize, E: Dtype, Dev: Device<E>> TensorCollection<E, Dev>
    for HeadTensors<Const<C>, Const<D>, E, Dev>
{
    collection!(Dev, step, states);
}

impl<C: Dim, D: Dim, E: Element + Real + SafeDtype> MarginHead<C, D, E> {
    /// Saves weights, step and states as a safetensors file, in the format in which dfdx saves a head of constant shape.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), DfdxError> {
        let bytes: Vec<u8> = self.weight.as_vec().into_iter().flat_map(SafeDtype::to_le_bytes).collect();
        let shape = vec![self.weight.shape().0.size(), self.weight.shape().1.size()];
        let numbers: Vec<(String, [u8; 8])> =
            std::iter::once(("step".into(), (self.progress.step as f64).to_le_bytes()))
                .chain((0..STATES).map(|at| (format!("state{at}"), self.progress.states[at].to_le_bytes())))
                .collect();
        let mut views = vec![("weight".to_owned(), TensorView::new(E::safe_dtype(), shape, &bytes)?)];
        for (name, number) in &numbers {
            views.push((name.clone(), TensorView::new(Stored::F64, Vec::new(), number)?));
        }
        let bytes = serialize(views, &None)?;
        let wrong = |source| DfdxError::File { path: path.as_ref().into(), source };
        // Beside it first, so that a full disk leaves the file that is there as it was.
        let folder = path.as_ref().parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(wrong)?;
        std::io::Write::write_all(&mut file, &bytes).map_err(wrong)?;
        file.as_file().sync_all().map_err(wrong)?;
        file.persist(path.as_ref()).map_err(|error| wrong(error.error))?;
        Ok(())
    }

    /// Loads what [`save`](Self::save) or dfdx has saved; nothing changes where that fails.
    ///
    /// # Errors
    /// When the file can't be read, is no safetensors file, or is one of another head.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), DfdxError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| DfdxError::File { path: path.into(), source })?;
        let file = SafeTensors::deserialize(&bytes)?;
        let damaged = |wanted: &str, found: String| DfdxError::Saved {
            path: path.into(),
            wanted: wanted.into(),
            found,
        };
        let number = |name: &str, start: f64| match file.tensor(name) {
            Ok(view) => match <[u8; 8]>::try_from(view.data()) {
                Ok(bytes) if view.dtype() == Stored::F64 => Ok(f64::from_le_bytes(bytes)),
                _ => Err(damaged(
                    "one F64 a state",
                    format!("{:?} {:?} as `{name}`", view.dtype(), view.shape()),
                )),
            },
            Err(_) => Ok(start),
        };
        let step = number("step", 0.0)?;
        if !(0.0..9e15).contains(&step) {
            return Err(damaged("a number of steps", format!("{step}")));
        }
        let values =
            (0..STATES).map(|at| number(&format!("state{at}"), f64::NAN)).collect::<Result<Vec<f64>, _>>()?;
        let names: Vec<String> = self.progress.state_names().map(str::to_owned).collect();
        let states: Vec<(String, f64)> =
            names.into_iter().zip(values).filter(|one| !one.1.is_nan()).collect();
        let view = file.tensor("weight")?;
        let wanted = [self.weight.shape().0.size(), self.weight.shape().1.size()];
        if view.shape() != wanted || view.dtype() != E::safe_dtype() {
            let found = format!("{:?} {:?}", view.dtype(), view.shape());
            return Err(DfdxError::Saved {
                path: path.into(),
                wanted: format!("{:?} {wanted:?}", E::safe_dtype()),
                found,
            });
        }
        let size = size_of::<E>();
        let values: Vec<E> =
            (0..view.data().len() / size).map(|at| E::from_le_bytes(view.data(), at * size)).collect();
        self.progress.set_states(&states)?;
        self.progress.set_step(step as u64);
        self.weight.copy_from(&values);
        Ok(())
    }
}
