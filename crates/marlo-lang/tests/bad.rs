//! Every program in `tests/bad` is wrong; what is said about it is locked.

use marlo_lang::{Diagnostic, parse, render};

#[test]
fn every_message_is_as_it_was_judged() {
    insta::glob!("bad/*.loss", |path| {
        let source = std::fs::read_to_string(path).expect("the program is readable");
        let name = path.file_name().expect("a file").to_string_lossy();
        let (_, found) = parse(&source);
        assert!(!found.is_empty(), "{name}: nothing is wrong");
        insta::assert_snapshot!(render::render_all(&found, &name, &source, render::Style::Plain));
    });
}

/// Where a message suggests an edit, the edit must at least change the message.
#[test]
fn every_suggested_edit_leads_on() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "loss") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("the program is readable");
        for found in parse(&source).1 {
            let Some(fix) = &found.fix else { continue };
            let mut edited = source.clone();
            edited.replace_range(fix.span.start..fix.span.end, &fix.replacement);
            let same = |other: &Diagnostic| other.message == found.message && other.primary == found.primary;
            assert!(!parse(&edited).1.iter().any(same), "{path:?}: {} does not help", fix.replacement);
        }
    }
}
