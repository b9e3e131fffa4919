//! Lists of pairs as files: what is read, and what is said of a bad one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

use std::fs;
use std::path::{Path, PathBuf};

use marlo_judge::formats::{agedb, cfp, insightface, lfw, rfw, two_lines};
use marlo_judge::{Embeddings, FormatError, Overlap, Pair, PairList, PairsError, Protocol, verify};

const LFW: &str = "2\t1\nAnna\t1\t2\nAnna\t3\tBela\t1\nCara\t1\t12\nCara\t2\tDora_E\t1\n";

/// The pairs of all folds by name.
fn named(list: &PairList) -> Vec<(&str, &str, bool)> {
    let name = |image: usize| list.images()[image].as_str();
    list.folds().iter().flatten().map(|pair| (name(pair.first), name(pair.second), pair.same)).collect()
}

#[test]
fn lfw_names_photographs_and_is_written_as_it_was() {
    let list = lfw::parse("pairs.txt", LFW).unwrap();
    let pairs = [
        ("Anna/Anna_0001.jpg", "Anna/Anna_0002.jpg", true),
        ("Anna/Anna_0003.jpg", "Bela/Bela_0001.jpg", false),
        ("Cara/Cara_0001.jpg", "Cara/Cara_0012.jpg", true),
        ("Cara/Cara_0002.jpg", "Dora_E/Dora_E_0001.jpg", false),
    ];
    assert_eq!(named(&list), pairs);
    assert_eq!(list.folds().iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(lfw::write(&list).unwrap(), LFW);
    assert!(list.overlaps(lfw::identity).is_empty());
    // Carriage returns, a byte order mark and blank lines are nobody's fault.
    let windows = format!("\u{feff}{}\r\n\r\n", LFW.replace('\n', "\r\n"));
    assert_eq!(lfw::parse("pairs.txt", &windows).unwrap(), list);
    // View 1 has one number.
    assert_eq!(lfw::parse("x", "1\nAnna\t1\t2\nAnna\t3\tBela\t1\n").unwrap().folds().len(), 1);
}

#[test]
fn people_in_two_folds_are_found() {
    let list = lfw::parse("x", &LFW.replace("Dora_E", "Anna")).unwrap();
    assert_eq!(list.overlaps(lfw::identity), [Overlap { identity: "Anna".into(), folds: vec![1, 2] }]);
}

#[test]
fn the_list_of_lfw_itself() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/lfw/pairs.txt");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return;
    };
    let list = lfw::read(&path).unwrap();
    assert_eq!((list.len(), list.images().len(), list.folds().len()), (6000, 7701, 10));
    assert!(
        list.folds().iter().all(|fold| fold.len() == 600 && fold.iter().filter(|p| p.same).count() == 300)
    );
    assert!(list.overlaps(lfw::identity).is_empty());
    let people: std::collections::HashSet<&str> =
        list.images().iter().map(|image| lfw::identity(image)).collect();
    assert_eq!(people.len(), 4281);
    assert_eq!(lfw::write(&list).unwrap().trim_end(), text.trim_end());
}

#[test]
fn rfw_has_no_header() {
    let list = rfw::parse("x", "m.1\t1\t2\nm.1\t1\tm.2\t1\nm.3\t1\t2\nm.3\t1\tm.4\t4\n", 2).unwrap();
    assert_eq!(list.folds().len(), 2);
    assert_eq!(named(&list)[3], ("m.3/m.3_0001.jpg", "m.4/m.4_0004.jpg", false));
}

#[test]
fn two_lines_are_regrouped() {
    let text = "a_1.jpg 1\na_2.jpg 1\nb_1.jpg 2\nb_2.jpg 2\na_1.jpg 0\nb_1.jpg 0\na_2.jpg 0\nb_2.jpg 0\n";
    let list = two_lines::parse("x", text, 2).unwrap();
    let pairs = [
        ("a_1.jpg", "a_2.jpg", true),
        ("a_1.jpg", "b_1.jpg", false),
        ("b_1.jpg", "b_2.jpg", true),
        ("a_2.jpg", "b_2.jpg", false),
    ];
    assert_eq!(named(&list), pairs);
    assert_eq!(list.overlaps(two_lines::identity).len(), 2);
    assert_eq!(two_lines::identity("Aaron_Peirsol_0001.jpg"), "Aaron_Peirsol");
}

