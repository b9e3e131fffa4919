//! Derivatives, states and laws of losses with centres, batch statistics and inputs against their oracles.

use super::*;

#[test]
fn every_derivative_agrees_with_its_oracles() {
    for loss in [centres(), curricular((-1.0, 1.0)), by_norm(), drawn(0.01), ranked().0] {
        let report = check(&loss, &[], &SMALL);
        for pair in &report.pairs {
            let replay = pair.failure.as_ref().map(|failure| failure.case.replay(&loss, "built"));
            assert!(pair.holds() && pair.entries > 30, "{replay:?}\n{pair:#?}");
        }
    }
}

#[test]
fn a_wrong_derivative_or_state_of_a_backend_is_found() {
    let loss = by_norm();
    let norm = Wrt::Input(1);
    let found = |batch: &Batch<f64>| Found::from(outcome(&loss.gradient(), batch));
    let right = |_: &Loss, batch: &Batch<f64>| -> Numbers { Ok(found(batch)) };
    let slope = |_: &Loss, batch: &Batch<f64>| -> Numbers {
        let mut found = found(batch);
        let partial = found.partials.iter_mut().find(|partial| partial.0 == norm).expect("it is usual");
        partial.1.iter_mut().for_each(|x| *x *= 1.001);
        Ok(found)
    };
    let state = |_: &Loss, batch: &Batch<f64>| -> Numbers {
        let mut found = found(batch);
        found.states[0] *= 1.001;
        Ok(found)
    };
    let plain = |_: &Loss, batch: &Batch<f64>| -> Numbers {
        let found = found(batch);
        Ok((found.loss, found.gradient).into())
    };
    let said = |run: &dyn Fn(&Loss, &Batch<f64>) -> Numbers| {
        let witness = Witness { name: "it", precision: Precision::F64, limit: 1e-9, run };
        let pair = check(&loss, &[witness], &SMALL).pairs.pop().expect("a witness");
        pair.failure.and_then(|failure| failure.place).map(|place| place.what())
    };
    assert_eq!((said(&right), said(&plain)), (None, None));
    assert_eq!(said(&slope).as_deref(), Some("the derivative by norm at row 0"));
    assert_eq!(said(&state).as_deref(), Some("the next mu"));
}

/// What a proof takes a node to be holds what it is, for every node of loss, derivatives and next states.
#[test]
fn enclosures_hold_every_value() {
    for loss in [centres(), curricular((-1.0, 1.0)), by_norm(), drawn(0.01), ranked().0] {
        let gradient = loss.gradient_by(&domain::everything(&loss));
        let graph = &gradient.loss.graph;
        let needed = graph.reachable(&gradient.all_roots().iter().map(|root| root.1).collect::<Vec<Id>>());
        let ids: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
        let batches: Vec<Batch<f64>> =
            cases(&loss, 78, 9).iter().map(|case| case.batch(&loss).expect("it fits")).collect();
        let found: Vec<Vec<Vec<f64>>> = batches.iter().map(|batch| evaluate(graph, &ids, batch)).collect();
        for (at, &id) in ids.iter().enumerate() {
            let model = Model::new(graph, &[id], &[]);
            let value = model.enclose(&model.whole()).expect("there are inputs").at(model.roots[0]);
            for (batch, values) in batches.iter().zip(&found) {
                let cells = values[at].len() == batch.rows * batch.classes && graph.shape(id) == Shape::Cell;
                for (place, &x) in values[at].iter().enumerate() {
                    // The place of the label is no other class.
                    if cells && batch.labels[place / batch.classes] == place % batch.classes {
                        continue;
                    }
                    let slack = 1e-9 * x.abs().max(1e-3);
                    let inside = value.range.lo - slack <= x && x <= value.range.hi + slack;
                    assert!(
                        inside || (x.is_nan() && !value.defined),
                        "{x} in {} at {:?}",
                        value.range,
                        graph.op(id)
                    );
                }
            }
        }
    }
}

#[test]
fn laws_speak_of_states() {
    let loss = curricular((-1.0, 1.0));
    let law = |right: &Loss| decide_losses(&loss, right, Limits::default());
    assert!(matches!(law(&loss), LawVerdict::Proved { .. }));
    // The same update, written otherwise.
    let mut other = loss.clone();
    let twice = other.graph.add(Op::Add, &[other.updates[0].next, other.updates[0].next]);
    let two = other.graph.number(2.0);
    other.updates[0].next = other.graph.add(Op::Div, &[twice, two]);
    assert!(matches!(law(&other), LawVerdict::Proved { .. }), "{:?}", law(&other));
    // Another one, and nothing else.
    let mut wrong = loss.clone();
    let (next, state) = (wrong.updates[0].next, wrong.graph.add(Op::Param(1), &[]));
    wrong.updates[0].next = wrong.graph.add(Op::Mul, &[next, state]);
    let LawVerdict::Refuted { counterexample } = law(&wrong) else { panic!("{:?}", law(&wrong)) };
    assert_eq!(counterexample.what, "the next t");
    // Without updates the state is a hyperparameter.
    let mut free = loss.clone();
    free.updates.clear();
    assert!(matches!(law(&free), LawVerdict::Proved { .. }));
    let less = wrong.graph.add(Op::Sub, &[free.total, state]);
    free = Loss { graph: wrong.graph.clone(), total: less, ..free };
    assert!(matches!(law(&free), LawVerdict::Refuted { .. }));
}

#[test]
fn laws_know_classes_ranks_and_centres() {
    let mut b = Build::new();
    let s = b.scale();
    let [y, second] = [0, 1].map(|r| b.cos(At::Target, r));
    let classes = b.0.graph.add(Op::Classes, &[]);
    let others = b.0.graph.add(Op::Others, &[]);
    let one = b.number(1.0);
    let count = b.op(Op::Add, &[others, one]);
    let rank = b.op(Op::RankI, &[y]);
    let scaled = b.op(Op::Mul, &[s, y]);
    let rank_scaled = b.op(Op::RankI, &[scaled]);
    let opposite = b.op(Op::Neg, &[y]);
    let rank_opposite = b.op(Op::RankI, &[opposite]);
    let swapped = b.op(Op::Mul, &[second, y]);
    let product = b.op(Op::Mul, &[y, second]);
    let square = b.op(Op::Mul, &[y, y]);
    let loss = b.finish(y);
    let with = |value: Id| {
        let mut loss = loss.clone();
        let row = loss.graph.add(Op::Mul, &[y, value]);
        let total = loss.graph.add(Op::MeanI, &[row]);
        Loss { row, total, ..loss }
    };
    let same = |a, b| decide_losses(&with(a), &with(b), Limits::default());
    for (a, b) in [(classes, count), (rank, rank_scaled), (swapped, product)] {
        assert!(matches!(same(a, b), LawVerdict::Proved { .. }), "{:?}", same(a, b));
    }
    for (a, b) in [(classes, others), (rank, rank_opposite), (product, square)] {
        assert!(matches!(same(a, b), LawVerdict::Refuted { .. }), "{:?}", same(a, b));
    }
}
