//! One program, two front ends: shipped losses of every kind, written in Rust, are the identical graph.

use std::f64::consts::PI;

use marlo::kind::types::Fits;
use marlo::loss::{Loss, Role};
use marlo::setting::Draw;
use marlo::specs;
use marlo::typed::kinds::{Angle, Cosine, Factor, Mask, Prob, Real, Scale, Weight};
use marlo::typed::shapes::{Cell, Join, Row, Scalar, ShapeType};
use marlo::typed::{
    self, Define, Distribution, Expr, ce, ce_other, focal, indicator, select, softmax, softmax_weighted,
};

type Param<'g, K> = Expr<'g, K, Scalar>;

fn scale(l: &Define, default: f64) -> Param<'_, Scale> {
    l.param("s", default, 1.0..=128.0)
}

fn angle<'g>(l: &'g Define, name: &str, default: f64) -> Param<'g, Angle> {
    l.param(name, default, 0.0..=PI / 2.0)
}

fn cosine<'g>(l: &'g Define, name: &str, default: f64) -> Param<'g, Cosine> {
    l.param(name, default, 0.0..=1.0)
}

fn gamma(l: &Define) -> Param<'_, Weight> {
    l.param("gamma", 2.0, 0.0..=8.0)
}

fn tau(l: &Define) -> Param<'_, Prob> {
    l.param("tau", 0.9, 0.0..=1.0)
}

fn arc<'g>(l: &'g Define, m: Param<'g, Angle>) -> Expr<'g, Cosine, Row> {
    (l.theta_target() + m).cos()
}

fn am<'g>(l: &'g Define, m: Param<'g, Cosine>) -> Expr<'g, Cosine, Row> {
    l.cos_target() - m
}

/// The softmax of a margin f.
fn over<'g>(l: &'g Define, s: Param<'g, Scale>, f: Expr<'g, Cosine, Row>) -> Distribution<'g> {
    softmax(s * f, s * l.cos_other())
}

/// OHEM by probability.
fn ohem<'g>(l: &'g Define, p: Distribution<'g>, tau: Param<'g, Prob>) -> Expr<'g, Real, Row> {
    let hard = l.name("hard", p.target().lt(tau));
    select(hard, ce(p), l.number(0.0))
}

fn mask<'g>(l: &'g Define, f: Expr<'g, Cosine, Row>) -> Expr<'g, Mask, Cell> {
    l.name("I", l.cos_other().gt(f))
}

/// A softmax over the margin f whose other classes are weighted where the mask is on.
fn weighted<'g, K: Fits<Real>, S: ShapeType>(
    l: &'g Define,
    s: Param<'g, Scale>,
    f: Expr<'g, Cosine, Row>,
    mask: Expr<'g, Mask, Cell>,
    weight: Expr<'g, K, S>,
) -> Expr<'g, Real, Row>
where
    Cell: Join<S, Output = Cell>,
{
    let h = l.name("h", indicator(mask, weight));
    ce(softmax_weighted(s * f, s * l.cos_other(), h))
}

