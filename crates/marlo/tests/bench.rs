//! `marlo bench` as scripts see it: its workloads, its options, and peers that answer well or ill.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A program that stands in for Python.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/python");

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_marlo"));
    command.arg("bench").args(line.split_whitespace());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn run(line: &str) -> String {
    printed(&command(line).output().expect("the program starts"))
}

/// The objects that a run printed, by their names.
fn objects(text: &str) -> Vec<(String, Value)> {
    let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object a line"));
    objects.map(|object| (object["name"].as_str().expect("it has a name").to_owned(), object)).collect()
}

/// The first cells of a table's lines.
fn names(table: &str) -> Vec<&str> {
    let lines = table.lines().skip_while(|line| !line.starts_with("a step of"));
    lines.skip(1).filter_map(|line| line.split("  ").next()).collect()
}

#[test]
fn a_head_has_a_line_for_each_of_its_modes() {
    let line = "softmax --workload head --size 4,100,8 --repeat 2 --threads 1 --low-memory --filter 1e-3";
    let table = run(line);
    assert!(table.contains("\nhead: 4 × 100 × 8, f32, 1 thread\n"), "{table}");
    let wanted = ["multiply-adds", "softmax", "softmax, low memory", "softmax, filter 0.001"];
    assert_eq!(names(&table), wanted, "{table}");
    let found = objects(&run(&format!("{line} --json")));
    let (_, head) = found.iter().find(|(name, _)| name == "softmax").expect("it was measured");
    assert_eq!((&head["size"], &head["workload"]), (&serde_json::json!([4, 100, 8]), &"head".into()));
    assert!(head["flops_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{head}");
    assert!(head["to_multiply_adds"].as_f64().is_some_and(|ratio| ratio >= 1.0), "{head}");
}

#[test]
fn all_losses_are_relative_to_arcface() {
    let found = objects(&run("--all --size 2,20 --repeat 1 --threads 1 --json"));
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let first = names.iter().position(|name| *name == "arcface").expect("it is the first one");
    assert_eq!(names[..first], ["machine", "copy", "streaming copy", "exponentials"]);
    assert_eq!(names.len() - first, marlo::specs::ALL.len());
    assert_eq!(found[first].1["relative"], 1.0);
    assert!(found[first..].iter().all(|(_, object)| object["relative"].as_f64().is_some_and(|x| x > 0.0)));
}

#[test]
fn two_losses_of_a_name_are_refused() {
    let folder = folder("bench_names");
    let own = "loss softmax() { ce(softmax(logit[y], logit[k])) }";
    std::fs::write(folder.join("softmax.loss"), own).expect("written");
    for line in ["softmax softmax.loss", "softmax softmax"] {
        let output = command(line).current_dir(&folder).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("two of the losses are named `softmax`"));
    }
}

/// Without an adapter, not even a software one, that is what it says.
#[test]
fn a_gpu_is_named() {
    let output =
        command("softmax --backend wgpu --size 4,64 --repeat 3 --json").output().expect("the program starts");
    if !output.status.success() {
        let said = text(&output.stderr);
        assert!(said.starts_with("error: wgpu: no GPU adapter was found"), "{said}");
        return;
    }
    for (name, object) in objects(&printed(&output)) {
        assert!(object["adapter"].as_str().is_some_and(|adapter| !adapter.is_empty()), "{name}: {object}");
        assert_eq!((&object["repetitions"], &object["threads"]), (&3.into(), &Value::Null), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn peers_that_fail_are_left_out() {
    let temporary = folder("bench_temporary");
    // The loss of the batch is what a good peer says, too.
    let ours = marlo_loss();
    let run = |more: &str| {
        let line = format!("softmax arcface --size 4,100 --repeat 2 --threads 1 --seed 3 --peers {more}");
        let mut command = command(&line);
        command
            .args(["--python", PYTHON])
            .env("TMPDIR", &temporary)
            .env("MARLO_TEST_VALUE", ours.to_string());
        printed(&command.output().expect("the program starts"))
    };
    let table = run("");
    let (table, notes) = table.split_once("\nnote: ").expect("notes stand under the table");
    let wanted = [
        "softmax, good",
        "softmax, good, tuned",
        "softmax, other",
        "softmax, other, tuned",
        "softmax, nan",
        "softmax, nan, tuned",
        "softmax, floor",
        "softmax, floor, tuned",
        "arcface, other",
    ];
    let found = names(table);
    assert_eq!(found[..5], ["copy", "streaming copy", "exponentials", "softmax", "arcface"], "{table}");
    assert_eq!(found[5..14], wanted, "{table}");
    assert!(!table.contains("NaN") && !table.contains("timeless"), "{table}");
    assert!(!notes.contains("softmax, good"), "{notes}");
    for wanted in [
        "softmax, other: its loss of the batch is 1000000000, marlo's ",
        "softmax, nan: its loss of the batch is NaN, marlo's ",
        "softmax, floor: computes no loss",
        "softmax, timeless: not measured: its answer is no JSON: {\"median_s\": NaN",
        "softmax, raises: not measured: RuntimeError: out of memory",
        "softmax, silent: not measured: no answer, signal: 9 (SIGKILL)",
        "arcface, good: not measured: it has no such loss",
    ] {
        assert!(notes.contains(wanted), "{wanted}\n{notes}");
    }
    let found = objects(&run("--peer raises --peer good --json"));
    let of = |wanted: &str| &found.iter().find(|(name, _)| name == wanted).expect("it has a line").1;
    assert!(of("softmax, good, tuned")["relative"].as_f64().is_some_and(|ratio| ratio > 1.0));
    assert_eq!(of("softmax, raises")["note"], "not measured: RuntimeError: out of memory");
    assert!(run("--peer silent --markdown").contains("\n- softmax, silent: not measured: no answer"));
    let left = std::fs::read_dir(&temporary).expect("it is there").count();
    assert_eq!(left, 0, "nothing stays behind");
}

#[cfg(unix)]
#[test]
fn peers_that_are_not_there_are_refused() {
    let said = |line: &str, python: &str| {
        let line = format!("softmax --size 2,3 --peers {line} --python {python}");
        let output = command(&line).output().expect("the program starts");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "{line}");
        text(&output.stderr)
    };
    let unknown = said("--peer good --peer tensorflow", PYTHON);
    assert!(
        unknown.starts_with("error: --peer tensorflow: there is no such peer; there are good, other"),
        "{unknown}"
    );
    let mute = said("", "false");
    assert!(mute.contains("peers.py` does not list its peers: no answer, exit status: 1"), "{mute}");
}

/// The loss of softmax on the inputs of the test above.
#[cfg(unix)]
fn marlo_loss() -> f64 {
    use marlo::bench::inputs::Cosines;
    use marlo::bench::rows::{Case, buffers};
    let cosines = Cosines::draw(4, 100, 3);
    let loss = marlo::specs::compile("softmax").expect("it ships").loss;
    let library = marlo_native::Library::shipped();
    let mut case = Case::new(&loss, &cosines, &library, 3).expect("it reads nothing else");
    case.step(&buffers(1, 400)).expect("it fits")
}
