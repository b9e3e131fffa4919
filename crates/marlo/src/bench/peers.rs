//! Other implementations of the same losses: Python programs, each run as a process of its own on the same arrays.
//!
//! The programs are those of `tests/peers`, or a folder of one's own: `peers.py --list WORKLOAD` prints a JSON array of
//! names; `peers.py --peer NAME --workload .. --loss .. --data FOLDER --threads N --budget SECONDS` (or `--repeat STEPS`)
//! loads the arrays and prints an object: median_s, least_s, repetitions, memory_bytes, value (the loss of the batch; null
//! where there is no loss; a string such as "nan" where it is no number of JSON), or else `skipped` with the reason.
//!
//! A peer that fails in whatever way is [skipped](Answer::Skipped): it never ends the run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use marlo_data::array::{Array, Element, write_npy};
use serde_json::Value;
use tempfile::TempDir;

use super::{BenchError, Effort, Measurement, Work};

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

/// A folder with the inputs, the programs and what they keep for themselves. It is new, its user's alone, and removed in the
/// end.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
    programs: PathBuf,
}

impl Folder {
    /// Makes it, with the programs in it unless they stand in a folder of the user's.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn new(programs: Option<&Path>) -> Result<Folder, BenchError> {
        let folder = tempfile::Builder::new().prefix("marlo-bench-").tempdir();
        let folder = folder.map_err(|error| cannot_write(&std::env::temp_dir(), &error))?;
        if programs.is_none() {
            for (name, text) in PROGRAMS {
                let file = folder.path().join(name);
                std::fs::write(&file, text).map_err(|error| cannot_write(&file, &error))?;
            }
        }
        Ok(Folder { programs: programs.unwrap_or(folder.path()).to_path_buf(), folder })
    }

    /// Writes an array, `NAME.npy`.
    ///
    /// # Errors
    /// When the file can't be written, or the shape is not that of the array.
    pub fn put<T: Element>(&self, name: &str, shape: &[usize], array: &[T]) -> Result<(), BenchError> {
        let path = self.folder.path().join(name).with_extension("npy");
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
    /// How much is measured.
    pub effort: Effort,
}

/// What a peer answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Its times, and its loss of the batch, which may be NaN; none where it computes no loss.
    Measured(Measurement, Option<f64>),
    /// It is not there, does not have the loss, or failed: why.
    Skipped(String),
}

