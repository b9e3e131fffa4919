//! The specs that ship with marlo, and the library in which programs find the losses that they `use`.

use std::path::PathBuf;

use marlo_lang::{Compiled, Diagnostic, Library};

/// A shipped spec.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name, that of its file.
    pub name: &'static str,
    /// The family, its folder in `specs/`.
    pub family: &'static str,
    /// Its text.
    pub source: &'static str,
}

/// The most letters of a summary.
const SUMMARY: usize = 100;

impl Spec {
    /// The text before its program, without the marks of a comment.
    pub fn docs(&self) -> impl Iterator<Item = &'static str> {
        self.source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim)
    }

    /// What it is, in a line: the first sentence of its text, cut at a word where it is long.
    pub fn summary(&self) -> String {
        let paragraph = self.docs().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        let sentence = first_sentence(&paragraph);
        if sentence.chars().count() <= SUMMARY {
            return sentence.to_owned();
        }
        let cut: String = sentence.chars().take(SUMMARY).collect();
        let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |words| words.0);
        format!("{}…", whole.trim_end_matches([',', ';', ':', '(']))
    }

    /// Where this loss is first called by that name, letters and digits alone: 0 for its own name, else the number of
    /// the word in its text.
    fn called(&self, wanted: &str) -> Option<usize> {
        if plain(self.name) == wanted {
            return Some(0);
        }
        let text = self.docs().collect::<Vec<_>>().join(" ");
        let mut before = 1;
        for phrase in text.split(|c: char| !(c.is_alphanumeric() || c.is_whitespace() || "-_'".contains(c))) {
            let words: Vec<String> = phrase.split_whitespace().map(plain).collect();
            if let Some(at) = (0..words.len()).find(|&at| begins(&words[at..], wanted)) {
                return Some(before + at);
            }
            before += words.len();
        }
        None
    }
}

/// Up to the first ". " that no abbreviation ends with.
fn first_sentence(text: &str) -> &str {
    let ends = text.match_indices(". ").map(|(at, _)| at);
    let is_short =
        |before: &str| ["al", "e.g", "i.e", "vs", "cf"].iter().any(|short| before.ends_with(short));
    let mut ends = ends.filter(|&at| !is_short(text[..at].rsplit([' ', '(']).next().unwrap_or_default()));
    ends.next().map_or(text, |at| &text[..=at])
}

/// Letters and digits alone, without case.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Do the words begin with that name, in one of them or in several? A letter by itself is no part of one: "a softmax".
fn begins(words: &[String], wanted: &str) -> bool {
    let mut left = wanted;
    for word in words.iter().take_while(|word| word.chars().count() > 1) {
        match left.strip_prefix(word.as_str()) {
            Some("") => return true,
            Some(rest) => left = rest,
            None => return false,
        }
    }
    false
}

/// The shipped specs that are also called so, in their names or texts, without regard to case, `_`, `-` and blanks:
/// first those that say so first.
pub fn called(name: &str) -> Vec<&'static Spec> {
    let wanted = plain(name);
    let mut found: Vec<(usize, &Spec)> =
        ALL.iter().filter_map(|spec| Some((spec.called(&wanted)?, spec))).collect();
    found.sort_by_key(|found| found.0);
    found.into_iter().map(|found| found.1).collect()
}

/// Every shipped spec, by family, then by name.
pub const ALL: &[Spec] = include!(concat!(env!("OUT_DIR"), "/specs.rs"));

/// The shipped spec of that name.
pub fn find(name: &str) -> Option<&'static Spec> {
    ALL.iter().find(|spec| spec.name == name)
}

/// Compiles a shipped spec.
///
/// # Errors
/// When there is none of that name.
pub fn compile(name: &str) -> Result<Compiled, Vec<Diagnostic>> {
    match find(name) {
        Some(spec) => marlo_lang::compile(spec.source, &Shipped::default()),
        None => {
            let message = format!("no loss named `{name}` ships with marlo");
            Err(vec![Diagnostic::error("unknown-loss", marlo_lang::Span::default(), message)])
        }
    }
}

/// The library of shipped specs, after the files beside the user's own.
#[derive(Clone, Debug, Default)]
pub struct Shipped {
    /// The folder of the program, looked through first.
    pub folder: Option<PathBuf>,
}

impl Shipped {
    /// The file beside the program that has the loss of that name.
    pub fn beside(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|f| f.join(format!("{name}.loss"))).filter(|path| path.exists())
    }
}

impl Library for Shipped {
    fn source(&self, name: &str) -> Option<String> {
        match self.beside(name) {
            // One that can't be read is wrong; the shipped one is not taken for it in silence.
            Some(path) => Some(match std::fs::read(path) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) => format!("\"{error}\""),
            }),
            None => find(name).map(|spec| spec.source.to_owned()),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = ALL.iter().map(|spec| spec.name.to_owned()).collect();
        if let Some(entries) = self.folder.as_ref().and_then(|f| std::fs::read_dir(f).ok()) {
            names.extend(entries.flatten().filter_map(|entry| {
                let path = entry.path();
                (path.extension()? == "loss")
                    .then(|| path.file_stem().map(|s| s.to_string_lossy().into_owned()))?
            }));
        }
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_whole_sentences() {
        for spec in ALL {
            let summary = spec.summary();
            assert!(summary.chars().count() <= SUMMARY + 1 && !summary.contains('\n'), "{summary}");
            assert!(summary.ends_with(['.', '…']) && !summary.contains(" al."), "{}: {summary}", spec.name);
        }
        assert_eq!(
            find("cosface").expect("it ships").summary(),
            "CosFace, also known as AM-Softmax: a margin m on the target's cosine."
        );
        assert_eq!(first_sentence("As Wang et al. have it. Then more."), "As Wang et al. have it.");
    }

    #[test]
    fn a_papers_name_finds_its_loss() {
        for (name, wanted) in [
            ("am_softmax", "cosface"),
            ("AM-Softmax", "cosface"),
            ("a_softmax", "sphereface"),
            ("large_margin_softmax", "l_softmax"),
            ("LSoftmax", "l_softmax"),
            ("arc_face", "arcface"),
            ("mv_softmax", "mv_am_adaptive"),
            ("coco", "normface"),
            ("coco loss", "normface"),
            ("gce", "generalised_ce"),
            ("sce", "symmetric_ce"),
            ("rce", "reverse_ce"),
            ("hm_softmax", "ohem_share"),
            ("f_softmax", "focal"),
        ] {
            assert_eq!(called(name).first().map(|spec| spec.name), Some(wanted), "{name}");
        }
        assert!(called("nosuch").is_empty() && called("").is_empty() && called("cosfac").is_empty());
    }
}
