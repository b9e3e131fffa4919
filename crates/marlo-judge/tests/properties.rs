//! What holds for any scores.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

use marlo_judge::formats::lfw;
use marlo_judge::identification::{Ties, cmc, ijb_1n, leave_one_out, megaface, open_set};
use marlo_judge::{
    Confidence, Embeddings, JudgeError, Labelled, PairList, Point, Protocol, Roc, Trial, all_pairs, verify,
};
use quickcheck::{Arbitrary, Gen, quickcheck};

/// Scores of both kinds, with many ties.
#[derive(Clone, Debug)]
struct Scores(Vec<Trial>);

impl Arbitrary for Scores {
    fn arbitrary(g: &mut Gen) -> Self {
        let more = g.size();
        let mut score = || f64::from(i8::arbitrary(g) % 20) / 8.0;
        let mut trials = vec![trial(score(), true), trial(score(), false)];
        let scores: Vec<f64> = (0..more).map(|_| score()).collect();
        trials.extend(scores.into_iter().map(|score| trial(score, bool::arbitrary(g))));
        Scores(trials)
    }
}

/// Directions in the plane with few distinct cosines, and labels of which at least two are equal and two differ.
#[derive(Clone, Debug)]
struct People(Embeddings, Vec<i64>);

impl Arbitrary for People {
    fn arbitrary(g: &mut Gen) -> Self {
        let n = 4 + g.size() * usize::from(u8::arbitrary(g) % 4);
        let mut number = || f32::from(i8::arbitrary(g) % 5);
        let rows: Vec<f32> = (0..n).flat_map(|_| [1.0, number(), number()]).collect();
        let labels =
            (0..n).map(|k| if k < 3 { (k / 2) as i64 } else { i64::from(u8::arbitrary(g) % 9) }).collect();
        People(Embeddings::new(rows, 3).unwrap(), labels)
    }
}

/// Rows whose length is 64, in whole numbers: their cosines have no rounding in f32, and are many.
#[derive(Clone, Debug)]
struct Exact(People);

impl Exact {
    fn new(n: usize, g: &mut Gen) -> Self {
        let mut rows = Vec::new();
        for _ in 0..n {
            let mut left = 64 * 64;
            for _ in 0..8 {
                let most = f64::from(left).sqrt() as i32;
                let number = i32::from(i8::arbitrary(g)) % 40;
                let number = number.clamp(-most, most);
                left -= number * number;
                rows.push(number as f32);
            }
            rows.extend(four_squares(left).map(|number| number as f32));
        }
        let labels =
            (0..n).map(|k| if k < 3 { (k / 2) as i64 } else { i64::from(u8::arbitrary(g)) % (n as i64) });
        let labels = labels.collect();
        Exact(People(Embeddings::new(rows, 12).unwrap(), labels))
    }
}

impl Arbitrary for Exact {
    fn arbitrary(g: &mut Gen) -> Self {
        Exact::new(4 + usize::from(u8::arbitrary(g)) % 80, g)
    }
}

/// Every whole number is a sum of four squares.
fn four_squares(sum: i32) -> [i32; 4] {
    let root = |of: i32| f64::from(of).sqrt() as i32;
    for a in (0..=root(sum)).rev() {
        let left = sum - a * a;
        for b in (0..=root(left)).rev() {
            let left = left - b * b;
            for c in (0..=root(left)).rev() {
                let d = root(left - c * c);
                if d * d == left - c * c {
                    return [a, b, c, d];
                }
            }
        }
    }
    unreachable!("Lagrange")
}

/// The corners of the curve of all pairs, sorted.
fn sorted_curve(people: &People) -> Vec<Point> {
    let pairs = (0..people.0.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let trials: Vec<Trial> = pairs
        .map(|(i, j)| Trial { score: people.0.cosine(i, j), same: people.1[i] == people.1[j] })
        .collect();
    corners(Roc::new(&trials).unwrap().points())
}

#[test]
fn several_blocks_are_what_sorting_gives() {
    let people = Exact::new(600, &mut Gen::new(10)).0;
    let curve = sorted_curve(&people);
    assert!(curve.len() > 100);
    assert_eq!(corners(all_pairs::roc(people.set()).unwrap().points()), curve);
}

impl People {
    fn set(&self) -> Labelled<'_> {
        Labelled::new(&self.0, &self.1).unwrap()
    }
}

