//! The file of a model, which is a checkpoint, too: named tensors in the safetensors format, and what they are in JSON.

use std::collections::HashMap;
use std::path::Path;

use marlo_data::write_atomically;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::network::Size;
use crate::plan::Plan;
use crate::trainer::{Epoch, Sums};

/// The number of this format.
const FORMAT: u32 = 1;
/// The name of the JSON among the file's metadata.
const KEY: &str = "marlo";

/// What a model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The number of the format.
    pub format: u32,
    /// The loss's name.
    pub loss: String,
    /// The loss's program, printed: what a checkpoint must have in common with the loss that goes on.
    pub program: String,
    /// The hyperparameters that were set.
    pub given: Vec<(String, f64)>,
    /// How it is trained.
    pub plan: Plan,
    /// The size of its network.
    pub size: Size,
    /// The name of each class, in the order of the class weights.
    pub classes: Vec<String>,
    /// The hash of the training data.
    pub data: String,
    /// Epochs that are complete.
    pub epoch: u64,
    /// Steps of the epoch after them.
    pub step: usize,
    /// What that epoch has summed up so far.
    pub sums: Sums,
    /// The steps of the head, which schedules of the loss read.
    pub head_step: u64,
    /// The states of the loss that have left their start.
    pub states: Vec<(String, f64)>,
    /// What was seen in each epoch.
    pub history: Vec<Epoch>,
}

/// The values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// Trained values and velocities.
    Single(Vec<f32>),
    /// Running statistics.
    Double(Vec<f64>),
}

/// Tensors by name, with their shapes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tensors(HashMap<String, (Vec<usize>, Values)>);

impl Tensors {
    pub(crate) fn put(&mut self, name: impl Into<String>, shape: Vec<usize>, values: Values) {
        self.0.insert(name.into(), (shape, values));
    }

    /// The number of values of a tensor, 0 where there is none.
    pub(crate) fn count(&self, name: &str) -> usize {
        match self.0.get(name) {
            Some((_, Values::Single(values))) => values.len(),
            Some((_, Values::Double(values))) => values.len(),
            None => 0,
        }
    }

    /// Takes a tensor out.
    pub(crate) fn single(&mut self, path: &Path, name: &str, count: usize) -> Result<Vec<f32>, TrainError> {
        match self.0.remove(name) {
            Some((_, Values::Single(values))) if values.len() == count => Ok(values),
            _ => Err(TrainError::Tensor { path: path.into(), name: name.into(), count }),
        }
    }

    pub(crate) fn double(&mut self, path: &Path, name: &str, count: usize) -> Result<Vec<f64>, TrainError> {
        match self.0.remove(name) {
            Some((_, Values::Double(values))) if values.len() == count => Ok(values),
            _ => Err(TrainError::Tensor { path: path.into(), name: name.into(), count }),
        }
    }
}

impl About {
    /// The number of the format that this program writes.
    pub(crate) fn format() -> u32 {
        FORMAT
    }
}

/// Writes a file whole or not at all: a full disk leaves the old one as it was.
pub(crate) fn write(path: &Path, about: &About, tensors: &Tensors) -> Result<(), TrainError> {
    let mut all: Vec<(&String, Dtype, &Vec<usize>, Vec<u8>)> = tensors
        .0
        .iter()
        .map(|(name, (shape, values))| match values {
            Values::Single(values) => {
                (name, Dtype::F32, shape, values.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Values::Double(values) => {
                (name, Dtype::F64, shape, values.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
        })
        .collect();
    // The same model is the same file.
    all.sort_by_key(|tensor| tensor.0);
    let views = all
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, (*shape).clone(), bytes)?)));
    let views: Vec<(&String, TensorView<'_>)> = views.collect::<Result<_, TrainError>>()?;
    let json =
        serde_json::to_string(about).map_err(|source| TrainError::Json { path: path.into(), source })?;
    let bytes = safetensors::serialize(views, &Some(HashMap::from([(KEY.to_owned(), json)])))?;
    write_atomically(path, &bytes).map_err(|source| TrainError::Write { path: path.into(), source })
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<(About, Tensors), TrainError> {
    let bytes = std::fs::read(path).map_err(|source| TrainError::Read { path: path.into(), source })?;
    let no_model = || TrainError::NoModel { path: path.into() };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|_| no_model())?;
    let json = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).ok_or_else(no_model)?;
    let about: About =
        serde_json::from_str(json).map_err(|source| TrainError::Json { path: path.into(), source })?;
    if about.format != FORMAT {
        return Err(TrainError::Format { path: path.into(), found: about.format, known: FORMAT });
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|_| no_model())?;
    let mut tensors = Tensors::default();
    for (name, view) in file.tensors() {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => Values::Single(numbers(data, f32::from_le_bytes)),
            Dtype::F64 => Values::Double(numbers(data, f64::from_le_bytes)),
            _ => return Err(no_model()),
        };
        tensors.put(name, view.shape().to_vec(), values);
    }
    Ok((about, tensors))
}

fn numbers<const N: usize, T>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect()
}
