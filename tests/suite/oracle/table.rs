//! The table: `tests/oracle/*.toml`, read with an error for every word that it does not know.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

/// All of `tests/oracle`.
pub(super) struct Table {
    /// The comparisons, by file and in the order of each.
    pub(super) variants: Vec<Variant>,
    /// Shipped specs that no implementation covers, and why.
    pub(super) uncovered: BTreeMap<String, String>,
    /// The places where codes and papers disagree, by key.
    pub(super) discrepancies: BTreeMap<String, Discrepancy>,
}

/// A program with what it is given.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// A shipped spec, else a file in `tests/oracle/programs`.
    pub(super) program: String,
    /// Hyperparameters.
    pub(super) set: Vec<(String, Given)>,
    /// States, with the name under which the case has them: before the step as `NAME_before`, after it as `NAME_after`.
    pub(super) state: Vec<(String, String)>,
    /// The number of steps made before, for schedules.
    pub(super) step: Given,
    /// Inputs, one value a sample or a class: see `evaluate::source`.
    pub(super) inputs: Vec<(String, String)>,
    /// The labels, where the code made others of those in the inputs.
    pub(super) labels: Option<String>,
    /// At which weights the code took its gradient.
    pub(super) weights: Weights,
    /// The code's loss is that many times the program's.
    pub(super) times: Given,
}

/// A number that a case is given.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// That number, in every case.
    Number(f64),
    /// A name of the case's numbers, or `count`: 1, and in a sequence the number of the step, from 1.
    Named(String),
    /// That number over the number of classes, written `2 / classes`.
    OverClasses(f64),
}

/// At which weights the code took its gradient by W.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Weights {
    /// As they are given.
    Given,
    /// The code first divides them by their length, in place.
    Unit,
    /// That too, and its cosine is a plain product with them: the gradient is not projected on the sphere.
    Unprojected,
}

/// An implementation and the program that must agree with it.
pub(super) struct Variant {
    /// The implementation's folder.
    pub(super) oracle: String,
    /// The program.
    pub(super) run: Run,
    /// The spec that the program is in all but the number of centres, which a program alone can change.
    pub(super) covers: Option<String>,
    /// Inputs whose gradient was published, with the name of it.
    pub(super) gradients: Vec<(String, String)>,
    /// Hyperparameters whose schedule gives a value that was published, with the name of it.
    pub(super) schedules: Vec<(String, String)>,
    /// Where the two differ.
    pub(super) differs: Vec<Place>,
    /// The keys of the disagreements with the paper that this code shows.
    pub(super) discrepancies: Vec<String>,
}

/// The part of an implementation's results that a program does not have to agree with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// The case as a whole.
    Case(String),
    /// The loss in a case.
    Loss(String),
    /// Numbers of that name in every case.
    Numbers(String),
    /// Entries where the code gives NaN or an infinity: there ours must be finite.
    NotFinite,
    /// Digits below that relative size: the code computes in less than f64.
    Digits(f64),
    /// Digits in f32, where the program's own form loses more of them: by that factor.
    Single(f64),
}

/// A place where published code and paper, or two codes, disagree.
pub(super) struct Discrepancy {
    /// The key of its group on the page.
    pub(super) group: String,
    /// The loss.
    pub(super) loss: String,
    /// What the paper, or the first code, says.
    pub(super) paper: String,
    /// What the code, or the second, does.
    pub(super) code: String,
    /// Where it was read, if no comparison says so.
    pub(super) source: Option<String>,
    /// The paper's program, measured against the numbers of the implementations that name this.
    pub(super) against: Option<Run>,
    /// Two programs, measured against each other.
    pub(super) sides: Option<(Run, Run)>,
    /// Cases that are measured, if not all.
    pub(super) cases: Vec<String>,
    /// What else there is to say of the size.
    pub(super) note: Option<String>,
}

impl Discrepancy {
    /// Is there something to measure?
    pub(super) fn measured(&self) -> bool {
        self.against.is_some() || self.sides.is_some()
    }
}

impl Table {
    /// Reads all of it.
    pub(super) fn read() -> Table {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle");
        let mut paths: Vec<_> = std::fs::read_dir(&folder)
            .expect("tests/oracle is there")
            .map(|entry| entry.expect("tests/oracle can be listed").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        paths.sort();
        let mut table =
            Table { variants: vec![], uncovered: BTreeMap::new(), discrepancies: BTreeMap::new() };
        let mut reasons = BTreeMap::new();
        let files: Vec<Fields> = paths.iter().map(|path| Fields::of_file(path)).collect();
        let mut rest = Vec::new();
        for mut file in files {
            reasons.extend(file.tables("reason").map(|(name, fields)| (name, places(fields))));
            rest.push(file);
        }
        for mut file in rest {
            table.uncovered.extend(file.strings::<Vec<_>>("uncovered"));
            let found = file.tables("discrepancy").map(|(key, fields)| (key, discrepancy(fields)));
            table.discrepancies.extend(found.collect::<Vec<_>>());
            let variants = file.list("variant").into_iter();
            let variants = variants.map(|v| variant(Fields::of(v, &file.place), &reasons));
            table.variants.extend(variants.collect::<Vec<_>>());
            file.end();
        }
        for variant in &table.variants {
            for key in &variant.discrepancies {
                assert!(table.discrepancies.contains_key(key), "{}: no discrepancy `{key}`", variant.oracle);
            }
        }
        table
    }

    /// Every program that is named.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        let measured = self
            .discrepancies
            .values()
            .flat_map(|d| d.against.iter().chain(d.sides.iter().flat_map(|(left, right)| [left, right])));
        self.variants.iter().map(|variant| &variant.run).chain(measured)
    }
}