/// The points where a curve turns.
fn corners(points: &[Point]) -> Vec<Point> {
    let turns = |a: Point, b: Point, c: Point| {
        let step = |a: Point, b: Point| (b.false_accepts - a.false_accepts, b.true_accepts - a.true_accepts);
        let (first, second) = (step(a, b), step(b, c));
        first.0 * second.1 != second.0 * first.1
    };
    let mut kept: Vec<Point> = Vec::new();
    for (k, &point) in points.iter().enumerate() {
        let ends = k == 0 || k + 1 == points.len();
        if ends || turns(*kept.last().unwrap(), point, points[k + 1]) {
            kept.push(point);
        }
    }
    kept
}

quickcheck! {
    fn the_area_is_a_probability(scores: Scores) -> bool {
        let (genuine, impostors): (Vec<Trial>, Vec<Trial>) = scores.0.iter().partition(|trial| trial.same);
        let twice: usize = genuine.iter().map(|a| {
            impostors.iter().map(|b| usize::from(a.score > b.score) + usize::from(a.score >= b.score)).sum::<usize>()
        }).sum();
        let probability = twice as f64 / 2.0 / (genuine.len() * impostors.len()) as f64;
        (Roc::new(&scores.0).unwrap().auc() - probability).abs() < 1e-15
    }

    fn curves_rise(scores: Scores) -> bool {
        let roc = Roc::new(&scores.0).unwrap();
        let rising = roc.points().windows(2).all(|pair| {
            pair[0].threshold > pair[1].threshold
                && pair[0].false_accepts <= pair[1].false_accepts
                && pair[0].true_accepts <= pair[1].true_accepts
        });
        let counts = scores.0.iter().filter(|trial| trial.same).count() as u64;
        rising && roc.genuine() == counts && roc.genuine() + roc.impostors() == scores.0.len() as u64
    }

    fn dropped_points_change_nothing(scores: Scores) -> bool {
        let roc = Roc::new(&scores.0).unwrap();
        let dropped = roc.without_intermediate();
        (dropped.auc() - roc.auc()).abs() < 1e-15 && (dropped.eer() - roc.eer()).abs() < 1e-12
            && corners(dropped.points()) == corners(roc.points())
    }

    fn curves_do_not_see_the_scale(scores: Scores) -> bool {
        let map = |trial: &Trial| Trial { score: (trial.score / 2.0).exp() - 7.0, ..*trial };
        let mapped = Roc::new(&scores.0.iter().map(map).collect::<Vec<_>>()).unwrap();
        let counts = |roc: &Roc| roc.points().iter().map(|p| (p.false_accepts, p.true_accepts)).collect::<Vec<_>>();
        counts(&mapped) == counts(&Roc::new(&scores.0).unwrap())
    }

    fn the_equal_error_rate_is_on_the_curve(scores: Scores) -> bool {
        let roc = Roc::new(&scores.0).unwrap();
        let eer = roc.eer();
        roc.points().windows(2).any(|pair| {
            let [a, b] = [pair[0], pair[1]].map(|p| (roc.far(p), roc.tar(p)));
            let cross = (b.0 - a.0) * (1.0 - eer - a.1) - (b.1 - a.1) * (eer - a.0);
            cross.abs() < 1e-12 && a.0 - 1e-12 <= eer && eer <= b.0 + 1e-12
        })
    }

    fn the_rate_is_the_best_within_the_target(scores: Scores, share: u8) -> bool {
        let (roc, target) = (Roc::new(&scores.0).unwrap(), f64::from(share) / 255.0);
        match roc.tar_at_far(target, Confidence::Ninety) {
            Err(JudgeError::Unresolved { needed, found, .. }) => found < needed && target < 10.0 / found as f64,
            Err(JudgeError::Rate { .. }) => share == 0,
            Err(_) => false,
            Ok(at) => {
                let within = roc.points().iter().filter(|&&p| roc.far(p) <= target).map(|&p| roc.tar(p));
                let accepted = |same| scores.0.iter().filter(|t| t.same == same && t.score >= at.threshold).count();
                at.tar == within.fold(0.0, f64::max)
                    && at.far <= target
                    && at.tar == accepted(true) as f64 / roc.genuine() as f64
                    && at.far == accepted(false) as f64 / roc.impostors() as f64
                    && at.tar_interval.low <= at.tar && at.tar <= at.tar_interval.high
            }
        }
    }

    fn all_pairs_are_what_sorting_gives(people: Exact) -> bool {
        sorted_curve(&people.0) == corners(all_pairs::roc(people.0.set()).unwrap().points())
    }

    fn more_ranks_find_more(people: People) -> bool {
        let curve = leave_one_out(people.set(), Ties::Against).unwrap().curve(people.0.len());
        let kind = leave_one_out(people.set(), Ties::InFavour).unwrap();
        let ranks = 1..=people.0.len();
        curve.windows(2).all(|pair| pair[0] <= pair[1])
            && curve.last() == Some(&1.0)
            && ranks.zip(&curve).all(|(rank, &rate)| kind.rate(rank) >= rate)
    }

    fn distractors_only_hinder(people: People, other: People) -> bool {
        let alone = cmc(people.set(), people.set(), None, Ties::InFavour).unwrap();
        let among = cmc(people.set(), people.set(), Some(&other.0), Ties::InFavour).unwrap();
        // Each finds itself.
        alone.rate(1) == 1.0 && among.ranks.iter().zip(&alone.ranks).all(|(a, b)| a >= b)
    }

    fn megaface_searches_all_ordered_pairs(people: People, other: People) -> bool {
        let pairs = people.1.iter().enumerate().flat_map(|(i, a)| {
            people.1.iter().enumerate().filter(move |&(j, b)| i != j && a == b)
        }).count();
        let found = megaface(people.set(), &other.0).unwrap();
        found.ranks.len() == pairs && found.rate(other.0.len() + 1) == 1.0
    }

    fn pairs_txt_is_read_as_it_was_written(folds: u8, each: u8, numbers: Vec<u16>) -> bool {
        let (folds, each) = (1 + usize::from(folds % 4), 1 + usize::from(each % 5));
        let mut numbers = numbers.into_iter().chain(1..);
        let mut text = format!("{folds}\t{each}\n");
        for k in 0..2 * folds * each {
            let [a, i, b, j] = [(); 4].map(|()| numbers.next().unwrap());
            text += &match k / each % 2 {
                0 => format!("P_{a}\t{i}\t{j}\n"),
                _ => format!("P_{a}\t{i}\tQ-{b}\t{j}\n"),
            };
        }
        let list = lfw::parse("x", &text).unwrap();
        let written = lfw::write(&list).unwrap();
        written == text && lfw::parse("x", &written).unwrap() == list
    }

    fn no_text_is_trusted(text: String) -> bool {
        use marlo_judge::formats::{agedb, rfw, two_lines};
        let lines = |list: Result<PairList, _>| list.map_or(0, |list| list.len()) <= text.lines().count();
        lines(lfw::parse("x", &text)) && lines(rfw::parse("x", &text, 1))
            && lines(two_lines::parse("x", &text, 1)) && lines(agedb::parse("x", &text, 1))
    }
}

