//! Programs that nobody means: the shipped losses with random edits, and texts made to break the compiler.
//! Whatever it gets, it answers; what it says points into the text; and formatting never changes the meaning.

mod library;

use std::fmt::Write as _;

use library::Files;
use marlo_lang::{Compiled, Library, compile, format, parse, print, render};
use quickcheck::QuickCheck;

/// A program's graph, promises and header, without places in the text.
fn meaning(compiled: &Compiled) -> String {
    let loss = &compiled.loss;
    let graph = &loss.graph;
    let mut text = format!("{} {:?} {:?} {:?}\n", loss.name, graph.params, graph.inputs, loss.names);
    for id in graph.ids() {
        writeln!(text, "{id} = {:?}", graph.node(id)).expect("memory");
    }
    writeln!(text, "{:?} {:?}", loss.row, loss.total).expect("memory");
    for law in &compiled.laws {
        writeln!(text, "{:?} = {:?}", law.left.row, law.right.row).expect("memory");
    }
    for claim in &compiled.claims {
        writeln!(text, "{:?} {:?}", claim.name, claim.arguments).expect("memory");
    }
    text
}

/// What a program means, or what is wrong with it. Everything that is said about it can be drawn.
fn answer(source: &str, library: &dyn Library) -> Result<String, Vec<String>> {
    let (found, result) = match compile(source, library) {
        Ok(compiled) => (compiled.warnings.clone(), Ok(meaning(&compiled))),
        Err(errors) => {
            let wrong = errors.iter().filter(|found| found.is_error());
            let messages: Vec<String> = wrong.map(|error| error.message.clone()).collect();
            assert!(!messages.is_empty(), "refused without a reason: {source}");
            (errors, Err(messages))
        }
    };
    for one in &found {
        let spans = one.secondary.iter().map(|label| label.span).chain([one.primary.span]);
        for span in spans.chain(one.fix.iter().map(|fix| fix.span)) {
            assert!(source.get(span.start..span.end).is_some(), "{span:?} of {one:?}\n{source}");
        }
    }
    for one in found.iter().take(3) {
        assert!(render::render(one, "x.loss", source, render::Style::Plain).contains(&*one.message));
    }
    result
}

/// Compiles and formats a text; if it can be read, its formatted form means the same and stays as it is.
fn survives(source: &str, library: &dyn Library) {
    let before = answer(source, library);
    let Ok(text) = format(source) else {
        assert!(before.is_err(), "compiled, but not formatted: {source}");
        return;
    };
    assert_eq!(format(&text).as_ref(), Ok(&text), "formatted twice\n{source}");
    assert_eq!(answer(&text, library), before, "{source}\n---\n{text}");
    assert_eq!(parse(&print(&parse(&text).0)).0.without_spans(), parse(source).0.without_spans(), "{source}");
}

// ----- random edits -----

/// One edit: what is done, where, and with which word.
type Edit = (u8, u16, u16);

const WORDS: &[&str] = &[
    "cos[k]",
    "cos[y]",
    "theta[y]",
    "theta[k]",
    "logit[k]",
    "cos",
    "s",
    "m",
    "t",
    "f",
    "0",
    "1",
    "-",
    "+",
    "*",
    "/",
    "^",
    "(",
    ")",
    "[k]",
    "[y]",
    "[i]",
    ",",
    ":",
    "=",
    "==",
    "=>",
    "..",
    "<",
    "\n",
    " ",
    "{",
    "}",
    "let ",
    "fn g(x) = x\n",
    "law ",
    "prove ",
    "use arcface\n",
    "loss ",
    "if ",
    " then ",
    " else ",
    " and ",
    " not ",
    " in ",
    "softmax",
    "ce",
    "focal",
    "mask",
    "indicator",
    "sum[k]",
    "mean[i]",
    "top[i]",
    "max",
    "min",
    "exp",
    "ln",
    "acos",
    "arcface(s, m)",
    ".f",
    "weight: ",
    "Angle",
    "Scale",
    "Mask",
    "// c\n",
    "/// d\n",
    "//! d\n",
    "1e308",
    "pi",
    "θ",
    "\u{feff}",
    "\r\n",
    "\t",
    "\u{0}",
    "é",
    "²",
];

