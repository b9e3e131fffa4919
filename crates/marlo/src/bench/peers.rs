//! Other implementations of the same losses: Python programs, each run as a process of its own on the same arrays.
//!
//! The programs are those of `tests/peers`, or a folder of one's own: `peers.py --list WORKLOAD` prints a JSON array of
//! names; `peers.py --peer NAME --workload .. --loss .. --data FOLDER --threads N --budget SECONDS` loads the arrays and
//! prints an object: median_s, least_s, repetitions, memory_bytes, value (the loss of the batch), or else `skipped` with
//! the reason.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use marlo_data::array::{Array, Element, write_npy};
use serde_json::Value;

use super::{BenchError, Measurement, Work};

/// The programs that come with marlo.
const PROGRAMS: [(&str, &str); 4] = [
    ("peers.py", include_str!("../../../../tests/peers/peers.py")),
    ("harness.py", include_str!("../../../../tests/peers/harness.py")),
    ("jax_losses.py", include_str!("../../../../tests/peers/jax_losses.py")),
    ("torch_losses.py", include_str!("../../../../tests/peers/torch_losses.py")),
];

/// glibc's allocator, told to keep what was freed and to ask for huge pages: without that, most of a peer's time at large
/// sizes goes to pages that are given back and taken again in each step.
pub const TUNED: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456:glibc.malloc.hugetlb=1",
);

/// A folder with the inputs and the programs, which is removed in the end.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    programs: PathBuf,
}

impl Folder {
    /// Makes it, with the programs in it unless they stand in a folder of the user's.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn new(programs: Option<&Path>) -> Result<Folder, BenchError> {
        let path = std::env::temp_dir().join(format!("marlo-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| cannot_write(&path, &error))?;
        let folder = Folder { programs: programs.map_or(path.clone(), Path::to_path_buf), path };
        if programs.is_none() {
            for (name, text) in PROGRAMS {
                let file = folder.path.join(name);
                std::fs::write(&file, text).map_err(|error| cannot_write(&file, &error))?;
            }
        }
        Ok(folder)
    }

    /// Writes an array, `NAME.npy`.
    ///
    /// # Errors
    /// When the file can't be written, or the shape is not that of the array.
    pub fn put<T: Element>(&self, name: &str, shape: &[usize], array: &[T]) -> Result<(), BenchError> {
        let path = self.path.join(name).with_extension("npy");
        let written = Array::new(shape, array.to_vec()).and_then(|array| write_npy(&path, &array));
        written.map_err(|error| cannot_write(&path, &error))
    }

    /// Writes the class of each row, `labels.npy`.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn put_labels(&self, labels: &[usize]) -> Result<(), BenchError> {
        let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
        self.put("labels", &[labels.len()], &labels)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is the system's to tidy: it is the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn cannot_write(path: &Path, error: &dyn std::error::Error) -> BenchError {
    BenchError::Files { path: path.display().to_string(), reason: error.to_string() }
}

/// What a peer is asked to do.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The Python that runs it.
    pub python: &'a str,
    /// The inputs and programs.
    pub folder: &'a Folder,
    /// `rows` or `head`.
    pub workload: &'a str,
    /// The number of threads.
    pub threads: usize,
    /// Seconds to measure.
    pub budget: f64,
}

/// What a peer answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Its times, and its loss of the batch.
    Measured(Measurement, f64),
    /// It is not there, or does not have the loss: why.
    Skipped(String),
}

