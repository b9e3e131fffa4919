//! Every program in `tests/bad` is wrong, or at least doubtful; what is said about it is locked.

mod library;

use library::Files;
use marlo_lang::{Diagnostic, compile, render};

/// What is said about a program that may use the shipped losses and those of `tests/bad_library`.
fn found(source: &str, library: &Files) -> Vec<Diagnostic> {
    compile(source, library).map_or_else(|errors| errors, |compiled| compiled.warnings)
}

#[test]
fn every_message_is_as_it_was_judged() {
    let library = Files::shipped().and("tests/bad_library");
    insta::glob!("bad/*.loss", |path| {
        let source = std::fs::read_to_string(path).expect("the program is readable");
        let name = path.file_name().expect("a file").to_string_lossy();
        let found = found(&source, &library);
        assert!(!found.is_empty(), "{name}: nothing is wrong");
        insta::assert_snapshot!(render::render_all(&found, &name, &source, render::Style::Plain));
    });
}

/// Where a message suggests an edit, the edit must at least change the message.
#[test]
fn every_suggested_edit_leads_on() {
    let library = Files::shipped().and("tests/bad_library");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "loss") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("the program is readable");
        for wrong in found(&source, &library) {
            let Some(fix) = &wrong.fix else { continue };
            let mut edited = source.clone();
            edited.replace_range(fix.span.start..fix.span.end, &fix.replacement);
            let same = |other: &Diagnostic| other.message == wrong.message && other.primary == wrong.primary;
            let left = found(&edited, &library);
            assert!(!left.iter().any(same), "{path:?}: {} does not help", fix.replacement);
        }
    }
}