/// The text's words, blanks included: what edits cut at.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let class = |letter: char| match letter {
        _ if letter.is_alphanumeric() || letter == '_' => 0,
        ' ' => 1,
        _ => 2,
    };
    let mut last = 2;
    for letter in text.chars() {
        let class = class(letter);
        match words.last_mut() {
            Some(word) if class == last && class != 2 => word.push(letter),
            _ => words.push(letter.into()),
        }
        last = class;
    }
    words
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut words = words(text);
    for &(what, place, with) in edits {
        if words.is_empty() {
            break;
        }
        let (place, with) = (place as usize % words.len(), with as usize);
        let other = with % words.len();
        match what % 6 {
            0 => drop(words.remove(place)),
            1 => words.insert(place, WORDS[with % WORDS.len()].to_owned()),
            2 => words[place] = WORDS[with % WORDS.len()].to_owned(),
            3 => words.swap(place, other),
            4 => words[place] = words[other].clone(),
            // A whole stretch is gone, as after a slip in an editor.
            _ => drop(words.drain(place.min(other)..place.max(other).min(place.min(other) + 12))),
        }
    }
    words.concat()
}

#[test]
fn edited_losses_survive() {
    fn holds(which: u8, edits: Vec<Edit>) {
        let library = Files::shipped();
        let names = library.names();
        let source = library.source(&names[which as usize % names.len()]).expect("a shipped loss");
        survives(&edited(&source, &edits[..edits.len().min(4)]), &library);
    }
    QuickCheck::new().tests(2000).quickcheck(holds as fn(u8, Vec<Edit>));
}

/// The losses that others use are edited; whoever uses them hears of it and nothing worse happens.
#[test]
fn edited_libraries_survive() {
    struct Edited(Files, Vec<Edit>);
    impl Library for Edited {
        fn source(&self, name: &str) -> Option<String> {
            self.0.source(name).map(|source| edited(&source, &self.1))
        }
        fn names(&self) -> Vec<String> {
            self.0.names()
        }
    }
    fn holds(which: u8, edits: Vec<Edit>) {
        let library = Edited(Files::shipped().and("tests/bad_library"), edits.into_iter().take(2).collect());
        let names: Vec<String> = library.names().into_iter().filter(|name| name.contains('_')).collect();
        let source = library.0.source(&names[which as usize % names.len()]).expect("a shipped loss");
        survives(&source, &library);
    }
    QuickCheck::new().tests(500).quickcheck(holds as fn(u8, Vec<Edit>));
}

/// Every start of every shipped loss, as an editor sees it while it is typed.
#[test]
fn half_typed_losses_survive() {
    let library = Files::shipped();
    for name in library.names() {
        let source = library.source(&name).expect("a shipped loss");
        for (end, _) in source.char_indices().step_by(3) {
            survives(&source[..end], &library);
        }
    }
}

#[test]
fn line_ends_and_marks_do_not_change_the_meaning() {
    let library = Files::shipped();
    for name in library.names() {
        let source = library.source(&name).expect("a shipped loss");
        let plain = answer(&source, &library);
        assert!(plain.is_ok(), "{name}: {plain:?}");
        assert_eq!(answer(&source.replace('\n', "\r\n"), &library), plain, "{name}: CRLF");
        assert_eq!(answer(&format!("\u{feff}{source}"), &library), plain, "{name}: byte order mark");
        assert_eq!(answer(&source.replace("    ", "\t"), &library), plain, "{name}: tabs");
        assert_eq!(answer(source.trim_end(), &library), plain, "{name}: no last line break");
        assert_eq!(
            answer(&source.replace("theta", "θ").replace("pi", "π"), &library),
            plain,
            "{name}: Greek"
        );
    }
}