fn variant(mut fields: Fields, reasons: &BTreeMap<String, Vec<Place>>) -> Variant {
    let oracle = fields.text("oracle");
    fields.place = format!("{}: {oracle}", fields.place);
    let differs = fields.list("differs").into_iter().flat_map(|value| match value {
        Value::String(name) => {
            reasons.get(&name).cloned().unwrap_or_else(|| panic!("{}: no reason `{name}`", fields.place))
        }
        value => places(Fields::of(value, &fields.place)),
    });
    let differs = differs.collect();
    let found = Variant {
        oracle,
        run: run(&mut fields),
        covers: fields.optional("covers"),
        gradients: fields.strings("gradients"),
        schedules: fields.strings("schedules"),
        differs,
        discrepancies: fields.words("discrepancies"),
    };
    // For the reader alone.
    fields.optional("note");
    fields.end();
    found
}

fn run(fields: &mut Fields) -> Run {
    let set = fields.table("set").into_iter().map(|(name, value)| (name, given(&value))).collect();
    let weights = match fields.optional("weights").as_deref() {
        None => Weights::Given,
        Some("unit") => Weights::Unit,
        Some("unprojected") => Weights::Unprojected,
        Some(other) => panic!("{}: weights are not `{other}`", fields.place),
    };
    Run {
        program: fields.text("program"),
        set,
        state: fields.strings("state"),
        step: fields.take("step").map_or(Given::Number(0.0), |value| given(&value)),
        inputs: fields.strings("inputs"),
        labels: fields.optional("labels"),
        weights,
        times: fields.take("times").map_or(Given::Number(1.0), |value| given(&value)),
    }
}

fn given(value: &Value) -> Given {
    let parsed = |text: &str| text.strip_suffix(" / classes").and_then(|over| over.parse().ok());
    match value {
        Value::String(text) => parsed(text).map_or_else(|| Given::Named(text.clone()), Given::OverClasses),
        value => Given::Number(number(value).unwrap_or_else(|| panic!("{value:?} is no number"))),
    }
}

/// Places, with the reason that they must have.
fn places(mut fields: Fields) -> Vec<Place> {
    assert!(!fields.text("why").is_empty(), "{}: a difference without its reason", fields.place);
    let place = fields.text("where");
    let (kind, rest) = place.split_once(' ').unwrap_or((&place, ""));
    let number = || rest.parse().unwrap_or_else(|_| panic!("`{rest}` is no number"));
    let each = |place: fn(String) -> Place| rest.split(' ').map(str::to_owned).map(place).collect();
    let found = match kind {
        "case" => each(Place::Case),
        "loss" => each(Place::Loss),
        "numbers" => each(Place::Numbers),
        "infinite" => vec![Place::NotFinite],
        "single" => vec![Place::Single(number())],
        "digits" => vec![Place::Digits(number())],
        _ => panic!("{}: `{place}` is no place", fields.place),
    };
    fields.end();
    found
}

fn discrepancy(mut fields: Fields) -> Discrepancy {
    let mut side = |name: &str| {
        let value = fields.take(name)?;
        let mut side = Fields::of(value, &fields.place);
        let found = run(&mut side);
        side.end();
        Some(found)
    };
    let (against, left, right) = (side("against"), side("left"), side("right"));
    let found = Discrepancy {
        group: fields.text("group"),
        loss: fields.text("loss"),
        paper: fields.text("paper"),
        code: fields.text("code"),
        source: fields.optional("source"),
        against,
        sides: left.zip(right),
        cases: fields.words("cases"),
        note: fields.optional("note"),
    };
    fields.end();
    found
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// A table of a file as it is used up.
struct Fields {
    place: String,
    left: toml::Table,
}

impl Fields {
    fn of_file(path: &Path) -> Fields {
        let place = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(path).expect("tests/oracle can be read");
        let left = text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
        Fields { place, left }
    }

    fn of(value: Value, place: &str) -> Fields {
        match value {
            Value::Table(left) => Fields { place: place.to_owned(), left },
            other => panic!("{place}: {other:?} is no table"),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name)
    }

    fn optional(&mut self, name: &str) -> Option<String> {
        let text = |value| match value {
            Value::String(text) => text,
            other => panic!("{}: `{name}` is {other:?}, no text", self.place),
        };
        self.left.remove(name).map(text)
    }

    fn text(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| panic!("{}: there is no `{name}`", self.place))
    }

    fn list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            Some(Value::Array(values)) => values,
            Some(other) => panic!("{}: `{name}` is {other:?}, no list", self.place),
            None => vec![],
        }
    }

    fn words(&mut self, name: &str) -> Vec<String> {
        let word = |value: Value| value.as_str().map(str::to_owned).expect("a list of words");
        self.list(name).into_iter().map(word).collect()
    }

    fn table(&mut self, name: &str) -> toml::Table {
        match self.take(name) {
            Some(Value::Table(table)) => table,
            Some(other) => panic!("{}: `{name}` is {other:?}, no table", self.place),
            None => toml::Table::new(),
        }
    }

    fn tables(&mut self, name: &str) -> impl Iterator<Item = (String, Fields)> + use<> {
        let place = self.place.clone();
        self.table(name).into_iter().map(move |(key, value)| {
            let fields = Fields::of(value, &format!("{place}: {key}"));
            (key, fields)
        })
    }

    fn strings<C: FromIterator<(String, String)>>(&mut self, name: &str) -> C {
        let text = |(key, value): (String, Value)| {
            let text = value.as_str().unwrap_or_else(|| panic!("`{key}` is no text")).to_owned();
            (key, text)
        };
        self.table(name).into_iter().map(text).collect()
    }

    /// Nothing may be left that nobody asked for.
    fn end(self) {
        assert!(self.left.is_empty(), "{}: {:?} means nothing", self.place, self.left);
    }
}