impl Request<'_> {
    fn run<S: AsRef<OsStr>>(&self, more: &[S], tuned: bool) -> Result<Output, BenchError> {
        let mut command = Command::new(self.python);
        command.arg(self.folder.programs.join("peers.py")).args(more);
        // No traces in a folder of the user's, nor anywhere of what torch.compile made.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("TORCHINDUCTOR_CACHE_DIR", self.folder.folder.path().join("inductor"));
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
    pub fn ask(&self, peer: &str, loss: &str, work: Work, tuned: bool) -> Answer {
        let threads = self.threads.to_string();
        let (how, much) = match self.effort {
            Effort::Budget(budget) => ("--budget", budget.as_secs_f64().to_string()),
            Effort::Repetitions(steps) => ("--repeat", steps.to_string()),
        };
        let words =
            ["--peer", peer, "--workload", self.workload, "--loss", loss, "--threads", &threads, how, &much];
        let mut arguments = words.map(OsStr::new).to_vec();
        arguments.extend([OsStr::new("--data"), self.folder.folder.path().as_os_str()]);
        let output = match self.run(&arguments, tuned) {
            Ok(output) => output,
            Err(error) => return Answer::Skipped(error.to_string()),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let answered = answer(&text, &line(loss, peer, tuned), work);
        answered.unwrap_or_else(|| Answer::Skipped(last_line(&output)))
    }
}

/// The name of a peer's line, tuned or not.
pub fn line(loss: &str, peer: &str, tuned: bool) -> String {
    format!("{loss}, {peer}{}", if tuned { ", tuned" } else { "" })
}

/// The answer in the last line that looks like an object; none where no line does.
fn answer(text: &str, name: &str, work: Work) -> Option<Answer> {
    let line = text.lines().rev().find(|line| line.starts_with('{'))?;
    let Ok(found) = serde_json::from_str::<Value>(line) else {
        return Some(Answer::Skipped(format!("its answer is no JSON: {line}")));
    };
    if let Some(reason) = found["skipped"].as_str() {
        return Some(Answer::Skipped(reason.to_owned()));
    }
    Some(
        measured(&found, name, work)
            .unwrap_or_else(|key| Answer::Skipped(format!("its answer gives no usable `{key}`: {line}"))),
    )
}

/// The measurement in an answer, or the key that is missing or makes no sense.
fn measured(found: &Value, name: &str, work: Work) -> Result<Answer, &'static str> {
    let seconds = |key| found[key].as_f64().filter(|seconds| *seconds > 0.0).ok_or(key);
    let value = match &found["value"] {
        Value::Null => None,
        Value::String(text) => Some(text.parse().map_err(|_| "value")?),
        number => Some(number.as_f64().ok_or("value")?),
    };
    let measurement = Measurement {
        name: name.to_owned(),
        work,
        median: seconds("median_s")?,
        fastest: seconds("least_s")?,
        repetitions: found["repetitions"].as_u64().ok_or("repetitions")? as usize,
        memory: found["memory_bytes"].as_u64(),
    };
    Ok(Answer::Measured(measurement, value))
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
        assert_eq!((found.work, value), (work, Some(1.5)));
        let skipped = answer("{\"skipped\": \"no module named jax\"}", "jax", work);
        assert_eq!(skipped, Some(Answer::Skipped("no module named jax".into())));
        for nothing in ["", "no json", "[1]"] {
            assert_eq!(answer(nothing, "jax", work), None, "{nothing}");
        }
    }

    #[test]
    fn answers_without_a_number_are_said() {
        let of = |median: &str, value: &str| {
            let text = format!(
                "{{\"median_s\": {median}, \"least_s\": 0.25, \"repetitions\": 7, \"value\": {value}}}"
            );
            answer(&text, "jax", Work::default()).expect("it is an object")
        };
        let value = |value: &str| match of("0.5", value) {
            Answer::Measured(_, value) => value,
            Answer::Skipped(reason) => panic!("{value}: {reason}"),
        };
        assert_eq!(value("null"), None, "a floor has no loss");
        assert!(value("\"nan\"").is_some_and(f64::is_nan));
        assert_eq!(value("\"inf\""), Some(f64::INFINITY));
        for (median, number, wanted) in [
            ("NaN", "1.5", "no JSON"),
            ("null", "1.5", "`median_s`"),
            ("\"nan\"", "1.5", "`median_s`"),
            ("0", "1.5", "`median_s`"),
            ("-1", "1.5", "`median_s`"),
            ("0.5", "NaN", "no JSON"),
            ("0.5", "\"many\"", "`value`"),
            ("0.5", "[1]", "`value`"),
        ] {
            let found = of(median, number);
            assert!(matches!(&found, Answer::Skipped(reason) if reason.contains(wanted)), "{found:?}");
        }
        assert!(matches!(answer("{\"median_s\": 0.5", "jax", Work::default()), Some(Answer::Skipped(_))));
    }

    #[test]
    fn a_python_that_is_not_there_is_an_error() {
        let folder = Folder::new(None).expect("temporary files can be written");
        folder.put("cosines", &[2, 3], &[0.5f32; 6]).expect("temporary files can be written");
        assert!(folder.put("cosines", &[2, 3], &[0.5f32; 5]).is_err());
        let path = folder.folder.path().to_path_buf();
        assert!(path.join("cosines.npy").exists() && path.join("peers.py").exists());
        let other = Folder::new(None).expect("temporary files can be written");
        assert_ne!(other.folder.path(), path, "two at once share nothing");
        let effort = Effort::Repetitions(1);
        let request =
            Request { python: "no-such-python", folder: &folder, workload: "rows", threads: 1, effort };
        let message = request.peers().expect_err("there is none").to_string();
        assert!(message.contains("no-such-python") && message.contains("--python"), "{message}");
        let asked = request.ask("jax", "arcface", Work::default(), false);
        assert!(matches!(&asked, Answer::Skipped(reason) if reason.contains("no-such-python")), "{asked:?}");
        drop(folder);
        assert!(!path.exists());
    }
}