// ----- made to break -----

fn with_body(body: &str) -> String {
    format!("loss f(s: Scale = 64 in 1..128, m: Angle = 0.5) {{\n{body}\n}}\n")
}

#[test]
fn odd_texts_survive() {
    let library = Files::shipped();
    let long = "a".repeat(100_000);
    let texts = [
        String::new(),
        "\n".into(),
        "\u{feff}".into(),
        "\0".into(),
        "// only a comment".into(),
        "/// only a doc".into(),
        "//! only a doc\n\n".into(),
        "loss".into(),
        "loss f".into(),
        "loss f(".into(),
        "loss f()".into(),
        "loss f() {".into(),
        "loss f() {}".into(),
        "use".into(),
        "law".into(),
        "prove".into(),
        "fn".into(),
        "\u{202e}loss f() { cos[y] }".into(),
        with_body("cos[y] * 1e999"),
        with_body("cos[y] * 1e-999"),
        with_body("cos[y] * 0.0000000000000000000000000000000000000001e400"),
        with_body("cos[y] * 99999999999999999999999999999999999999999999999999"),
        with_body("cos[y] / 0 + 0 / 0"),
        with_body("cos[y] * (1e308 * 10)"),
        with_body("\u{a0}cos[y]\u{2028}\u{2029}\u{85}"),
        with_body("cos[y]\0"),
        with_body("сos[y]"),
        with_body("cos[y] − 1"),
        with_body("cos[ｙ]"),
        with_body("cos[y]\r"),
        with_body("e\u{301}"),
        with_body("let 👍 = 1\ncos[y]"),
        with_body(&format!("let {long} = cos[y]\n{long}")),
        with_body(&format!("let {long} = cos[y]\n{long}b")),
        with_body(&format!("cos[{long}]")),
        with_body(&format!("cos[y] * {}", "1".repeat(100_000))),
        with_body(&format!("cos[y] // {long}")),
        format!("loss {long}() {{ cos[y] }}"),
        format!("use {long}\nloss f() {{ cos[y] }}"),
        format!(
            "loss f(s: {long} = 1 in {long}..{long}) {{ cos[y] }}\nlaw {long} = 1 => {long}(1)\nprove {long}"
        ),
    ];
    for text in &texts {
        survives(text, &library);
    }
}

/// Functions that call functions twice each: the program is small, what it stands for is not.
#[test]
fn explosions_are_bounded() {
    let library = Files::shipped();
    let mut functions = "fn f0(x) = x * x + 1\n".to_owned();
    for number in 1..60 {
        let before = number - 1;
        writeln!(functions, "fn f{number}(x) = f{before}(f{before}(x) + 1)").expect("memory");
    }
    let program = |call: &str| format!("{functions}\nloss f(s: Scale = 64) {{ {call} }}\n");
    survives(&program("f59(cos[y])"), &library);
    survives(&program("f59(f59(cos[y] + f59(s)))"), &library);
    survives(&program("cos[y]"), &library);
    // A chain of calls, each inside the next.
    let mut chain = "fn g0(x) = x\n".to_owned();
    for number in 1..2000 {
        writeln!(chain, "fn g{number}(x) = g{}(x) + 1", number - 1).expect("memory");
    }
    survives(&format!("{chain}\nloss f(s: Scale = 64) {{ g1999(cos[y]) }}\n"), &library);
    // A value that is used twice by the next one is shared, however long that goes on.
    let mut doubled = "let a0 = cos[y]\n".to_owned();
    for number in 1..2000 {
        writeln!(doubled, "let a{number} = a{0} * a{0}", number - 1).expect("memory");
    }
    let (_, longest) = (answer(&with_body(&doubled), &library), with_body(&format!("{doubled}a1999")));
    survives(&longest, &library);
    // The same below a batch reduction, where a sample's own loss is looked for.
    for step in ["a{} * a{} + a{}", "sin(a{} + 1)"] {
        let mut deep = "let a0 = mean[i](cos[y])\n".to_owned();
        for number in 1..20_000 {
            let value = step.replace("{}", &(number - 1).to_string());
            writeln!(deep, "let a{number} = {value}").expect("memory");
        }
        let found = compile(&with_body(&format!("{deep}a19999 + cos[y]")), &library).expect_err("too deep");
        assert_eq!(found.iter().filter(|found| found.code == "too-deep").count(), 1);
    }
}