#[test]
fn agedb_as_text() {
    let text =
        "0_Maria_35_f 0_Maria_70_f 1\n0_Maria_35_f, 1_Bette_40_f, -1\n2_X_1_m 2_X_9_m 1\n2_X_1_m 3_Y_9_m 0\n";
    let list = agedb::parse("x", text, 2).unwrap();
    assert_eq!(named(&list)[1], ("0_Maria_35_f", "1_Bette_40_f", false));
    assert!(list.overlaps(agedb::identity).is_empty());
    let error = agedb::read("AgeDB.mat", 10).unwrap_err().to_string();
    assert!(error.contains("MATLAB") && error.contains("splits"), "{error}");
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("marlo-judge-{name}-{}", std::process::id()));
        Folder(folder)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn cfp_is_a_folder() {
    let folder = Folder::new("cfp");
    let images =
        |view: &str| format!("1 ../Data/Images/001/{view}/01.jpg\n2 ../Data/Images/002/{view}/01.jpg\n");
    folder.write("Pair_list_F.txt", &images("frontal"));
    folder.write("Pair_list_P.txt", &images("profile"));
    for (fold, (same, different)) in [("10", ("2,2", "2,1")), ("02", ("1,1", "1,2"))] {
        folder.write(&format!("Split/FP/{fold}/same.txt"), same);
        folder.write(&format!("Split/FP/{fold}/diff.txt"), different);
    }
    let list = cfp::read(&folder.0, cfp::Views::FrontalProfile).unwrap();
    let image = "Data/Images/001/frontal/01.jpg";
    assert_eq!(named(&list)[0], (image, "Data/Images/001/profile/01.jpg", true));
    assert_eq!(named(&list)[3], ("Data/Images/002/frontal/01.jpg", "Data/Images/001/profile/01.jpg", false));
    assert_eq!(cfp::identity(image), "001");
    assert!(matches!(cfp::read(&folder.0, cfp::Views::FrontalFrontal), Err(FormatError::Io { .. })));
    folder.write("Split/FP/10/diff.txt", "2,1\n\n2,3\n");
    let error = cfp::read(&folder.0, cfp::Views::FrontalProfile).unwrap_err().to_string();
    assert!(error.contains("diff.txt, line 3: image 3 is not listed"), "{error}");
}

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name)
}

#[test]
fn pickles_of_python_2_and_3() {
    let names = [
        "python2-protocol2",
        "python3-protocol2",
        "python3-protocol3",
        "python3-protocol4",
        "python3-protocol5",
    ];
    for name in names {
        let packed = insightface::read(recorded(&format!("{name}.bin")), 3).unwrap();
        let long = [b'4'; 300];
        let images: [&[u8]; 6] = [b"first", b"\x00\xff\xd8", b"", &long, b"first", b"six"];
        assert_eq!(packed.images.iter().map(|image| &**image).collect::<Vec<_>>(), images, "{name}");
        assert_eq!(named(&packed.pairs), [("0", "1", true), ("2", "3", false), ("4", "5", true)], "{name}");
    }
    let error = insightface::read(recorded("arrays.bin"), 1).unwrap_err().to_string();
    assert!(error.contains("numpy") && error.contains("pickle.dump"), "{error}");
}

#[test]
fn no_pickle_is_trusted() {
    let whole = fs::read(recorded("python2-protocol2.bin")).unwrap();
    for end in 0..whole.len() {
        assert!(insightface::parse("x", &whole[..end], 1).is_err(), "cut at {end}");
    }
    // Every byte replaced: refused or read, and nothing else.
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut bad = whole.clone();
            bad[at] = byte;
            let _ = insightface::parse("x", &bad, 1);
        }
    }
    // Lists in lists, a promise of 2⁶⁴ − 1 bytes, calls of other functions.
    let nested = [b"\x80\x02".as_slice(), &b"](".repeat(100_000)].concat();
    let calls = b"cos\nsystem\n(X\x04\x00\x00\x00true\x85R.";
    for bad in [nested.as_slice(), b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff", calls, b"\x80\x02]]\x86."]
    {
        assert!(insightface::parse("x", bad, 1).is_err());
    }
    assert!(insightface::parse("x", b"\x80\x02](U\x00U\x00e](\x88\x88e\x86.", 1).is_err());
}