/// Every shipped loss, in Rust.
fn losses() -> Vec<Loss> {
    vec![
        typed::define("softmax", |l| ce(softmax(l.logit_target(), l.logit_other()))),
        typed::define("normface", |l| ce(over(l, scale(l, 64.0), l.cos_target()))),
        typed::define("focal", |l| {
            let (s, gamma) = (scale(l, 32.0), gamma(l));
            focal(over(l, s, l.cos_target()), gamma)
        }),
        typed::define("ohem", |l| {
            let (s, tau) = (scale(l, 32.0), tau(l));
            ohem(l, over(l, s, l.cos_target()), tau)
        }),
        typed::define("ohem_share", |l| {
            let (s, share) = (scale(l, 32.0), l.param::<Real>("share", 0.9, 0.0..=1.0));
            ce(over(l, s, l.cos_target())).top_of_batch(share)
        }),
        typed::define("sphereface", |l| {
            let (s, m) = (scale(l, 32.0), l.param::<Factor>("m", 4.0, 1.0..=8.0));
            let last = -(-m).floor() - 1.0;
            let n = l.name("n", (m * l.theta_target() / PI).floor().min(last));
            let psi = l.number(-1.0).pow(n) * (m * l.theta_target()).cos() - 2.0 * n;
            let psi = l.name("psi", psi);
            ce(softmax(s * psi, s * l.cos_other()))
        }),
        typed::define("cosface", |l| {
            let (s, m) = (scale(l, 64.0), cosine(l, "m", 0.35));
            ce(over(l, s, l.name("f", am(l, m))))
        }),
        typed::define("arcface", |l| {
            let (s, m) = (scale(l, 64.0), angle(l, "m", 0.5));
            ce(over(l, s, l.name("f", arc(l, m))))
        }),
        typed::define("arcface_easy", |l| {
            let (s, m) = (scale(l, 64.0), angle(l, "m", 0.5));
            let f = select(l.cos_target().gt(l.number(0.0)), arc(l, m), l.cos_target());
            ce(over(l, s, l.name("f", f)))
        }),
        typed::define("arcface_fallback", |l| {
            let (s, m) = (scale(l, 64.0), angle(l, "m", 0.5));
            let past = l.cos_target() - m * m.sin();
            let f = select(l.cos_target().gt((PI - m).cos()), arc(l, m), past);
            let f = l.name("f", f);
            ce(softmax(s * f, s * l.cos_other()))
        }),
        typed::define("arcface_straight_through", |l| {
            let (s, m) = (scale(l, 64.0), angle(l, "m", 0.5));
            let f = l.cos_target() + (arc(l, m) - l.cos_target()).detach();
            ce(over(l, s, l.name("f", f)))
        }),
        typed::define("combined_margin", |l| {
            let (s, m1) = (scale(l, 64.0), l.param::<Factor>("m1", 1.0, 0.5..=8.0));
            let (m2, m3) = (angle(l, "m2", 0.3), cosine(l, "m3", 0.2));
            let f = (m1 * l.theta_target() + m2).cos() - m3;
            ce(over(l, s, l.name("f", f)))
        }),
        typed::define("focal_am", |l| {
            let (s, m, gamma) = (scale(l, 32.0), cosine(l, "m", 0.35), gamma(l));
            focal(over(l, s, am(l, m)), gamma)
        }),
        typed::define("focal_arc", |l| {
            let (s, m, gamma) = (scale(l, 32.0), angle(l, "m", 0.5), gamma(l));
            focal(over(l, s, arc(l, m)), gamma)
        }),
        typed::define("ohem_am", |l| {
            let (s, m, tau) = (scale(l, 32.0), cosine(l, "m", 0.35), tau(l));
            ohem(l, over(l, s, am(l, m)), tau)
        }),
        typed::define("ohem_arc", |l| {
            let (s, m, tau) = (scale(l, 32.0), angle(l, "m", 0.5), tau(l));
            ohem(l, over(l, s, arc(l, m)), tau)
        }),
        typed::define("sv_softmax", |l| {
            let (s, t) = (scale(l, 32.0), l.param::<Factor>("t", 1.2, 1.0..=4.0));
            let hard = mask(l, l.cos_target());
            weighted(l, s, l.cos_target(), hard, (s * (t - 1.0) * (l.cos_other() + 1.0)).exp())
        }),
        typed::define("sv_am", |l| {
            let (s, m, t) = (scale(l, 32.0), cosine(l, "m", 0.35), l.param::<Factor>("t", 1.2, 1.0..=4.0));
            let f = l.name("f", am(l, m));
            weighted(l, s, f, mask(l, f), (s * (t - 1.0) * (l.cos_other() + 1.0)).exp())
        }),
        typed::define("sv_arc", |l| {
            let (s, m, t) = (scale(l, 32.0), angle(l, "m", 0.5), l.param::<Factor>("t", 1.2, 1.0..=4.0));
            let f = l.name("f", arc(l, m));
            weighted(l, s, f, mask(l, f), (s * (t - 1.0) * (l.cos_other() + 1.0)).exp())
        }),
        typed::define("mv_am_fixed", |l| {
            let (s, m, t) = (scale(l, 32.0), cosine(l, "m", 0.35), l.param::<Weight>("t", 0.2, 0.0..=1.0));
            let f = l.name("f", am(l, m));
            weighted(l, s, f, mask(l, f), (s * t).exp())
        }),
        typed::define("mv_arc_fixed", |l| {
            let (s, m, t) = (scale(l, 32.0), angle(l, "m", 0.5), l.param::<Weight>("t", 0.2, 0.0..=1.0));
            let f = l.name("f", arc(l, m));
            weighted(l, s, f, mask(l, f), (s * t).exp())
        }),
        typed::define("mv_am_adaptive", |l| {
            let (s, m, t) = (scale(l, 32.0), cosine(l, "m", 0.35), l.param::<Weight>("t", 0.2, 0.0..=1.0));
            let f = l.name("f", am(l, m));
            weighted(l, s, f, mask(l, f), (s * t * (l.cos_other() + 1.0)).exp())
        }),
        typed::define("mv_arc_adaptive", |l| {
            let (s, m, t) = (scale(l, 32.0), angle(l, "m", 0.5), l.param::<Weight>("t", 0.2, 0.0..=1.0));
            let f = l.name("f", arc(l, m));
            weighted(l, s, f, mask(l, f), (s * t * (l.cos_other() + 1.0)).exp())
        }),
        typed::define("curricularface", |l| {
            let (s, m) = (scale(l, 64.0), angle(l, "m", 0.5));
            let momentum = l.param::<Prob>("momentum", 0.01, 0.0..=1.0);
            let t = l.state::<Real, _>("t", 0.0, -1.0..=1.0, |t| {
                momentum * l.cos_target().mean_over_batch() + (1.0 - momentum) * t
            });
            let past = (l.number(PI) - m).cos();
            let kept = l.cos_target().gt(past);
            let f = l.name("f", select(kept, arc(l, m), l.cos_target() - m * m.sin()));
            let hard = l.name("I", l.cos_other().gt(arc(l, m)));
            let n = l.name("n", select(hard, l.cos_other() * (t + l.cos_other()), l.cos_other()));
            ce(softmax(s * f, s * n))
        }),
        typed::define("subcentre_arcface", |l| {
            let (s, m) = (scale(l, 64.0), angle(l, "m", 0.5));
            l.centres(3);
            let c = l.name("c", l.cos_target_of_centres().max_over_centres());
            let f = l.name("f", (c.acos() + m).cos());
            ce(softmax(s * f, s * l.cos_other_of_centres().max_over_centres()))
        }),
        typed::define("elasticface_cos_plus", |l| {
            let (s, m) = (scale(l, 64.0), cosine(l, "m", 0.35));
            let sigma = l.param::<Cosine>("sigma", 0.025, 0.0..=0.1);
            let noise = l.drawn_input::<Real>("noise", Draw::Normal(0.0, 1.0), -10.0..=10.0);
            let margin = l.name("margin", m + sigma * noise.matched_by(-l.cos_target()));
            let f = l.name("f", l.cos_target() - margin);
            ce(softmax(s * f, s * l.cos_other()))
        }),
        typed::define("label_smoothing", |l| {
            let e = l.param::<Prob>("e", 0.1, 0.0..=1.0);
            let p = softmax(l.logit_target(), l.logit_other());
            (1.0 - e) * ce(p) + e * (ce(p) + ce_other(p).sum_over_classes()) / l.classes()
        }),
    ]
}

/// Everything that a loss holds, printed: declarations, the loss, and the named values in order.
fn print(loss: &Loss) -> String {
    let mut roots = vec![("row", loss.row), ("total", loss.total)];
    roots.extend(loss.updates.iter().map(|update| ("next", update.next)));
    roots.extend(loss.names.iter().map(|named| (named.name.as_str(), named.id)));
    let roles: Vec<Role> = loss.names.iter().map(|named| named.role).collect();
    format!("{:?}\n{:?}\n{roles:?}\n{}", loss.graph.params, loss.graph.inputs, loss.graph.print(&roots))
}

#[test]
fn both_front_ends_give_the_same_graph() {
    for rust in losses() {
        let text = specs::compile(&rust.name).expect("each is a shipped spec").loss;
        assert_eq!(print(&rust), print(&text), "{}", rust.name);
    }
}
