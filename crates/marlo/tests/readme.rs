//! What the README shows is what the program prints.

use std::path::Path;
use std::process::Command;

/// The console blocks of the README: the command line, and what follows it.
fn shown() -> Vec<(String, String)> {
    let readme = include_str!("../../../README.md");
    let blocks = readme.split("```console\n$ marlo ").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next()?.split_once('\n'));
    blocks.map(|(line, output)| (line.to_owned(), output.to_owned())).collect()
}

#[test]
fn the_tour_is_true() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let wrong =
        "loss wrong(s: Scale = 32, m: Angle = 0.5) {\n    ce(softmax(s * (cos[y] + m), s * cos[k]))\n}\n";
    std::fs::write(folder.join("wrong.loss"), wrong).expect("written");
    let shown = shown();
    assert_eq!(shown.len(), 5);
    // The differences of `agree` depend on the driver; the mean losses do not.
    for (line, output) in shown.iter().filter(|(line, _)| line != "agree") {
        let found = Command::new(env!("CARGO_BIN_EXE_marlo"))
            .args(line.split_whitespace())
            .current_dir(&folder)
            .output()
            .expect("the program starts");
        let bytes = if found.status.success() { found.stdout } else { found.stderr };
        assert_eq!(&String::from_utf8_lossy(&bytes), output, "marlo {line}");
    }
    let (_, table) = shown.iter().find(|(line, _)| line == "agree").expect("the README shows `marlo agree`");
    let found =
        Command::new(env!("CARGO_BIN_EXE_marlo")).args(["agree"]).output().expect("the program starts");
    let printed = String::from_utf8_lossy(&found.stdout).into_owned();
    let losses = |text: &str| -> Vec<(String, String)> {
        let rows = text.lines().filter(|line| line.contains("e-"));
        let first = |row: &str| -> Option<(String, String)> {
            let mut words = row.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        };
        rows.filter_map(first).collect()
    };
    let printed = losses(&printed);
    assert_eq!(printed.len(), marlo::specs::ALL.len());
    for row in losses(table) {
        assert!(printed.contains(&row), "{row:?} is not what `marlo agree` prints");
    }
}
