//! Fonts, and the glyph benchmark from small fonts made here and from files that are none.
//!
//! Real fonts are not in the repository: `examples/glyph_benchmark.rs` fetches them and draws.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use common::TempDir;
use marlo_data::glyphs::benchmark::{self, BenchmarkError, Reason};
use marlo_data::glyphs::{Face, FaceError, jis_level_1};
use marlo_data::{dataset, fonts};

#[test]
fn fonts_are_found_once_and_in_order() {
    let dir = TempDir::new();
    for file in ["b/two.OTF", "b/c/three.ttc", "a/one.ttf", "a/one.txt", "a/ttf"] {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.join("a/one.ttf"), dir.join("b/again.ttf")).unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.join("a/loop")).unwrap();
        std::os::unix::fs::symlink(dir.join("gone"), dir.join("a/gone.ttf")).unwrap();
    }
    let found = fonts::find(&[dir.path(), &dir.join("b"), &dir.join("missing")]);
    let names: Vec<_> = found.iter().map(|file| file.strip_prefix(dir.path()).unwrap()).collect();
    assert_eq!(names, ["a/one.ttf", "b/c/three.ttc", "b/two.OTF"].map(Path::new));
}

#[test]
fn packages_are_named_once_in_order() {
    assert!(fonts::PACKAGES.is_sorted_by(|a, b| a < b));
}

#[test]
fn level_1_has_each_kanji_once() {
    let kanji = jis_level_1();
    assert_eq!(kanji.iter().collect::<HashSet<_>>().len(), 2965);
    assert!(kanji.iter().all(|kanji| ('\u{4e00}'..='\u{9fff}').contains(kanji)));
    assert_eq!(kanji[..5], ['亜', '唖', '娃', '阿', '哀']);
}

#[test]
fn files_that_are_no_fonts_are_dropped_with_a_reason() {
    let dir = TempDir::new();
    // A collection that promises faces and ends.
    let contents: [&[u8]; 4] =
        [b"", b"not a font", b"\0\x01\0\0\0\x0a\0\x80\0\x03\0\x20", b"ttcf\0\x01\0\0\0\0\0\x09"];
    let files: Vec<_> = (0..).map(|at| dir.join(&format!("{at}.ttf"))).take(contents.len()).collect();
    files.iter().zip(contents).for_each(|(file, content)| fs::write(file, content).unwrap());
    let files = [files, vec![dir.join("missing.ttf")]].concat();

    let mut done = Vec::new();
    let result = benchmark::render(&files, |at| done.push((at.done, at.files, at.kept)));
    assert_eq!(done, [(1, 5, 0), (2, 5, 0), (3, 5, 0), (4, 5, 0), (5, 5, 0)]);
    let error = result.unwrap_err();
    assert!(error.to_string().starts_with("0 typeface(s) and "), "{error}");
    assert!(error.to_string().contains("of 5 font file(s) (the first dropped: 0.ttf "), "{error}");
    let BenchmarkError::TooFew { dropped, .. } = error else { panic!("{error}") };
    assert_eq!(dropped.len(), 5);
    assert!(dropped[..4].iter().all(|d| matches!(d.reason, Reason::Unreadable(FaceError::NoFont { .. }))));
    assert!(matches!(&dropped[4].reason, Reason::Unreadable(FaceError::Io { .. })));
    assert!(matches!(benchmark::render(&[], |_| ()), Err(BenchmarkError::TooFew { files: 0, .. })));
    assert!(Face::read(&files[0], 7).unwrap_err().to_string().contains("no face 7"));
}

/// A point of an outline, in units of a thousandth of the em.
type Point = (i16, i16);

/// A TrueType font that draws each of the characters as one closed outline.
fn font(characters: &[char], outline: impl Fn(usize) -> Vec<Point>) -> Vec<u8> {
    let mut glyphs: Vec<_> = characters.iter().enumerate().map(|(at, &c)| (c as u32, outline(at))).collect();
    glyphs.sort();
    let (mut glyf, mut loca, mut groups) = (Vec::new(), vec![0u32, 0], Vec::new());
    for (id, (code, points)) in (1u32..).zip(&glyphs) {
        let [xs, ys] =
            [|p: &Point| p.0, |p: &Point| p.1].map(|axis| points.iter().map(axis).collect::<Vec<_>>());
        let least = |axis: &[i16]| axis.iter().copied().min().unwrap_or(0);
        let most = |axis: &[i16]| axis.iter().copied().max().unwrap_or(0);
        let head = [1, least(&xs), least(&ys), most(&xs), most(&ys), points.len() as i16 - 1, 0];
        head.iter().for_each(|word| glyf.extend(word.to_be_bytes()));
        glyf.extend(vec![1; points.len()]);
        for axis in [xs, ys] {
            axis.iter().scan(0, |last, &at| Some(at - std::mem::replace(last, at))).for_each(|step| {
                glyf.extend(step.to_be_bytes());
            });
        }
        loca.push(glyf.len() as u32);
        groups.extend([*code, *code, id]);
    }
    let be = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let mut head = [be(&[0x10000, 0, 0, 0x5f0f_3cf5, 1000]), vec![0; 34]].concat();
    head[51] = 1;
    let hhea = [be(&[0x10000, (800 << 16) | 0xff38]), vec![0; 28]].concat();
    let maxp = [be(&[0x5000]), (glyphs.len() as u16 + 1).to_be_bytes().to_vec()].concat();
    let count = glyphs.len() as u32;
    let cmap = be(&[[1, 0x3_000a, 12, 12 << 16, 16 + 12 * count, 0, count].to_vec(), groups].concat());
    let tables = [
        (b"cmap", cmap),
        (b"glyf", glyf),
        (b"head", head),
        (b"hhea", hhea),
        (b"loca", be(&loca)),
        (b"maxp", maxp),
    ];
    let mut file = be(&[0x10000, 6 << 16, 0]);
    let mut offset = 12 + 16 * tables.len();
    for (tag, table) in &tables {
        file.extend_from_slice(*tag);
        file.extend(be(&[0, offset as u32, table.len() as u32]));
        offset += table.len();
    }
    tables.iter().for_each(|(_, table)| file.extend(table));
    file
}

