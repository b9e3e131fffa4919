//! The formatter: its layout is locked, a second run changes nothing, nothing is lost.

use marlo_lang::{format, parse};

/// The words of all comments, in order, whatever marks they have.
fn comments(source: &str) -> Vec<String> {
    let behind = |line: &str| Some(line[line.find("//")?..].trim_matches(['/', '!', ' ']).to_owned());
    source.lines().filter_map(behind).collect()
}

#[test]
fn layout_is_as_it_was_judged() {
    insta::glob!("format/*.loss", |path| {
        let source = std::fs::read_to_string(path).expect("the program is readable");
        let once = format(&source).expect("the program can be read");
        insta::assert_snapshot!(once);
        assert_eq!(format(&once).as_ref(), Ok(&once), "a second run changes something");
        assert_eq!(comments(&once), comments(&source), "a comment is lost");
        assert_eq!(parse(&once).0.without_spans(), parse(&source).0.without_spans());
    });
}

#[test]
fn a_wrong_program_is_not_formatted() {
    assert!(format("loss f() { (1 }").is_err());
}
