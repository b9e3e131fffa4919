//! The programs of the language reference compile, without a warning, and stand there as the formatter lays them out.

use marlo::{lang, specs};

/// The fenced blocks of a kind in a page.
fn blocks<'p>(page: &'p str, kind: &str) -> Vec<&'p str> {
    let open = format!("```{kind}\n");
    page.split(open.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn programs_of_the_reference_compile() {
    let programs = blocks(include_str!("../../docs/language.md"), "loss");
    assert!(programs.len() >= 5, "{} programs", programs.len());
    for program in programs {
        let compiled = marlo::compile(program, &specs::Shipped::default());
        let compiled = compiled.unwrap_or_else(|found| panic!("{program}\n{found:?}"));
        assert!(compiled.warnings.is_empty(), "{program}\n{:?}", compiled.warnings);
        assert_eq!(lang::format(program).expect("it compiles"), program);
    }
}