/// Calls of losses inside each other, and what is read of them.
#[test]
fn nested_losses_are_bounded() {
    let library = Files::shipped();
    for (open, close) in
        [("arcface(", ")"), ("arcface(s, m: ", ")"), ("arcface(s, ", ").f"), ("ce(arcface(s, ", ").p)")]
    {
        for levels in [2, 30, 120, 1_000] {
            let call = format!("{}m{}", open.repeat(levels), close.repeat(levels));
            survives(&format!("use arcface\n{}law => {call}\n", with_body(&call)), &library);
            let lets: String =
                (0..levels).map(|number| format!("let a{} = {open}a{number}{close}\n", number + 1)).collect();
            survives(
                &format!("use arcface\n{}", with_body(&format!("let a0 = m\n{lets}a{levels}"))),
                &library,
            );
        }
    }
}

/// A long program that is wrong everywhere does not take long.
#[test]
fn many_mistakes_are_cut_short() {
    let wrong: String =
        (0..2000).map(|number| format!("let a{number} = b{number} + c{number}(s)\n")).collect();
    let found = compile(&with_body(&(wrong + "cos[y]")), &Files::shipped()).expect_err("names are unknown");
    assert_eq!(found.len(), 100);
}

/// Losses that use losses, without end.
#[test]
fn endless_libraries_are_bounded() {
    /// `a1` uses `a2`, which uses `a3`, …; each calls the next one twice.
    struct Endless;
    impl Library for Endless {
        fn source(&self, name: &str) -> Option<String> {
            let number: u64 = name.strip_prefix('a')?.parse().ok()?;
            let next = number + 1;
            let loss = format!("loss a{number}(s: Scale = 64) {{\n    a{next}(s) + a{next}(2 * s)\n}}\n");
            Some(format!("use a{next}\n\n{loss}law s = 1 => a{next}(1)\n"))
        }
        fn names(&self) -> Vec<String> {
            vec!["a1".into()]
        }
    }
    survives("use a1\n\nloss f(s: Scale = 64) {\n    a1(s)\n}\nlaw s = 1 => a7(1)\n", &Endless);

    /// The same, with an end that the longest chain reaches.
    struct Deep;
    impl Library for Deep {
        fn source(&self, name: &str) -> Option<String> {
            let number: u64 = name.strip_prefix('a')?.parse().ok()?;
            let next = number + 1;
            Some(match number {
                14 => "loss a14(s: Scale = 64) {\n    ce(softmax(s * cos[y], s * cos[k]))\n}\n".into(),
                _ => format!(
                    "use a{next}\nloss a{number}(s: Scale = 64) {{\n    a{next}(s) + a{next}(2 * s)\n}}\n"
                ),
            })
        }
        fn names(&self) -> Vec<String> {
            Vec::new()
        }
    }
    survives("use a1\n\nloss f(s: Scale = 64) {\n    a1(s)\n}\n", &Deep);
    survives("use a13\n\nloss f(s: Scale = 64) {\n    a13(s)\n}\nlaw s = 1 => a12(1)\n", &Deep);

    /// Every name is a loss, and none can be read.
    struct Noise;
    impl Library for Noise {
        fn source(&self, name: &str) -> Option<String> {
            Some(name.repeat(3))
        }
        fn names(&self) -> Vec<String> {
            vec![String::new(), "\u{0}".into(), "x".repeat(1000)]
        }
    }
    survives("use a\nloss f(s: Scale = 64) {\n    a(s) + b(s)\n}\nlaw s = 1 => c(s)\n", &Noise);
}
