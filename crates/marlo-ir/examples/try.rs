use marlo_ir::formula::{self, Style};
use marlo_ir::typed::{self, kinds};
fn main() {
    let mv = typed::define("mv_arc_adaptive", |l| {
        let s = l.param::<kinds::Scale>("s", 32.0, 1.0..=128.0);
        let m = l.param::<kinds::Angle>("m", 0.5, 0.0..=1.57);
        let t = l.param::<kinds::Weight>("t", 0.2, 0.0..=1.0);
        let f = l.name("f", (l.theta_target() + m).cos());
        let i = l.name("I", l.cos_other().gt(f));
        let h = l.name("h", typed::indicator(i, (s * t * (l.cos_other() + 1.0)).exp()));
        typed::ce(typed::softmax_weighted(s * f, s * l.cos_other(), h))
    });
    println!("{}", formula::gradient(&mv, Style::Text));
    println!("{}", formula::gradient(&mv, Style::Latex));
    let g = mv.gradient();
    println!("{}", g.loss.graph.print(&g.roots()));
    println!("{}", marlo_ir::schedule::RowProgram::of(&mv).print());
    let am = typed::define("focal_am", |l| {
        let s = l.param::<kinds::Scale>("s", 32.0, 1.0..=128.0);
        let m = l.param::<kinds::Cosine>("m", 0.5, 0.0..=1.57);
        let gamma = l.param::<kinds::Weight>("gamma", 2.0, 0.0..=5.0);
        typed::focal(typed::softmax(s * (l.cos_target() - m), s * l.cos_other()), gamma)
    });
    println!("{}", formula::gradient(&am, Style::Text));
    let sphere = typed::define("sphere", |l| {
        let s = l.param::<kinds::Scale>("s", 32.0, 1.0..=128.0);
        let m = l.param::<kinds::Factor>("m", 4.0, 1.0..=8.0);
        let k = (m * l.theta_target() / std::f64::consts::PI).floor();
        let f = l.name("psi", l.number(-1.0).pow(k) * (m * l.theta_target()).cos() - 2.0 * k);
        typed::ce(typed::softmax(s * f, s * l.cos_other()))
    });
    println!("{}", formula::gradient(&sphere, Style::Text));
    let st = typed::define("straight", |l| {
        let s = l.param::<kinds::Scale>("s", 32.0, 1.0..=128.0);
        let m = l.param::<kinds::Angle>("m", 0.5, 0.0..=1.57);
        let f = l.name("f", l.cos_target() + ((l.theta_target() + m).cos() - l.cos_target()).detach());
        typed::ce(typed::softmax(s * f, s * l.cos_other()))
    });
    println!("{}", formula::gradient(&st, Style::Text));
    let top = typed::define("ohem_share", |l| {
        let s = l.param::<kinds::Scale>("s", 32.0, 1.0..=128.0);
        let share = l.param::<kinds::Real>("share", 0.5, 0.0..=1.);
        let f = l.name("f", typed::select(l.cos_target().gt(l.number(0.0)), (l.theta_target()+0.5).cos(), l.cos_target()));
        typed::ce(typed::softmax(s * f, s * l.cos_other())).top_of_batch(share)
    });
    println!("{}", formula::gradient(&top, Style::Text));
    println!("{}", marlo_ir::schedule::RowProgram::of(&top).print());
    let ohem = typed::define("ohem", |l| {
        let s = l.param::<kinds::Scale>("s", 32.0, 1.0..=128.0);
        let tau = l.param::<kinds::Prob>("tau", 0.5, 0.0..=1.);
        let p = typed::softmax(s * l.cos_target(), s * l.cos_other());
        let hard = l.name("hard", p.target().lt(tau));
        typed::select(hard, typed::ce(p), l.number(0.0))
    });
    println!("{}", formula::gradient(&ohem, Style::Text));
}