impl Request<'_> {
    fn run(&self, more: &[&str], tuned: bool) -> Result<Output, BenchError> {
        let mut command = Command::new(self.python);
        // No traces in a folder of the user's.
        command.arg(self.folder.programs.join("peers.py")).args(more).env("PYTHONDONTWRITEBYTECODE", "1");
        if tuned {
            command.env(TUNED.0, TUNED.1);
        }
        let failed = |error: std::io::Error| BenchError::Python {
            python: self.python.into(),
            reason: error.to_string(),
        };
        command.output().map_err(failed)
    }

    /// The peers that there are for the workload.
    ///
    /// # Errors
    /// When Python does not start, or the program does not answer.
    pub fn peers(&self) -> Result<Vec<String>, BenchError> {
        let output = self.run(&["--list", self.workload], false)?;
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).map_err(|_| BenchError::Peers {
            program: self.folder.programs.join("peers.py").display().to_string(),
            reason: last_line(&output),
        })
    }

    /// Lets a peer run, with the allocator [as it comes or tuned](TUNED).
    ///
    /// # Errors
    /// When Python does not start.
    pub fn ask(&self, peer: &str, loss: &str, work: Work, tuned: bool) -> Result<Answer, BenchError> {
        let (threads, budget) = (self.threads.to_string(), self.budget.to_string());
        let data = self.folder.path.display().to_string();
        let arguments = [
            "--peer",
            peer,
            "--workload",
            self.workload,
            "--loss",
            loss,
            "--data",
            &data,
            "--threads",
            &threads,
            "--budget",
            &budget,
        ];
        let output = self.run(&arguments, tuned)?;
        let name = if tuned { format!("{loss}, {peer}, tuned") } else { format!("{loss}, {peer}") };
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(answer(&text, &name, work).unwrap_or_else(|| Answer::Skipped(last_line(&output))))
    }
}

/// The answer in the last line that is an object.
fn answer(text: &str, name: &str, work: Work) -> Option<Answer> {
    let line = text.lines().rev().find(|line| line.starts_with('{'))?;
    let found: Value = serde_json::from_str(line).ok()?;
    if let Some(reason) = found["skipped"].as_str() {
        return Some(Answer::Skipped(reason.to_owned()));
    }
    let measurement = Measurement {
        name: name.to_owned(),
        work,
        median: found["median_s"].as_f64()?,
        fastest: found["least_s"].as_f64()?,
        repetitions: found["repetitions"].as_u64()? as usize,
        memory: found["memory_bytes"].as_u64(),
    };
    Some(Answer::Measured(measurement, found["value"].as_f64()?))
}

/// What a program said last, where it failed.
fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).map(str::trim);
    last.map_or_else(|| format!("no answer, {}", output.status), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let work = Work { cells: 8, bytes: 64, flops: 0 };
        let text = "a warning\n{\"median_s\": 0.5, \"least_s\": 0.25, \"repetitions\": 7, \"memory_bytes\": 9, \"value\": 1.5}\n";
        let Some(Answer::Measured(found, value)) = answer(text, "jax", work) else {
            panic!("it is an answer")
        };
        assert_eq!((found.median, found.fastest, found.repetitions, found.memory), (0.5, 0.25, 7, Some(9)));
        assert_eq!((found.work, value), (work, 1.5));
        let skipped = answer("{\"skipped\": \"no module named jax\"}", "jax", work);
        assert_eq!(skipped, Some(Answer::Skipped("no module named jax".into())));
        for nothing in ["", "no json", "{\"median_s\": 0.5", "{\"median_s\": \"fast\"}", "[1]"] {
            assert_eq!(answer(nothing, "jax", work), None, "{nothing}");
        }
    }

    #[test]
    fn a_python_that_is_not_there_is_an_error() {
        let folder = Folder::new(None).expect("temporary files can be written");
        folder.put("cosines", &[2, 3], &[0.5f32; 6]).expect("temporary files can be written");
        assert!(folder.put("cosines", &[2, 3], &[0.5f32; 5]).is_err());
        let path = folder.path.clone();
        assert!(path.join("cosines.npy").exists() && path.join("peers.py").exists());
        let request =
            Request { python: "no-such-python", folder: &folder, workload: "rows", threads: 1, budget: 0.1 };
        let message = request.peers().expect_err("there is none").to_string();
        assert!(message.contains("no-such-python") && message.contains("--python"), "{message}");
        drop(folder);
        assert!(!path.exists());
    }
}
