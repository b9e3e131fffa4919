//! The program as scripts see it: output, messages, exit codes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use marlo::data::array::{Array, Npz, write_npy};

/// A folder of this test's own, with good and bad arrays in it.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let write = |file: &str, shape: &[usize], data: &[f64]| {
        write_npy(folder.join(file), &Array::new(shape, data.to_vec()).expect("the shape fits"))
            .expect("written");
    };
    write("good.npy", &[2, 3], &[0.9, 0.1, -0.2, 0.3, 0.5, 0.4]);
    write("nan.npy", &[2, 3], &[0.9, f64::NAN, -0.2, 0.3, 0.5, 0.4]);
    write("infinite.npy", &[2, 3], &[0.9, 0.1, -0.2, 0.3, f64::INFINITY, 0.4]);
    write("beyond.npy", &[2, 3], &[0.9, 0.1, -0.2, 0.3, 0.5, 1.1]);
    write("flat.npy", &[6], &[0.9, 0.1, -0.2, 0.3, 0.5, 0.4]);
    write("empty.npy", &[0, 3], &[]);
    write("single.npy", &[2, 1], &[0.9, 0.1]);
    write("real_labels.npy", &[2], &[0.0, 1.0]);
    let labels = |file: &str, data: &[i64]| {
        write_npy(folder.join(file), &Array::new([data.len()], data.to_vec()).expect("the shape fits"))
            .expect("written");
    };
    labels("labels.npy", &[0, 1]);
    labels("three.npy", &[0, 1, 2]);
    labels("outside.npy", &[0, 3]);
    labels("negative.npy", &[-1, 0]);
    labels("none.npy", &[]);
    labels("zeros.npy", &[0, 0]);
    let bytes = std::fs::read(folder.join("good.npy")).expect("just written");
    std::fs::write(folder.join("truncated.npy"), &bytes[..bytes.len() - 9]).expect("written");
    std::fs::write(folder.join("text.npy"), "not an array").expect("written");
    std::fs::write(
        folder.join("bad.loss"),
        "loss bad(s: Scale = 64) {\n    ce(softmax(s * (theta[y] + cos[y]), s * cos[k]))\n}\n",
    )
    .expect("written");
    std::fs::write(
        folder.join("norm.loss"),
        "loss norm(norm[i]: Norm) {\n    ce(softmax(norm[i] * cos[y], norm[i] * cos[k]))\n}\n",
    )
    .expect("written");
    write("two.npy", &[2], &[1.0, 2.0]);
    write("below.npy", &[2], &[1.0, -2.0]);
    let header = format!("{{'descr': {}'<f8'{}, }}", "[".repeat(40), "]".repeat(40));
    let mut nested = b"\x93NUMPY\x01\x00".to_vec();
    nested.extend((header.len() as u16).to_le_bytes());
    nested.extend(header.bytes());
    std::fs::write(folder.join("nested.npy"), nested).expect("written");
    for (file, text) in [
        ("misnamed.loss", "loss other() { ce(softmax(logit[y], logit[k])) }".as_bytes()),
        ("uses_other.loss", b"use misnamed\nloss uses_other() { misnamed() }"),
        ("inputs.loss", INPUTS.as_bytes()),
        ("memory.loss", MEMORY.as_bytes()),
        ("centres.loss", CENTRES.as_bytes()),
        ("hyper.loss", b"loss hyper(norm: Norm) { ce(softmax(norm * cos[y], norm * cos[k])) }"),
        ("other.json", br#"{"loss": "arcface", "classes": 3, "step": 4, "states": {"t": 0.5}}"#),
        ("wide.json", br#"{"loss": "memory", "classes": 4, "step": 4, "states": {"t": 0.5}}"#),
        ("names.json", br#"{"loss": "memory", "classes": 3, "step": 4, "states": {"u": 0.5}}"#),
        ("range.json", br#"{"loss": "memory", "classes": 3, "step": 4, "states": {"t": 5}}"#),
        ("half.json", br#"{"loss": "memory", "classes": 3, "sta"#),
        ("null.json", br#"{"loss": "memory", "classes": 3, "step": 4, "states": {"t": null}}"#),
        ("broken.loss", b"\xff\xfe"),
        ("uses_broken.loss", b"use broken\nloss uses_broken() { broken() }"),
    ] {
        std::fs::write(folder.join(file), text).expect("written");
    }
    folder
}

const INPUTS: &str = "loss inputs(norm[i]: Norm, prior[k]: Prob total 1, margin[k]: Cosine in 0..0.5) {
    ce(softmax(norm[i] * (cos[y] - margin[y]) + ln(prior[y]), norm[i] * cos[k] + ln(prior[k])))
}
";
const MEMORY: &str = "loss memory(s: Scale = anneal(16, 64, 10) in 1..64, noise[i]: Real ~ normal(0, 1)) {
    state t: Real = 0 in -1..1 then 0.5 * t + 0.5 * mean[i](cos[y])
    ce(softmax(s * (cos[y] - 0.1 * t - 0.01 * noise[i]), s * cos[k]))
}
";
const CENTRES: &str = "loss centres(s: Scale = 64, centres: Count = 2) {
    ce(softmax(s * max[r](cos[y, r]), s * max[r](cos[k, r])))
}
";

fn marlo(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_marlo"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bad input, a command a line, with what it says and its exit code.
#[test]
fn bad_input() {
    let folder = folder("bad_input");
    let lines = include_str!("bad_input.txt");
    let mut out = String::new();
    for line in lines.lines().filter(|l| !l.is_empty()) {
        let output = marlo(&folder, line);
        let said = text(&output.stderr);
        assert!(!said.contains("panicked"), "marlo {line}\n{said}");
        assert!(output.stdout.is_empty(), "marlo {line} printed a result");
        let _ = writeln!(out, "$ marlo {line}\n{said}[exit {}]\n", output.status.code().unwrap_or(-1));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn eval_writes_the_result() {
    let folder = folder("eval");
    for (backend, dtype) in [
        ("reference", "f32"),
        ("reference", "f64"),
        ("dfdx", "f32"),
        ("dfdx", "f64"),
        ("native", "f32"),
        ("native", "f64"),
    ] {
        let line = format!(
            "eval mv_arc_adaptive --cosines good.npy --labels labels.npy --set s=64 --backend {backend} --dtype {dtype} --out r.npz"
        );
        let output = marlo(&folder, &line);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON summary");
        assert_eq!(summary["settings"]["s"], 64.0);
        assert_eq!(summary["samples"], 2);
        let mut result = Npz::open(folder.join("r.npz")).expect("the result was written");
        let mut shapes = Vec::new();
        for name in ["loss", "mean_loss", "dcos"] {
            shapes.push(if dtype == "f32" {
                result.get::<f32>(name).expect("the array is there").shape
            } else {
                result.get::<f64>(name).expect("the array is there").shape
            });
        }
        assert_eq!(shapes, [vec![2], vec![], vec![2, 3]]);
    }
}

/// What `marlo eval` prints.
fn summary(folder: &Path, line: &str) -> serde_json::Value {
    let output = marlo(folder, line);
    assert!(output.status.success(), "marlo {line}\n{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON summary")
}

#[test]
fn rows_in_the_command_line_are_as_those_of_a_file() {
    let folder = folder("rows");
    let typed =
        summary(&folder, "eval arcface --row 0.9,0.1,-0.2 --label 0 --row=0.3,0.5,0.4 --label=1 --out t.npz");
    summary(&folder, "eval arcface --cosines good.npy --labels labels.npy --out f.npz");
    let (mut t, mut f) = (folder.join("t.npz"), folder.join("f.npz"));
    let [mut t, mut f] = [&mut t, &mut f].map(|path| Npz::open(path).expect("the result was written"));
    let [losses, gradient] = ["loss", "dcos"].map(|name| {
        let [typed, read] = [&mut t, &mut f].map(|file| file.get::<f64>(name).expect("the array is there"));
        assert_eq!(typed, read, "{name}");
        typed
    });
    assert_eq!(typed["dtype"], "f64");
    assert_eq!(typed["losses"], serde_json::json!(losses.data));
    assert_eq!(typed["gradient"], serde_json::json!(gradient.rows().collect::<Vec<_>>()));
    // More than 64 numbers nobody reads.
    let many = ["0.1"; 65].join(",");
    let long = summary(&folder, &format!("eval arcface --row={many} --label=64"));
    assert_eq!(long["classes"], 65);
    assert!(long.get("gradient").is_none());
    let narrow = summary(&folder, "eval softmax --row=-7,700 --label=0 --dtype f32");
    assert_eq!(narrow["losses"], serde_json::json!([707.0]));
}

#[test]
fn an_input_is_a_file_or_else_numbers() {
    let folder = folder("inputs");
    let with = |norm: &str| {
        summary(&folder, &format!("eval norm.loss --row=0.9,0.1 --label=0 --row=0.3,0.5 --label=1 {norm}"))
    };
    let read = with("--input norm=two.npy");
    let typed = with("--input norm=1,2");
    assert_eq!(read["losses"], typed["losses"]);
    std::fs::copy(folder.join("two.npy"), folder.join("7,7")).expect("written");
    assert_eq!(with("--input norm=7,7")["losses"], read["losses"], "the file goes first");
    assert_ne!(with("--input norm=7,7.0")["losses"], read["losses"]);
}

/// States, further derivatives, inputs of rows and classes, several centres, in both precisions.
#[test]
fn native_gives_what_the_reference_gives() {
    let folder = folder("native");
    let lines = [
        "eval memory.loss --row=0.9,0.1,-0.2 --label=0 --row=0.3,0.5,0.4 --label=1 --grad s,noise --step 3",
        "eval inputs.loss --row=0.9,0.1,-0.2 --label=0 --row=0.3,0.5,0.4 --label=2 --input norm=0.5,2 --input prior=0.2,0.3,0.5 --input margin=0.1,0.2,0.3 --grad prior,norm",
        "eval centres.loss --row=0.9,0.1,-0.2,0.4 --label=0 --row=0.3,0.5,0.4,0.6 --label=1",
        "eval softmax --row=30,-40,1e4 --label=1",
        "eval arcface --row=1 --label=0",
    ];
    for line in lines {
        for (dtype, allowed) in [("f32", 1e-6), ("f64", 1e-12)] {
            let by = |backend| summary(&folder, &format!("{line} --dtype {dtype} --backend {backend}"));
            let (reference, native) = (by("reference"), by("native"));
            assert_eq!((&native["backend"], &native["dtype"]), (&"native".into(), &dtype.into()));
            for key in ["mean_loss", "losses", "gradient", "gradient_by", "states"] {
                close(&reference[key], &native[key], allowed, &format!("{line}, {dtype}: {key}"));
            }
        }
    }
}

/// The same numbers in the same places, relative to max(1, number).
fn close(wanted: &serde_json::Value, found: &serde_json::Value, allowed: f64, place: &str) {
    use serde_json::Value;
    match (wanted, found) {
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            a.iter().zip(b).for_each(|(a, b)| close(a, b, allowed, place));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{place}");
            a.values().zip(b.values()).for_each(|(a, b)| close(a, b, allowed, place));
        }
        (Value::Number(_), Value::Number(_)) => {
            let [a, b] = [wanted, found].map(|number| number.as_f64().expect("a number"));
            assert!((a - b).abs() <= allowed * a.abs().max(1.0), "{place}: {b}, not {a}");
        }
        _ => assert_eq!(wanted, found, "{place}"),
    }
}

#[test]
fn what_a_step_depends_on_and_leaves_is_in_the_summary() {
    let folder = folder("steps");
    let with = |more: &str| {
        summary(&folder, &format!("eval memory.loss --cosines good.npy --labels labels.npy {more}"))
    };
    let first = with("");
    assert_eq!((&first["step"], &first["seed"]), (&0.into(), &0.into()));
    let state = |found: &serde_json::Value| found["states"]["t"].as_f64().expect("a state");
    assert!((state(&first) - 0.35).abs() < 1e-12, "{first}");
    assert!((state(&with("--set t=0.5 --backend dfdx")) - 0.6).abs() < 1e-12);
    assert!((state(&with("--set t=0.5 --backend native")) - 0.6).abs() < 1e-12);
    let later = with("--step 3 --seed 7");
    assert_eq!((&later["step"], &later["seed"]), (&3.into(), &7.into()));
    let given = with("--input noise=0,0 --set s=32");
    assert!(given.get("step").is_none() && given.get("seed").is_none(), "nothing depends on them: {given}");
    let plain = summary(&folder, "eval arcface --cosines good.npy --labels labels.npy");
    assert!(plain.get("states").is_none() && plain.get("step").is_none());
}

#[test]
fn every_topic_is_found_and_named() {
    let folder = folder("topics");
    let long = text(&marlo(&folder, "--help").stdout);
    for topic in ["language", "kinds", "shapes", "functions", "steps", "numbers", "backends", "arrays"] {
        assert!(long.contains(topic), "{topic}");
        assert!(marlo(&folder, &format!("help {topic}")).status.success(), "{topic}");
    }
    for (asked, found) in
        [("state", "steps"), ("schedules", "steps"), ("centres", "shapes"), ("inputs", "language")]
    {
        let [asked, found] = [asked, found].map(|topic| marlo(&folder, &format!("help {topic}")).stdout);
        assert_eq!(text(&asked), text(&found));
    }
}

#[test]
fn a_single_class_is_legal_and_warned_of() {
    let folder = folder("single");
    let output = marlo(&folder, "eval arcface --cosines single.npy --labels zeros.npy --out r.npz");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("single class"));
    let mut result = Npz::open(folder.join("r.npz")).expect("the result was written");
    assert_eq!(result.get::<f64>("dcos").expect("the gradient is there").data, [0.0, 0.0]);
    assert_eq!(result.get::<f64>("mean_loss").expect("the loss is there").data, [0.0]);
}

#[test]
fn a_missing_adapter_is_said_and_the_rest_runs() {
    let folder = folder("adapter");
    let output = Command::new(env!("CARGO_BIN_EXE_marlo"))
        .args(["eval", "cosface", "--cosines", "good.npy", "--labels", "labels.npy", "--backend", "all"])
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .env("VK_ICD_FILENAMES", "/nonexistent.json")
        .env("WGPU_BACKEND", "vulkan")
        .current_dir(&folder)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("mesa-vulkan-drivers"), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON summary");
    assert_eq!(summary["agree"], true);
    assert!(summary["backends"]["wgpu f32"]["skipped"].is_string());
}

#[test]
fn good_output() {
    let folder = folder("good");
    std::fs::write(folder.join("own.loss"), "loss own(s:Scale=64) { ce(softmax(s*cos[y],s*cos[k])) }")
        .expect("written");
    let mut out = String::new();
    for line in [
        "list",
        "check mv_arc_adaptive arcface_fallback ohem_share",
        "derive sv_arc",
        "help kinds",
        "fmt own.loss",
        "check own.loss",
    ] {
        let output = marlo(&folder, line);
        assert!(output.status.success(), "marlo {line}\n{}", text(&output.stderr));
        let _ = writeln!(out, "$ marlo {line}\n{}", text(&output.stdout));
    }
    let formatted = std::fs::read_to_string(folder.join("own.loss")).expect("the file is there");
    let _ = writeln!(out, "own.loss after fmt:\n{formatted}");
    insta::assert_snapshot!(out);
}

const WRONG: &str = "loss wrong(s: Scale = 64 in 1..128, m: Angle = 0.5 in 0..pi/2) {
    ce(softmax(s * cos(theta[y] + m), s * cos[k]))
}

law m = 0 => cosface(s, 0)
law       => arcface(s, m + 0.001)
prove finite, pulls_target
";

/// What is refuted ends in exit code 1 and in a command that shows it.
#[test]
fn a_counterexample_can_be_replayed() {
    let folder = folder("verify");
    std::fs::write(folder.join("wrong.loss"), WRONG).expect("written");
    let found = marlo(&folder, "verify wrong.loss --cases 26 --json");
    assert_eq!(found.status.code(), Some(1), "{}", text(&found.stderr));
    let report: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    let line = |claim: &str| {
        let lines = report["lines"].as_array().expect("lines");
        lines.iter().find(|line| line["claim"] == claim).unwrap_or_else(|| panic!("{claim}")).clone()
    };
    assert_eq!(line("finite")["verdict"], "proved");
    assert_eq!(line("law m = 0 => cosface(s, 0)")["verdict"], "proved");
    assert!(line("law m = 0 => cosface(s, 0)")["proof"].as_array().is_some_and(|steps| !steps.is_empty()));
    assert_eq!(line("law => arcface(s, m + 0.001)")["verdict"], "refuted");
    let claim = line("pulls_target");
    assert_eq!(claim["verdict"], "refuted");
    let replay =
        claim["replay"].as_str().expect("a command").strip_prefix("marlo ").expect("of marlo").to_owned();
    let shown = summary(&folder, &replay);
    let gradient = shown["gradient"][0][0].as_f64().expect("a gradient");
    assert!(gradient > 0.0, "{shown}");
}

#[test]
fn equal_losses_are_told_from_others() {
    let folder = folder("equiv");
    std::fs::write(folder.join("wrong.loss"), WRONG).expect("written");
    let run = |line: &str| {
        let found = marlo(&folder, line);
        (found.status.code(), text(&found.stdout))
    };
    let (code, said) = run("equiv mv_arc_adaptive arcface --when t=0 --steps 0");
    assert_eq!(code, Some(0));
    assert!(
        said.starts_with("where t = 0: mv_arc_adaptive = arcface(s: s, m: m)\n  proved: normal form; "),
        "{said}"
    );
    assert_eq!(run("equiv wrong.loss arcface").0, Some(0));
    assert_eq!(run("equiv arcface wrong.loss --json").0, Some(0));
    let (code, said) = run("equiv arcface cosface");
    assert_eq!(code, Some(1));
    assert!(said.contains("REFUTED") && said.contains("marlo eval arcface --row="), "{said}");
    let (code, said) = run("equiv arcface_straight_through arcface");
    assert_eq!(code, Some(1));
    assert!(said.contains("the losses are equal, their gradients are not"), "{said}");
}

#[test]
fn without_an_adapter_the_rest_is_verified() {
    let folder = folder("verify_no_gpu");
    let found = Command::new(env!("CARGO_BIN_EXE_marlo"))
        .args(["verify", "normface", "--cases", "13"])
        .current_dir(&folder)
        .env("VK_ICD_FILENAMES", "/nowhere")
        .env("VK_DRIVER_FILES", "/nowhere")
        .output()
        .expect("the program starts");
    assert!(found.status.success(), "{}", text(&found.stderr));
    assert!(text(&found.stderr).contains("the shader is not tried"), "{}", text(&found.stderr));
    assert!(!text(&found.stdout).contains("wgpu"));
}

#[test]
fn a_bench_prints_a_table_of_each_loss() {
    let folder = folder("bench");
    let run = |line: &str| {
        let output = marlo(&folder, line);
        assert!(output.status.success(), "marlo {line}\n{}", text(&output.stderr));
        text(&output.stdout).to_string()
    };
    let first = |line: &str| line.split("  ").next().unwrap_or_default().to_owned();
    let table = run("bench --size 4,100 --repeat 2 --threads 1 --interpret");
    let names: Vec<String> = table.lines().skip_while(|line| !line.starts_with("copy")).map(first).collect();
    let losses = ["arcface", "arcface, interpreted", "mv_arc_adaptive", "mv_arc_adaptive, interpreted"];
    assert_eq!(names[..3], ["copy", "streaming copy", "exponentials"], "{table}");
    assert_eq!(names[3..], losses, "{table}");
    let own = run("bench norm.loss --size 4,100 --budget 0.05 --markdown");
    assert!(own.contains("\n| norm "), "{own}");
    for line in run("bench inputs.loss centres.loss memory.loss --size 4,100 --repeat 1 --json").lines() {
        let found: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        assert!(found["name"].is_string() && found["threads"].is_u64(), "{found}");
    }
}
