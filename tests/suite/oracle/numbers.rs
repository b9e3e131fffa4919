//! The published numbers: `../shared/oracle`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use marlo::data::array::{Array, Npz};
use serde_json::Value;

/// Inputs that every implementation was given, or failed on: docs/discrepancies.md says what each holds.
pub(super) const CASES: [&str; 12] =
    ["rand0", "rand1", "rand2", "easy", "hard", "exact", "ties", "c2", "c1", "onelabel", "b1", "norms"];

const WHOLE: &str = "the oracle is whole";

/// The folder and its index.
pub(super) struct Oracle {
    folder: PathBuf,
    variants: Vec<Value>,
}

impl Oracle {
    /// The oracle, or a word on standard error that it is not there.
    pub(super) fn find() -> Option<Oracle> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracle");
        if !folder.is_dir() {
            eprintln!("skipped: no oracle at {}", folder.display());
            return None;
        }
        let text = std::fs::read_to_string(folder.join("index.json")).expect(WHOLE);
        // A loss that came out as NaN stands there as Python writes it, which is no JSON.
        let index: Value = serde_json::from_str(&text.replace(": NaN", ": null")).expect(WHOLE);
        let variants = index["variants"].as_array().expect(WHOLE).clone();
        Some(Oracle { folder, variants })
    }

    /// The names of all implementations.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.variants.iter().filter_map(|v| v["name"].as_str().map(str::to_owned)).collect()
    }

    fn entry(&self, name: &str) -> &Value {
        let found = self.variants.iter().find(|v| v["name"] == name);
        found.unwrap_or_else(|| panic!("the oracle has no `{name}`"))
    }

    /// Where the code is: its repository, commit and file.
    pub(super) fn source(&self, name: &str) -> String {
        let entry = self.entry(name);
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let commit = text("commit");
        let hash = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
        let at = if hash { format!("@{}", &commit[..8]) } else { String::new() };
        format!("{}{at} {}", text("repo"), text("file"))
    }

    /// The results of an implementation: the twelve cases, then the sequences that carry a state.
    pub(super) fn results(&self, name: &str) -> Results {
        let entry = self.entry(name);
        let cases = entry["cases"].as_object().expect(WHOLE);
        let sequence = cases.keys().filter(|case| !CASES.contains(&case.as_str())).cloned();
        let mut order: Vec<String> = CASES.map(str::to_owned).to_vec();
        order.extend(sequence);
        let input = |case: &String| cases.get(case).and_then(|c| c["input"].as_str().map(str::to_owned));
        let file = Npz::open(self.folder.join(name).join("data.npz")).expect(WHOLE);
        let cases = order.into_iter().map(|case| (input(&case), case));
        let cases = cases.map(|(input, case)| (input.unwrap_or_else(|| case.clone()), case)).collect();
        Results { name: name.to_owned(), folder: self.folder.clone(), file, cases }
    }
}

/// What one implementation gave.
pub(super) struct Results {
    name: String,
    folder: PathBuf,
    file: Npz,
    /// The inputs and the name of each case.
    cases: Vec<(String, String)>,
}

impl Results {
    /// The names of its cases.
    pub(super) fn cases(&self) -> Vec<String> {
        self.cases.iter().map(|(_, case)| case.clone()).collect()
    }

    /// A case, unless the code failed on it.
    pub(super) fn case(&mut self, case: &str) -> Option<Case<'_>> {
        let input = self.cases.iter().find(|c| c.1 == case).map(|c| c.0.clone())?;
        self.file.names().contains(&format!("{case}.loss")).then_some(())?;
        let inputs = Inputs::read(&self.folder, &input);
        Some(Case { name: case.to_owned(), of: &self.name, inputs, file: &mut self.file })
    }
}

/// One case: its inputs and what came of them.
pub(super) struct Case<'a> {
    /// Its name.
    pub(super) name: String,
    /// The implementation's.
    pub(super) of: &'a str,
    /// The inputs.
    pub(super) inputs: Inputs,
    file: &'a mut Npz,
}

impl Case<'_> {
    /// Is it a step of a sequence?
    pub(super) fn in_sequence(&self) -> bool {
        self.step().is_some()
    }

    /// The number of the step in its sequence, from 0.
    pub(super) fn step(&self) -> Option<u32> {
        self.name.strip_prefix("seq")?.parse().ok()
    }

    /// Published numbers, whether whole or not, if there are any of that name.
    pub(super) fn numbers(&mut self, name: &str) -> Option<Vec<f64>> {
        let key = format!("{}.{name}", self.name);
        self.file.names().contains(&key).then_some(())?;
        let numbers = self.file.get::<f64>(&key).map(|array| array.data);
        let whole = |_| self.file.get::<i64>(&key).map(|a| a.data.iter().map(|&n| n as f64).collect());
        Some(numbers.or_else(whole).expect(WHOLE))
    }

    /// Published numbers that must be there.
    pub(super) fn wanted(&mut self, name: &str) -> Vec<f64> {
        self.numbers(name).unwrap_or_else(|| panic!("{} {}: there is no `{name}`", self.of, self.name))
    }
}

/// The inputs of a case.
#[derive(Clone)]
pub(super) struct Inputs {
    /// The embeddings, (B, D).
    pub(super) x: Array<f64>,
    /// The class weights, (C, D).
    pub(super) w: Array<f64>,
    /// The cosines, (B, C).
    pub(super) cos: Array<f64>,
    /// The class of each sample.
    pub(super) labels: Vec<i64>,
}

impl Inputs {
    fn read(folder: &Path, name: &str) -> Inputs {
        let mut file = Npz::open(folder.join(format!("inputs/{name}.npz"))).expect(WHOLE);
        let mut get = |name| file.get::<f64>(name).expect(WHOLE);
        let (x, w, cos) = (get("x"), get("W"), get("cos"));
        Inputs { x, w, cos, labels: file.get::<i64>("y").expect(WHOLE).data }
    }

    /// B.
    pub(super) fn batch(&self) -> usize {
        self.cos.shape[0]
    }

    /// Rows of W.
    pub(super) fn weights(&self) -> usize {
        self.cos.shape[1]
    }

    /// |x| of each sample.
    pub(super) fn norms(&self) -> Vec<f64> {
        self.x.rows().map(norm).collect()
    }

    /// |w| of each class.
    pub(super) fn sizes(&self) -> Vec<f64> {
        self.w.rows().map(norm).collect()
    }

    /// x·Wᵀ
    pub(super) fn logits(&self) -> Vec<f64> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        self.x.rows().flat_map(|x| self.w.rows().map(move |w| dot(x, w))).collect()
    }
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|x| x * x).sum::<f64>().sqrt()
}