fn trial(score: f64, same: bool) -> Trial {
    Trial { score, same }
}

#[test]
fn what_cannot_be_judged_is_refused() {
    use JudgeError as E;
    assert_eq!(Roc::new(&[]), Err(E::Empty { what: "scores" }));
    assert!(matches!(Roc::new(&[trial(1.0, true)]), Err(E::OneClass { genuine: 1, impostors: 0, .. })));
    assert!(matches!(Roc::new(&[trial(1.0, false); 3]), Err(E::OneClass { genuine: 0, impostors: 3, .. })));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let scores = [trial(1.0, true), trial(bad, false)];
        assert!(matches!(Roc::new(&scores), Err(E::NotFinite { index: 1, .. })));
        assert!(matches!(
            verify(Protocol::Insightface, &[scores.to_vec()]),
            Err(E::NotFinite { index: 1, .. })
        ));
    }
    let roc = Roc::new(&[trial(1.0, true), trial(0.0, false)]).unwrap();
    for bad in [0.0, -1.0, 1.5, f64::NAN] {
        assert!(matches!(roc.tar_at_far(bad, Confidence::Ninety), Err(E::Rate { .. })));
    }
    let unresolved = Err(E::Unresolved { target: 1.0, needed: 10, found: 1 });
    assert_eq!(roc.tar_at_far(1.0, Confidence::Ninety), unresolved);
    assert_eq!(roc.tar_at_nearest_far(1.0, Confidence::Ninety), unresolved);
}

