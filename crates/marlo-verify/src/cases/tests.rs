use std::collections::HashMap;

use marlo_ir::loss::Loss;
use quickcheck::Gen;

use super::*;
use crate::decisions::Decisions;

fn compile(text: &str) -> Loss {
    marlo_lang::compile(text, &marlo_lang::Empty).expect("the program is right").loss
}

fn masked() -> Loss {
    compile(
        "loss hard(s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2, prior[k]: Prob) {
            let f = cos(theta[y] + m)
            let h = indicator(cos[k] > f, exp(s * (cos[k] + 1)))
            ce(softmax(s * f, s * cos[k], weight: h * prior[k]))
        }",
    )
}

#[test]
fn every_stratum_is_drawn_and_every_case_fits() {
    let (logits, cosines) = (compile("loss raw() { ce(softmax(logit[y], logit[k])) }"), masked());
    for (loss, without) in [(&logits, 5), (&cosines, 1)] {
        let drawn = cases(loss, 130, 1);
        let mut counts: HashMap<Stratum, usize> = HashMap::new();
        for case in &drawn {
            assert!(case.batch(loss).is_ok(), "{case:?}");
            assert!(case.batch_in(loss, Precision::F32).is_ok(), "{case:?}");
            assert!(case.classes >= 2 && case.rows() >= 1);
            *counts.entry(case.stratum).or_default() += 1;
        }
        assert_eq!(counts.len(), Stratum::ALL.len() - without, "{counts:?}");
        assert!(counts.values().all(|n| *n >= 5), "{counts:?}");
    }
}

#[test]
fn equal_seeds_give_equal_cases() {
    let loss = masked();
    assert_eq!(cases(&loss, 40, 7), cases(&loss, 40, 7));
    assert_ne!(cases(&loss, 40, 7), cases(&loss, 40, 8));
    assert!(Case::draw(&loss, &mut Gen::from_size_and_seed(10, 1)).batch(&loss).is_ok());
}

#[test]
fn borders_are_reached_to_the_last_bit() {
    let loss = compile("loss easy(m: Angle = 0.5) { if cos[y] > 0.25 then cos(theta[y] + m) else cos[y] }");
    let source = Source::of(&loss);
    let mut g = Gen::from_size_and_seed(10, 3);
    let drawn: Vec<Case> = (0..100).map(|_| source.draw(Stratum::Border, &mut g)).collect();
    let targets: Vec<f64> = drawn
        .iter()
        .flat_map(|case| case.matrix.chunks(case.classes).zip(&case.labels).map(|(row, &label)| row[label]))
        .collect();
    for place in [0.25, 0.25_f64.next_down(), 0.25_f64.next_up()] {
        assert!(targets.contains(&place), "{place}");
    }
    let within = |distance: f64| targets.iter().filter(|c| (**c - 0.25).abs() < distance).count();
    assert!(within(1e-16) > 20 && within(1e-9) > within(1e-16) + 10 && within(2e-3) > 90);
}

#[test]
fn tails_reach_every_decade() {
    let loss = compile("loss n(s: Scale = 64 in 1..128) { ce(softmax(s * cos[y], s * cos[k])) }");
    let source = Source::of(&loss);
    let mut g = Gen::from_size_and_seed(10, 3);
    let value = |case: Case| {
        let batch = case.batch(&loss).expect("the case fits");
        marlo_ir::eval::evaluate(&loss.graph, &[loss.row], &batch).remove(0)
    };
    let losses: Vec<f64> = (0..200).flat_map(|_| value(source.draw(Stratum::Tails, &mut g))).collect();
    for power in 0..=30 {
        let (low, high) = (10.0_f64.powi(-power - 1), 10.0_f64.powi(-power + 1));
        assert!(losses.iter().any(|l| (low..high).contains(l)), "no loss near 1e-{power}");
    }
    assert!(losses.iter().any(|l| *l > 20.0) && losses.iter().any(|l| *l < 1e-40));
}

#[test]
fn a_failing_case_becomes_small() {
    let loss = masked();
    let fails = |case: &Case| {
        case.batch(&loss).is_ok()
            && case.matrix.chunks(case.classes).zip(&case.labels).any(|(row, &label)| row[label] < -0.2)
    };
    let found = cases(&loss, 60, 5).into_iter().find(|case| fails(case)).expect("one is below -0.2");
    let small = shrunk(&loss, &found, &fails);
    assert_eq!((small.classes, small.rows()), (2, 1));
    assert_eq!(small.matrix[small.labels[0]], -0.5);
    assert_eq!(small.matrix[1 - small.labels[0]], 0.0);
    assert_eq!(small.params, [32.0, 0.5]);
    assert_eq!(small.vectors[0].len(), 2);
}

#[test]
fn a_case_is_replayed_by_a_command() {
    let loss = masked();
    let case = Case {
        stratum: Stratum::Given,
        classes: 2,
        matrix: vec![0.3, -0.95, 1.0 - f64::EPSILON / 2.0, 1e-30],
        labels: vec![0, 1],
        vectors: vec![vec![0.1, 0.9]],
        params: vec![32.0, 0.25],
    };
    assert_eq!(
        case.replay(&loss, "hard"),
        "marlo eval hard --row=0.3,-0.95 --label=0 --row=0.9999999999999999,1e-30 --label=1 --set m=0.25 \
         --input prior=0.1,0.9"
    );
}

#[test]
fn no_decision_no_border() {
    let loss = compile("loss plain() { ce(softmax(2 * cos[y], 2 * cos[k])) }");
    assert!(Decisions::of(&loss.graph, &[loss.total]).is_empty());
    assert!(!Source::of(&loss).strata().contains(&Stratum::Border));
    assert!(!Source::of(&loss).strata().contains(&Stratum::Least));
}
