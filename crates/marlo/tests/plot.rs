//! `marlo plot` as scripts see it: files, messages, exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

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

/// The commands of the page on figures write what they name.
#[test]
fn the_documented_commands_run() {
    let folder = folder("plot_docs");
    let page = include_str!("../../../docs/plots.md");
    let commands: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("marlo plot ")).collect();
    assert!(commands.len() >= 6);
    for command in commands {
        let command = command.split('#').next().unwrap_or_default();
        let output = marlo(&folder, &format!("plot {command}"));
        assert!(output.status.success(), "{command}\n{}", text(&output.stderr));
        for file in text(&output.stdout).lines() {
            let file = file.strip_prefix("wrote ").expect("it says what it wrote");
            assert!(command.contains(file), "{file} of {command}");
            let bytes = std::fs::read(folder.join(file)).expect("it is there");
            assert!(bytes.starts_with(if file.ends_with("svg") { b"<svg" } else { b"\x89PNG" }));
        }
    }
}

#[test]
fn a_figure_without_a_file_has_a_name() {
    let folder = folder("plot_names");
    for (line, file) in [
        ("plot arcface", "arcface-target.svg"),
        ("plot arcface:m=0.3 arcface:m=0.5 cosface --figure boundary", "arcface-cosface-boundary.svg"),
        (
            "plot arcface cosface normface focal ohem softmax --figure weight",
            "arcface-cosface-normface-focal-and-2-more-weight.svg",
        ),
    ] {
        let output = marlo(&folder, line);
        assert_eq!(text(&output.stdout), format!("wrote {file}\n"), "{line}: {}", text(&output.stderr));
        assert!(folder.join(file).is_file());
    }
}

#[test]
fn settings_reach_their_losses() {
    let folder = folder("plot_settings");
    let line = "plot arcface arcface:m=0.7 cosface --set m=0.2 --set cosface:m=0.1 --set s=10 -o f.svg";
    let output = marlo(&folder, line);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let svg = std::fs::read_to_string(folder.join("f.svg")).expect("it is there");
    for setting in ["s = 10, m = 0.2", "s = 10, m = 0.7", "s = 10, m = 0.1"] {
        assert!(svg.contains(setting), "{setting}");
    }
}

/// Bad input, with its exit code and what is said.
#[test]
fn bad_input() {
    let folder = folder("plot_bad");
    std::fs::write(folder.join("bad.loss"), "loss bad() { theta[y] + cos[y] }").expect("written");
    std::fs::write(folder.join("nan.loss"), "loss nan() { ln(cos[y] - 2) }").expect("written");
    for (line, code, said) in [
        ("plot", 2, "required arguments"),
        ("plot arcfce", 1, "did you mean `arcface`?"),
        ("plot bad.loss", 1, "can't be added"),
        ("plot nan.loss", 1, "`nan` is not finite anywhere in this figure"),
        ("plot none.loss", 1, "cannot read `none.loss`"),
        ("plot arcface --figure round", 2, "invalid value 'round'"),
        ("plot arcface -o f.pdf", 2, "`f.pdf`: a figure is written as .svg or .png"),
        ("plot arcface -o f", 2, "`f`: a figure is written as .svg or .png"),
        ("plot arcface -o none/f.svg", 1, "cannot write `none/f.svg`"),
        ("plot arcface --set q=1", 1, "none of these losses has a hyperparameter `q`"),
        ("plot arcface --set cosface:m=1", 1, "no loss `cosface` here has a hyperparameter `m`"),
        ("plot arcface:q=1", 1, "arcface: `arcface` has no hyperparameter `q`"),
        ("plot arcface:m=x", 2, "`x` is not a number"),
        ("plot arcface:m=0.1,", 2, "expected NAME=VALUE"),
        ("plot arcface:m=NaN", 1, "`m` is NaN, but its range is"),
        ("plot arcface --set m", 2, "expected NAME=VALUE"),
        ("plot arcface --input norm=3", 1, "none of these losses has an input `norm`"),
        ("plot arcface --at 200", 1, "the angle that is held, in degrees, is 200"),
        ("plot arcface --range 5", 2, "expected LOW..HIGH"),
        ("plot arcface --range 90..10", 1, "the axis would run from 90 to 10"),
        ("plot arcface --range -10..10", 1, "the beginning of the axis is -10"),
        ("plot arcface --classes 1", 1, "the number of classes is 1"),
        ("plot arcface --classes 100000", 1, "the number of classes is 100000"),
        ("plot arcface --logit-scale -1", 1, "the scale of raw logits is -1"),
        ("plot arcface --width 9 -o f.png", 1, "the width of a PNG in pixels is 9"),
    ] {
        let output = marlo(&folder, line);
        let stderr = text(&output.stderr);
        assert!(stderr.contains(said), "marlo {line}\n{stderr}");
        assert_eq!(output.status.code(), Some(code), "marlo {line}\n{stderr}");
        assert!(!stderr.contains("panicked") && output.stdout.is_empty(), "marlo {line}\n{stderr}");
    }
    assert!(!folder.join("f.png").exists());
}