#[test]
fn folds_that_cannot_be_judged_are_refused() {
    use JudgeError as E;
    let both = vec![trial(1.0, true), trial(0.0, false)];
    let one = vec![trial(1.0, true)];
    for protocol in [Protocol::Insightface, Protocol::FacexZoo] {
        assert_eq!(verify(protocol, &[]), Err(E::Empty { what: "scores" }));
        assert_eq!(verify(protocol, std::slice::from_ref(&both)), Err(E::Folds { found: 1 }));
        assert_eq!(verify(protocol, &[both.clone(), vec![]]), Err(E::EmptyFold { fold: 2 }));
        let error = verify(protocol, &[both.clone(), one.clone()]).unwrap_err();
        assert!(error.to_string().contains("outside of fold 1"), "{error}");
    }
}

#[test]
fn sets_that_cannot_be_judged_are_refused() {
    use JudgeError as E;
    let rows = |n: usize, dim| Embeddings::new(vec![1.0; n * dim], dim).unwrap();
    let (four, wide) = (rows(4, 2), rows(4, 3));
    assert!(matches!(Labelled::new(&four, &[0; 3]), Err(E::Labels { labels: 3, embeddings: 4 })));
    let all_same = Labelled::new(&four, &[0; 4]).unwrap();
    let all_different = Labelled::new(&four, &[1, 2, 3, 4]).unwrap();
    let mixed = Labelled::new(&four, &[1, 1, 2, 5]).unwrap();
    let wide = Labelled::new(&wide, &[0; 4]).unwrap();
    assert!(matches!(all_pairs::roc(all_same), Err(E::OneClass { genuine: 6, impostors: 0, .. })));
    assert!(matches!(all_pairs::roc(all_different), Err(E::OneClass { genuine: 0, impostors: 6, .. })));
    assert!(matches!(leave_one_out(all_different, Ties::Against), Err(E::Empty { .. })));
    assert!(matches!(megaface(all_different, &four), Err(E::Empty { .. })));
    assert!(matches!(
        cmc(mixed, all_different, None, Ties::Against),
        Err(E::Mates { probe: 3, label: 5, .. })
    ));
    assert!(matches!(ijb_1n(all_same, mixed, &[0.5]), Err(E::Mates { probe: 0, found: 0, .. })));
    assert!(matches!(ijb_1n(mixed, mixed, &[0.5]), Err(E::Mates { probe: 0, found: 2, .. })));
    for bad in [0.0, 1.5, f64::NAN] {
        assert!(matches!(ijb_1n(all_different, all_different, &[bad]), Err(E::Rate { .. })));
    }
    assert!(matches!(open_set(all_different, all_different), Err(E::OneClass { impostors: 0, .. })));
    assert!(matches!(open_set(all_same, all_different), Err(E::OneClass { genuine: 0, .. })));
    assert!(matches!(cmc(all_same, wide, None, Ties::Against), Err(E::Embeddings(_))));
    assert!(matches!(cmc(all_same, all_same, Some(wide.embeddings()), Ties::Against), Err(E::Embeddings(_))));
    assert!(matches!(megaface(all_same, wide.embeddings()), Err(E::Embeddings(_))));
    assert!(matches!(open_set(all_same, wide), Err(E::Embeddings(_))));
    assert!(matches!(ijb_1n(all_same, wide, &[]), Err(E::Embeddings(_))));
    // One score for everybody: ranked last, or first, as ties are counted.
    let pairs = Labelled::new(&four, &[1, 1, 2, 2]).unwrap();
    assert_eq!(leave_one_out(pairs, Ties::Against).unwrap().ranks, [3; 4]);
    assert_eq!(leave_one_out(pairs, Ties::InFavour).unwrap().ranks, [1; 4]);
    assert_eq!(megaface(pairs, &four).unwrap().ranks, [1; 4]);
    assert_eq!(ijb_1n(all_different, all_different, &[0.5]).unwrap().rates[0].2, 0.0);
    let open = open_set(mixed, Labelled::new(&four, &[1, 7, 7, 7]).unwrap()).unwrap();
    let unresolved = open.tpir_at_fpir(0.5, 1, Confidence::Ninety);
    assert_eq!(unresolved, Err(E::Unresolved { target: 0.5, needed: 20, found: 2 }));
}