/// The width and height by which a character is told from all others.
fn size(at: usize) -> Point {
    (100 + 15 * (at % 55) as i16, 100 + 15 * (at / 55) as i16)
}

#[test]
fn the_benchmark_keeps_typefaces_and_characters_that_differ() {
    let kanji = jis_level_1();
    let rectangle = |at| {
        let (w, h) = size(at);
        vec![(0, 0), (0, h), (w, h), (w, 0)]
    };
    let triangle = |at| {
        let (w, h) = size(at);
        vec![(0, 0), (0, h), (w, 0)]
    };
    let nearly = |at| {
        let (w, h) = size(at);
        vec![(0, 0), (0, h), (w, h), (w + 8, 0)]
    };
    // Without the first character, and with two that are drawn alike.
    let lacking = font(&kanji[1..], |at| triangle(if at == 9 { 20 } else { at }));
    let dir = TempDir::new();
    let files = [
        ("a.ttf", font(&kanji, rectangle)),
        ("b.ttf", lacking),
        ("c.ttf", font(&kanji, |at| rectangle(at).iter().map(|&(x, y)| (x + 50, y - 20)).collect())),
        ("d.ttf", font(&kanji, nearly)),
        ("e.ttf", font(&kanji[..2000], triangle)),
        ("f.ttf", b"no font".to_vec()),
    ];
    files.iter().for_each(|(name, bytes)| fs::write(dir.join(name), bytes).unwrap());

    let found = benchmark::render(&fonts::find(&[dir.path()]), |_| ()).unwrap();
    assert_eq!(found.glyphs.typefaces, ["a", "b"], "{:?}", found.dropped);
    let reasons: Vec<_> = found.dropped.iter().map(|d| format!("{} {}", d.face, d.reason)).collect();
    assert_eq!(reasons[0], "c has the outlines of a: 2965 equal images");
    assert!(reasons[1].starts_with("d is nearly a: "), "{reasons:?}");
    assert_eq!(reasons[2], "e draws 2000 of 2965 characters");
    assert!(reasons[3].starts_with("f.ttf ") && reasons[3].contains("no outline font"), "{reasons:?}");
    assert_eq!((found.lacking, found.equal), (vec![kanji[0]], vec![kanji[10], kanji[21]]));
    assert_eq!(found.glyphs.characters.len(), 2962);

    let path = dir.join("glyphs.bin.gz");
    let found = benchmark::render(&fonts::find(&[dir.path()]), |_| ()).unwrap();
    found.write(&path).unwrap();
    assert!(matches!(found.write(dir.join("no/folder/here")), Err(BenchmarkError::Io { .. })));
    let set = dataset::open(&path).unwrap().images;
    assert_eq!((set.len(), set.width(), set.class_names()[0].as_str()), (2 * 2962, 32, "唖"));
    let images: HashSet<_> = set.images().collect();
    assert_eq!(images.len(), set.len(), "no two images are equal");
}

#[test]
fn a_font_that_promises_too_much_is_dropped() {
    let dir = TempDir::new();
    let mut bytes = font(&['一', '丁'], |_| vec![(0, 0), (0, 500), (500, 0)]);
    // The number of groups in the table of characters, the first of the tables.
    let groups = 12 + 6 * 16 + 12 + 12;
    assert_eq!(bytes[groups..groups + 4], [0, 0, 0, 2]);
    bytes[groups..groups + 4].fill(0xff);
    fs::write(dir.join("a.ttf"), bytes).unwrap();
    let BenchmarkError::TooFew { typefaces: 0, dropped, .. } =
        benchmark::render(&[dir.join("a.ttf")], |_| ()).unwrap_err()
    else {
        panic!("nothing to draw")
    };
    // Which of the two depends on whether the parser's assertions are compiled.
    assert!(matches!(dropped[0].reason, Reason::Unreadable(_) | Reason::TooFew { drawn: 0, .. }));
}

#[test]
fn characters_are_drawn_in_the_middle_at_the_size_of_the_em() {
    let dir = TempDir::new();
    // Half the em wide, a quarter of it high, and one far larger than the em.
    let shape = |w: i16, h: i16| vec![(300, 100), (300, 100 + h), (300 + w, 100 + h), (300 + w, 100)];
    let shapes = [shape(500, 250), shape(2000, 4000)];
    fs::write(dir.join("a.ttf"), font(&['一', '丁'], |at| shapes[at].clone())).unwrap();
    let face = Face::read(dir.join("a.ttf"), 0).unwrap();
    let rows = |character| {
        let image = face.draw(character, 24).unwrap();
        image.chunks(24).map(|row| row.iter().filter(|&&ink| ink == 15).count()).collect::<Vec<_>>()
    };
    // An em of 20 pixels: 10 x 5, from 9.5 to 14.5: the outer rows are half covered.
    let wide = rows('一');
    assert_eq!(wide.iter().filter(|&&ink| ink == 10).count(), 4, "{wide:?}");
    assert_eq!(wide[10..14], [10; 4]);
    assert_eq!(rows('丁'), [12; 24], "made to fit");
    assert_eq!(face.draw('三', 24), None);
}
