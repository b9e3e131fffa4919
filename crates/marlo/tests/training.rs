//! `marlo train`, `test` and `compare` as a user runs them: killed, stopped, with bad input, and in a browser.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn marlo(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_marlo"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    command
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    marlo(arguments, folder).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs what must succeed; gives its standard output.
fn done(arguments: &[&str], folder: &Path) -> String {
    let output = run(arguments, folder);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs what must fail; gives its standard error.
fn refused(arguments: &[&str], folder: &Path) -> String {
    let output = run(arguments, folder);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

const SMALL: [&str; 8] = ["--epochs", "4", "--width", "4", "--embedding", "16", "--batch", "32"];

fn small<'a>(first: &[&'a str]) -> Vec<&'a str> {
    [first, &SMALL].concat()
}

/// Waits until a file is there.
fn wait_for(file: &Path) {
    let start = Instant::now();
    while !file.exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "{} never came", file.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_model_is_trained_and_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let longer = ["--epochs", "10", "--width", "8", "--embedding", "32", "--set", "s=16"];
    let lines = done(&[&["train", "arcface", "--out", "a"][..], &longer].concat(), folder.path());
    let epochs: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(epochs.len(), 10);
    assert!(epochs[9]["loss"].as_f64() < epochs[0]["loss"].as_f64());
    // What is there is not lost.
    let error = refused(&small(&["train", "arcface", "--out", "a"]), folder.path());
    assert_eq!(error, "error: a exists: go on from it with --resume, or begin anew with --force\n");
    let verdict = done(&["test", "a"], folder.path());
    for line in
        ["AUC", "EER", "TAR at FAR 1e-3", "ten folds, insightface", "rank-1", "not reported: TAR at FAR 1e-6"]
    {
        assert!(verdict.contains(line), "{line} in {verdict}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&done(&["test", "a", "--json"], folder.path())).expect("JSON");
    assert!(json["curve"]["auc"].as_f64().expect("a number") > 0.7, "{json}");
    // Its own identities are left out, unless that is wanted.
    assert!(verdict.starts_with("arcface on 512 images of 32 identities\n"), "{verdict}");
    assert!(done(&["test", "a", "--allow-overlap"], folder.path()).contains("1024 images of 64 identities"));
}

#[test]
fn a_killed_training_ends_as_an_unbroken_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = ["--epochs", "12", "--width", "4", "--embedding", "16", "--batch", "32", "--set", "s=16"];
    let of = |out| [&["train", "adaface", "--out", out][..], &long].concat();
    done(&of("whole"), folder.path());
    let broken = folder.path().join("broken");
    let mut child = marlo(&of("broken"), folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    wait_for(&broken);
    assert!(child.try_wait().expect("it can be asked").is_none(), "it is not at its end");
    // On Unix that is SIGKILL: the program has no chance to tidy up.
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let lines = done(&[&of("broken")[..], &["--resume"]].concat(), folder.path());
    assert!((1..12).contains(&lines.lines().count()), "it went on: {lines}");
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("it is there");
    assert!(read("whole") == read("broken"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_saves_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = ["--epochs", "2000", "--width", "4", "--embedding", "16", "--set", "s=16"];
    let arguments = [&["train", "arcface", "--out", "model"][..], &long].concat();
    let child = marlo(&arguments, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    wait_for(&folder.path().join("model"));
    let killed =
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("there is kill");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let (_, command) = said.trim_end().rsplit_once("go on with: marlo ").expect("it says how to go on");
    assert_eq!(command, format!("{} --resume", arguments.join(" ")));
    assert!(done(&["test", "model"], folder.path()).contains("AUC"));
    // The command works, though it has 2000 epochs to go: stopped again at once.
    let child = marlo(&command.split(' ').collect::<Vec<_>>(), folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(Duration::from_millis(500));
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .expect("there is kill")
            .success()
    );
    let output = child.wait_with_output().expect("it ends");
    assert!(text(&output.stderr).contains("stopped; go on with"), "{}", text(&output.stderr));
}

/// A folder with identities of so many images each, dark squares on grey.
fn images(folder: &Path, identities: &[(&str, usize)], size: u32) {
    for (person, (name, count)) in identities.iter().enumerate() {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        for image in 0..*count {
            let pixels: Vec<u8> = (0..size * size)
                .map(|at| {
                    40 * u8::from(((at / size + at) as usize).is_multiple_of(person + 2))
                        + 90
                        + ((image as u32 * 7 + at) % 31) as u8
                })
                .collect();
            let header = format!("P5 {size} {size} 255\n");
            let bytes = [header.as_bytes(), &pixels].concat();
            std::fs::write(path.join(format!("{image}.pgm")), bytes).expect("it is written");
        }
    }
}

#[test]
fn bad_images_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    images(&path.join("data"), &[("ann", 5), ("ben", 5), ("cas", 5), ("dan", 5), ("eve", 1)], 12);
    std::fs::create_dir(path.join("data/fay")).expect("a folder");
    std::fs::write(path.join("data/ann/broken.pgm"), "P5 no").expect("it is written");
    images(&path.join("wide"), &[("x", 1)], 20);
    std::fs::copy(path.join("wide/x/0.pgm"), path.join("data/ben/wide.pgm")).expect("it is copied");
    let small = small(&["train", "softmax", "--data", "data", "--out", "m"]);
    let output = run(&small, path);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    for part in [
        "no readable image",
        "broken.pgm",
        "without a readable image",
        "fay",
        "single image",
        "eve",
        "20 x 20",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(refused(&["train", "softmax", "--data", "none"], path).contains("none"));
    // Identities on both sides.
    for part in ["both/train", "both/test"] {
        images(&path.join(part), &[("ann", 4), ("ben", 4), ("cas", 4)], 12);
    }
    let both = ["train", "softmax", "--data", "both", "--out", "b", "--epochs", "1"];
    let error = refused(&both, path);
    assert!(error.contains("ann"), "{error}");
    done(&[&both[..], &["--allow-overlap"]].concat(), path);
    // Checkpoints of something else.
    let other = [&["train", "cosface", "--data", "data", "--out", "m", "--resume"][..], &SMALL].concat();
    assert!(
        refused(&other, path)
            .contains("a checkpoint of another training, with other loss: softmax instead of cosface")
    );
    let nothing = refused(&["test", "data/ann/0.pgm"], path);
    assert!(nothing.contains("no model of marlo"), "{nothing}");
    let split =
        [&["train", "softmax", "--data", "data", "--out", "m", "--resume", "--split-seed", "1"][..], &SMALL]
            .concat();
    assert!(refused(&split, path).contains("with other identities"), "another split");
    images(&path.join("large"), &[("x", 2), ("y", 2)], 20);
    let error = refused(&["test", "m", "--data", "large"], path);
    assert_eq!(error, "error: images of 20 × 20 pixels, but the network was trained with 12 × 12\n");
    let error = refused(&["test", "b", "--data", "both"], path);
    assert!(error.contains("was trained with 3 of the 3 identities: too few are left"), "{error}");
}

/// Photographs of 40 people, which stand outside the repository.
#[test]
fn faces_are_trained_and_judged() {
    let faces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/faces");
    if !faces.is_dir() {
        eprintln!("{} is not there: nothing was trained", faces.display());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = faces.to_str().expect("a path of this machine");
    let arguments =
        ["train", "cosface", "--data", data, "--out", "m", "--set", "s=16", "--epochs", "6", "--width", "8"];
    done(&arguments, folder.path());
    let verdict = done(&["test", "m", "--data", data, "--flip"], folder.path());
    assert!(verdict.starts_with("cosface on 200 images of 20 identities\n"), "{verdict}");
    let json = done(&["test", "m", "--data", data, "--json"], folder.path());
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    // Raw pixels have 0.921 on all forty.
    assert!(json["curve"]["auc"].as_f64().expect("a number") > 0.85, "{}", json["curve"]["auc"]);
}

/// A limit on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = env!("CARGO_BIN_EXE_marlo");
    let rest = SMALL.join(" ");
    done(&small(&["train", "softmax", "--out", "m"]), folder.path());
    let before = std::fs::read(folder.path().join("m")).expect("it is there");
    let script = format!("trap '' XFSZ; ulimit -f 2; exec {program} train softmax --out m --force {rest}");
    let output =
        Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().expect("there is sh");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("the file that was there before is as it was"), "{said}");
    assert!(std::fs::read(folder.path().join("m")).expect("it is there") == before);
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("it is a folder").count(),
        1,
        "nothing is left lying about"
    );
}

#[test]
fn pairs_of_published_protocols_are_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    done(&small(&["train", "softmax", "--out", "m"]), path);
    images(&path.join("data"), &[("ann", 4), ("ben", 4), ("cas", 4), ("dan", 4)], 24);
    let numbered: Vec<(&str, usize)> = ["ann", "ben", "cas", "dan"]
        .into_iter()
        .flat_map(|name| (1..5).map(move |image| (name, image)))
        .collect();
    let file = |name: &str, to: String| path.join("data").join(name).join(to);
    let pairs = |text: &str| std::fs::write(path.join("pairs.txt"), text).expect("it is written");
    let judged = |format: &str| {
        run(&["test", "m", "--data", "data", "--pairs", "pairs.txt", "--format", format], path)
    };
    // LFW: folder and number.
    for (name, image) in &numbered {
        std::fs::rename(
            file(name, format!("{}.pgm", image - 1)),
            file(name, format!("{name}_{image:04}.jpg")),
        )
        .expect("it is renamed");
    }
    pairs("2\t1\nann\t1\t2\nann\t1\tben\t1\ncas\t1\t2\ncas\t3\tdan\t1\n");
    let found = text(&judged("lfw").stdout);
    assert!(found.contains("4 pairs of pairs.txt") && found.contains("accuracy, insightface"), "{found}");
    pairs("2\t1\nann\t1\t9\nann\t1\tben\t1\ncas\t1\t2\ncas\t3\tdan\t1\n");
    let error = text(&judged("lfw").stderr);
    assert!(error.contains("ann_0009.jpg"), "{error}");
    // CALFW and CPLFW: file names alone.
    let lines = |a: &str, b: &str, same: u8| format!("{a}.jpg {same}\n{b}.jpg {same}\n");
    let genuine: String = numbered
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .take(10)
        .map(|pair| {
            lines(&format!("{}_{:04}", pair[0].0, pair[0].1), &format!("{}_{:04}", pair[1].0, pair[1].1), 1)
        })
        .collect();
    let impostors: String = (0..10)
        .map(|at| (numbered[at % 4], numbered[4 + at]))
        .map(|(a, b)| lines(&format!("{}_{:04}", a.0, a.1), &format!("{}_{:04}", b.0, b.1), 0))
        .collect();
    pairs(&(genuine + &impostors));
    for (name, image) in &numbered {
        let name = format!("{name}_{image:04}.jpg");
        std::fs::copy(file(&name[..3], name.clone()), path.join("data").join(name)).expect("it is copied");
    }
    let output = judged("two-lines");
    assert!(text(&output.stdout).contains("20 pairs"), "{}", text(&output.stderr));
    // insightface: the images are in the file, which Python has pickled with protocol 2.
    let mut pickle = b"\x80\x02](".to_vec();
    for pair in 0..20_usize {
        for image in [numbered[pair % 16], numbered[(pair + 1) % 16]] {
            let bytes =
                std::fs::read(file(image.0, format!("{}_{:04}.jpg", image.0, image.1))).expect("it is there");
            pickle.push(b'T');
            pickle.extend((bytes.len() as u32).to_le_bytes());
            pickle.extend(bytes);
        }
    }
    pickle.extend(b"e](");
    pickle.extend((0..20).map(|pair| 0x88 + u8::from(pair % 4 == 3)));
    pickle.extend(b"e\x86.");
    std::fs::write(path.join("packed.bin"), &pickle).expect("it is written");
    let packed = ["test", "m", "--pairs", "packed.bin", "--format", "insightface"];
    assert!(done(&packed, path).contains("20 pairs of packed.bin"));
    std::fs::write(path.join("packed.bin"), &pickle[..pickle.len() - 3]).expect("it is written");
    assert!(refused(&packed, path).contains("packed.bin"));
    let usage = run(&["test", "m", "--pairs", "pairs.txt"], path);
    assert_eq!(usage.status.code(), Some(2));
    // Distractors.
    images(&path.join("others"), &[("x", 3), ("y", 3)], 24);
    assert!(done(&["test", "m", "--distractors", "others"], path).contains("  rank-1 among 6 distractors "));
    // Identities of the training.
    images(&path.join("own"), &[("ann", 4), ("ben", 4), ("cas", 4), ("dan", 4)], 24);
    done(&small(&["train", "softmax", "--data", "own", "--out", "o"]), path);
    pairs("2\t1\nann\t1\t2\nann\t1\tben\t1\ncas\t1\t2\ncas\t3\tdan\t1\n");
    let error = refused(&["test", "o", "--data", "data", "--pairs", "pairs.txt"], path);
    assert!(error.contains("was trained with 2 of the identities in pairs.txt"), "{error}");
}

/// The program of a browser that shows pages without a screen.
fn browser() -> Option<PathBuf> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(|name| {
        let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().ok()?;
        found.status.success().then(|| PathBuf::from(text(&found.stdout).trim()))
    });
    assert!(found.is_some() || std::env::var("CI").is_err(), "no browser: tests/run installs chromium");
    found
}

/// What a browser finds on the page.
const LOOK: &str = "<script>
    const seen = name => [...document.querySelectorAll(name)].filter(e => { \
        const box = e.getBoundingClientRect(); return box.width > 20 && box.height > 8; }).length;
    const verdict = document.createElement('pre');
    verdict.id = 'verdict';
    verdict.textContent = 'verdict: ' + [seen('svg'), document.querySelectorAll('figure').length, seen('math'), \
        document.querySelectorAll('merror').length, performance.getEntriesByType('resource').length].join(' ');
    document.body.append(verdict);
</script>";

#[test]
fn a_comparison_is_one_page_that_a_browser_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let arguments =
        small(&["compare", "softmax", "mv_am_adaptive", "--set", "s=16", "--seeds", "2", "--out", "r.html"]);
    let table = done(&arguments, path);
    assert!(table.starts_with("| loss | ten folds (insightface) | ten folds (facex-zoo) | AUC |"), "{table}");
    assert!(table.contains("\n| mv_am_adaptive (s = 16) | ") && table.contains(" ± "), "{table}");
    let page = std::fs::read_to_string(path.join("r.html")).expect("it is written");
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("@import"));
    assert!(page.contains("marlo compare softmax mv_am_adaptive") && page.contains("SHA-256 of the data"));
    let Some(browser) = browser() else {
        eprintln!("no browser here: the page was not looked at");
        return;
    };
    std::fs::write(path.join("looked.html"), page.replace("</body>", &format!("{LOOK}</body>")))
        .expect("it is written");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--dump-dom"])
        .arg(format!("--user-data-dir={}", path.join("profile").display()))
        .arg(format!("file://{}", path.join("looked.html").display()))
        .output()
        .expect("the browser starts");
    let dom = text(&output.stdout);
    let verdict = dom.split("verdict: ").last().and_then(|rest| rest.split('<').next()).unwrap_or_default();
    let numbers: Vec<usize> = verdict.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [pictures, figures, formulas, errors, fetched] = numbers[..] else {
        panic!("no verdict: {}", text(&output.stderr));
    };
    assert_eq!((pictures, figures), (10, 10), "each figure has a picture");
    assert!(formulas >= 6, "{formulas} formulas");
    assert_eq!((errors, fetched), (0, 0));
}
