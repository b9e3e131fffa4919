//! Every program in `tests/good` compiles without a word, and stands there as it is laid out.

mod library;

use library::Files;
use marlo_lang::{compile, format};

#[test]
fn nothing_is_said_of_a_good_program() {
    let library = Files::shipped().and("tests/bad_library");
    insta::glob!("good/*.loss", |path| {
        let source = std::fs::read_to_string(path).expect("the program is readable");
        let compiled = compile(&source, &library).unwrap_or_else(|found| panic!("{path:?}: {found:?}"));
        assert_eq!(compiled.warnings, [], "{path:?}");
        assert_eq!(format(&source).as_ref(), Ok(&source), "{path:?}");
    });
}
