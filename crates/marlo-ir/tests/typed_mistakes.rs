//! Programs in Rust that must not compile, each with what the Rust compiler says of it.

#[test]
fn mistakes_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile_fail/right.rs");
    cases.compile_fail("tests/compile_fail/wrong_*.rs");
}