#[test]
fn bad_lines_are_named() {
    type Parse = fn(&str) -> Result<PairList, FormatError>;
    let lfw: Parse = |text| lfw::parse("f", text);
    let rfw: Parse = |text| rfw::parse("f", text, 2);
    let two: Parse = |text| two_lines::parse("f", text, 1);
    let age: Parse = |text| agedb::parse("f", text, 1);
    let cases = [
        (lfw, "", "f: an empty file"),
        (lfw, "a b c", "f, line 1: 3 words in the header"),
        (lfw, "10 x", "f, line 1: `x` is not a number"),
        (lfw, "0 300", "f, line 1: no pairs"),
        (lfw, "-1 300", "f, line 1: `-1` is not a number"),
        (lfw, "1 1\nA 1 2", "f: 1 pairs, and the header promises 1 × 1 × 2"),
        (lfw, "18446744073709551615 18446744073709551615\nA 1 2", "f: 1 pairs, and"),
        (lfw, "1 1\nA 1\n", "f, line 2: 2 words"),
        (lfw, "1 1\nA 1 z\n", "f, line 2: `z` is not a number"),
        (lfw, "1 1\n\nA 1 B 1\n", "f, line 3: pair 1 of fold 1 is of the other kind"),
        (lfw, "1 1\nA 1 2\nA 1 B 1\nA 1 2\n", "f, line 4: more than the 1 × 1 × 2 pairs"),
        (rfw, "A 1 2\n", "f: 1 pairs do not make 2 folds of one size"),
        (two, "a 1\n", "f, line 1: the last pair has one line"),
        (two, "a 1\nb 0\n", "f, line 2: the two lines of a pair disagree"),
        (two, "a 1\nb\n", "f, line 2: 1 words"),
        (two, "a 1\nb 1\n", "f: 0 pairs do not make 1 folds"),
        (age, "a b 2\n", "f, line 1: label `2`"),
        (age, "a b\n", "f, line 1: 2 words"),
    ];
    for (parse, text, start) in cases {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.starts_with(start) && error.contains("; "), "{text:?}: {error}");
    }
    assert!(agedb::parse("f", "a b 1\n", 0).is_err());
    assert!(matches!(lfw::read("no such file"), Err(FormatError::Io { .. })));
}

#[test]
fn what_lfw_cannot_hold_is_not_written() {
    let pair = |first, second, same| Pair { first, second, same };
    let list =
        |images: [&str; 3], folds| PairList::new("x", images.map(String::from).to_vec(), folds).unwrap();
    let good = ["A/A_0001.jpg", "A/A_0002.jpg", "B/B_0001.jpg"];
    let fold = vec![pair(0, 1, true), pair(0, 2, false)];
    assert!(lfw::write(&list(good, vec![fold.clone()])).is_ok());
    let reversed = fold.iter().rev().copied().collect();
    let two_names = vec![pair(0, 2, true), pair(0, 2, false)];
    for folds in [vec![], vec![reversed], vec![fold.clone(), vec![]], vec![two_names]] {
        assert!(matches!(lfw::write(&list(good, folds)), Err(PairsError::Unwritable { .. })));
    }
    for name in ["B_0001.jpg", "B/B_1.jpg", "B/C_0001.jpg", "B b/B b_0001.jpg", "/_0001.jpg", "B/B_0001.png"]
    {
        assert!(lfw::write(&list([good[0], good[1], name], vec![fold.clone()])).is_err(), "{name}");
    }
}

#[test]
fn images_are_found_by_name() {
    let list = lfw::parse("pairs.txt", LFW).unwrap();
    let mut names: Vec<String> = list.images().iter().rev().cloned().collect();
    names.insert(0, "somebody else".into());
    let rows: Vec<f32> = (0..names.len()).flat_map(|k| [1.0, k as f32]).collect();
    let embeddings = Embeddings::new(rows, 2).unwrap();
    let trials = list.trials_by_name(&embeddings, &names).unwrap();
    let (first, second) = (names.len() - 1, names.len() - 2);
    assert_eq!(trials[0][0].score, embeddings.cosine(first, second));
    assert!(verify(Protocol::FacexZoo, &trials).is_ok());
    assert!(matches!(list.trials(&embeddings), Err(PairsError::Rows { .. })));

    let error = list.trials_by_name(&embeddings, &names[..4]).unwrap_err();
    let first = "Anna/Anna_0001.jpg".to_string();
    assert_eq!(error, PairsError::Absent { list: "pairs.txt".into(), first, count: 5, total: 8 });
    // A name without a row is no image.
    let two = Embeddings::new(vec![1.0, 2.0], 1).unwrap();
    assert!(matches!(list.trials_by_name(&two, &names), Err(PairsError::Absent { count: 7, .. })));
    let pair = Pair { first: 0, second: 1, same: true };
    assert!(matches!(PairList::new("x", vec!["a".into()], vec![vec![pair]]), Err(PairsError::Image { .. })));
}
