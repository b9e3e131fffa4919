//! The sweeps of the shipped losses, compiled. Generated from `specs/`; do not edit.

/// Every sweep, each once.
pub static ENTRIES: &[crate::compiled::Entry] = &[
    crate::compiled::Entry::of::<2, 0, 1, 1, Sweep0>("v0 = max(x1, 1e-12); v1 = ln(v0); v2 = add(x0, v1); lse v2; keep e0"),
    crate::compiled::Entry::of::<2, 2, 2, 1, Sweep1>("v0 = max(x0, 1.0); v1 = div(r0, v0); max v1; lse x1 * r1; keep e1"),
    crate::compiled::Entry::of::<2, 1, 1, 1, Sweep2>("v0 = max(x0, 1e-12); v1 = ln(v0); v2 = mul_add(r0, v1, x1); lse v2; keep e0"),
    crate::compiled::Entry::of::<1, 1, 1, 1, Sweep3>("lse x0 * r0; keep e0"),
    crate::compiled::Entry::of::<2, 1, 2, 1, Sweep4>("v0 = max(x1, 0.0); v1 = min(v0, 1.0); v2 = sub(1.0, v1); lse x0 * r0; sum v2; keep e0"),
    crate::compiled::Entry::of::<1, 2, 1, 1, Sweep5>("v0 = acos(x0); v1 = mul_add(-2.0, v0, 3.141592653589793); v2 = inside(x0, r1); v3 = csc(v2); lse v1 * r0; keep e0 * v3"),
    crate::compiled::Entry::of::<2, 1, 1, 0, Sweep6>("v0 = mul(x0, x1); lse v0 * r0"),
    crate::compiled::Entry::of::<2, 5, 1, 1, Sweep7>("v0 = mul(x0, x1); v1 = exp_scaled(v0, r0, r1); v2 = mul(r2, v1); v3 = mul(v0, v2); v4 = mul(r3, x1); v5 = mul(v4, v2); v6 = mul(r4, v5); sum v3; write v6"),
    crate::compiled::Entry::of::<1, 2, 1, 1, Sweep8>("v0 = acos(x0); v1 = sub(6.283185307179586, v0); v2 = mul(v1, v1); v3 = inside(x0, r1); v4 = csc(v3); v5 = mul(v4, v1); lse v2 * r0; keep e0 * v5"),
    crate::compiled::Entry::of::<1, 1, 1, 0, Sweep9>("lse x0 * r0"),
    crate::compiled::Entry::of::<1, 4, 1, 1, Sweep10>("v0 = exp_scaled(x0, r0, r1); v1 = mul(r2, v0); v2 = mul(x0, v1); v3 = mul(r3, v1); sum v2; write v3"),
    crate::compiled::Entry::of::<1, 2, 1, 1, Sweep11>("v0 = cos_angle(r1, 0.0, x0); lse v0 * r0; keep e0"),
    crate::compiled::Entry::of::<3, 1, 1, 3, Sweep12>("v0 = max(x0, x1); v1 = max(v0, x2); v2 = le(x1, x0); v3 = le(x2, v0); v4 = select(v3, 1.0, 0.0); v5 = select(v2, v4, 0.0); v6 = select(v2, 0.0, v4); v7 = select(v3, 0.0, 1.0); lse v1 * r0; keep e0 * v5; keep e0 * v6; keep e0 * v7"),
    crate::compiled::Entry::of::<1, 4, 1, 1, Sweep13>("v0 = mul_add(r1, x0, r1); v1 = sub(x0, r2); v2 = mul(v1, v1); v3 = mul(r3, v2); v4 = exp(v3); v5 = mul(v0, v4); v6 = sub(v5, 1.0); lse v6 * r0; keep e0 * v4"),
    crate::compiled::Entry::of::<1, 4, 3, 1, Sweep14>("v0 = lt(r0, x0); v1 = select(v0, 1.0, 0.0); v2 = select(v0, x0, 0.0); v3 = mul_add(r2, x0, r3); v4 = select(v0, v3, x0); v5 = select(v0, r2, 1.0); sum v1; sum v2; lse v4 * r1; keep e2 * v5"),
    crate::compiled::Entry::of::<1, 3, 1, 1, Sweep15>("v0 = lt(r1, x0); v1 = add(r2, x0); v2 = select(v0, v1, 1.0); v3 = mul(x0, v2); v4 = mul_add(2.0, x0, r2); v5 = select(v0, v4, 1.0); lse v3 * r0; keep e0 * v5"),
    crate::compiled::Entry::of::<1, 4, 1, 1, Sweep16>("v0 = lt(r1, x0); v1 = mul_add(r2, x0, r3); v2 = select(v0, v1, x0); v3 = select(v0, r2, 1.0); lse v2 * r0; keep e0 * v3"),
    crate::compiled::Entry::of::<1, 3, 1, 1, Sweep17>("v0 = lt(r1, x0); v1 = add(x0, r2); v2 = select(v0, v1, x0); lse v2 * r0; keep e0"),
    crate::compiled::Entry::of::<0, 0, 0, 1, Sweep18>("write 0.0"),
    crate::compiled::Entry::of::<1, 2, 1, 1, Sweep19>("v0 = sub(x0, r1); v1 = add(r1, x0); v2 = relu(v1); v3 = mul(v0, v2); lse v3 * r0; keep e0 * v2"),
    crate::compiled::Entry::of::<1, 4, 1, 1, Sweep20>("v0 = mul_add(0.5, x0, 0.5); v1 = pow(v0, r0); v2 = mul_add(r1, v1, r2); v3 = softplus(v2); v4 = sigmoid(v2); v5 = mul(r3, v4); sum v3; write v5"),
    crate::compiled::Entry::of::<1, 3, 1, 1, Sweep21>("v0 = mul_add(r0, x0, r1); v1 = softplus(v0); v2 = sigmoid(v0); v3 = mul(r2, v2); sum v1; write v3"),
    crate::compiled::Entry::of::<2, 1, 1, 1, Sweep22>("v0 = mul(x0, x1); lse v0 * r0; keep e0 * x1"),
    crate::compiled::Entry::of::<1, 0, 1, 0, Sweep23>("lse x0"),
    crate::compiled::Entry::of::<1, 5, 1, 1, Sweep24>("v0 = sub(r0, x0); v1 = exp_shifted(x0, r1); v2 = mul(r2, v1); v3 = mul_add(r3, v2, r4); sum v0; write v3"),
    crate::compiled::Entry::of::<1, 1, 1, 1, Sweep25>("v0 = mul(x0, x0); v1 = mul(r0, x0); sum v0; write v1"),
    crate::compiled::Entry::of::<1, 2, 1, 1, Sweep26>("v0 = mul(r1, x0); v1 = tanh(v0); v2 = mul(-2.0, v0); v3 = sigmoid(v2); v4 = mul(2.0, v0); v5 = sigmoid(v4); v6 = mul(v3, v5); lse v1 * r0; keep e0 * v6"),
    crate::compiled::Entry::of::<1, 0, 1, 1, Sweep27>("lse x0; keep e0"),
];

/// First found in balanced_softmax.
///
/// `v0 = max(x1, 1e-12); v1 = ln(v0); v2 = add(x0, v1); lse v2; keep e0`
pub struct Sweep0;

impl crate::tile::Cells<2, 0, 1, 1> for Sweep0 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], x: [F; 2]) -> [F; 1] {
        let v0 = F::max(x[1], F::from_f64(1e-12));
        let v1 = F::ln::<I>(v0);
        let v2 = x[0] + v1;
        [v2 * F::LOG2_E.0]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], _x: [F; 2]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        _r: &[F; 0],
        _low: &[F; 0],
        shift: &[F; 1],
        x: [F; 2],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::max(x[1], F::from_f64(1e-12));
        let v1 = F::ln::<I>(v0);
        let v2 = x[0] + v1;
        let e0 = F::exp2_scaled::<I>(v2, F::LOG2_E.0, F::LOG2_E.1, shift[0]);
        ([e0], [e0])
    }
}

/// First found in ldam.
///
/// `v0 = max(x0, 1.0); v1 = div(r0, v0); max v1; lse x1 * r1; keep e1`
pub struct Sweep1;

impl crate::tile::Cells<2, 2, 2, 1> for Sweep1 {
    const MERGES: [crate::tile::Merge; 2] = [crate::tile::Merge::Max, crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 2], x: [F; 2]) -> [F; 2] {
        [F::default(), x[1] * r[1]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 2], _x: [F; 2]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 2],
        low: &[F; 2],
        shift: &[F; 2],
        x: [F; 2],
    ) -> ([F; 2], [F; 1]) {
        let v0 = F::max(x[0], F::from_f64(1.0));
        let v1 = r[0] / v0;
        let e1 = F::exp2_scaled::<I>(x[1], r[1], low[1], shift[1]);
        ([v1, e1], [e1])
    }
}

/// First found in logit_adjustment.
///
/// `v0 = max(x0, 1e-12); v1 = ln(v0); v2 = mul_add(r0, v1, x1); lse v2; keep e0`
pub struct Sweep2;

impl crate::tile::Cells<2, 1, 1, 1> for Sweep2 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 1], x: [F; 2]) -> [F; 1] {
        let v0 = F::max(x[0], F::from_f64(1e-12));
        let v1 = F::ln::<I>(v0);
        let v2 = F::mul_add::<I>(r[0], v1, x[1]);
        [v2 * F::LOG2_E.0]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 2]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        _low: &[F; 1],
        shift: &[F; 1],
        x: [F; 2],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::max(x[0], F::from_f64(1e-12));
        let v1 = F::ln::<I>(v0);
        let v2 = F::mul_add::<I>(r[0], v1, x[1]);
        let e0 = F::exp2_scaled::<I>(v2, F::LOG2_E.0, F::LOG2_E.1, shift[0]);
        ([e0], [e0])
    }
}

/// First found in adaface.
///
/// `lse x0 * r0; keep e0`
pub struct Sweep3;

impl crate::tile::Cells<1, 1, 1, 1> for Sweep3 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 1], x: [F; 1]) -> [F; 1] {
        [x[0] * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        low: &[F; 1],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let e0 = F::exp2_scaled::<I>(x[0], r[0], low[0], shift[0]);
        ([e0], [e0])
    }
}

/// First found in adaptiveface.
///
/// `v0 = max(x1, 0.0); v1 = min(v0, 1.0); v2 = sub(1.0, v1); lse x0 * r0; sum v2; keep e0`
pub struct Sweep4;

impl crate::tile::Cells<2, 1, 2, 1> for Sweep4 {
    const MERGES: [crate::tile::Merge; 2] = [crate::tile::Merge::Exponentials, crate::tile::Merge::Sum];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 1], x: [F; 2]) -> [F; 2] {
        [x[0] * r[0], F::default()]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 2]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        low: &[F; 1],
        shift: &[F; 2],
        x: [F; 2],
    ) -> ([F; 2], [F; 1]) {
        let v0 = F::max(x[1], F::from_f64(0.0));
        let v1 = F::min(v0, F::from_f64(1.0));
        let v2 = F::from_f64(1.0) - v1;
        let e0 = F::exp2_scaled::<I>(x[0], r[0], low[0], shift[0]);
        ([e0, v2], [e0])
    }
}

/// First found in airface.
///
/// `v0 = acos(x0); v1 = mul_add(-2.0, v0, 3.141592653589793); v2 = inside(x0, r1); v3 = csc(v2); lse v1 * r0; keep e0 * v3`
pub struct Sweep5;

impl crate::tile::Cells<1, 2, 1, 1> for Sweep5 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 2], x: [F; 1]) -> [F; 1] {
        let v0 = F::acos::<I>(x[0]);
        let v1 = F::mul_add::<I>(F::from_f64(-2.0), v0, F::from_f64(3.141592653589793));
        [v1 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 2], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 2],
        low: &[F; 2],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::acos::<I>(x[0]);
        let v1 = F::mul_add::<I>(F::from_f64(-2.0), v0, F::from_f64(3.141592653589793));
        let v2 = F::max(F::min(x[0], r[1]), -r[1]);
        let v3 = F::csc(v2);
        let e0 = F::exp2_scaled::<I>(v1, r[0], low[0], shift[0]);
        ([e0], [e0 * v3])
    }
}

/// First found in l_softmax.
///
/// `v0 = mul(x0, x1); lse v0 * r0`
pub struct Sweep6;

impl crate::tile::Cells<2, 1, 1, 0> for Sweep6 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 1], x: [F; 2]) -> [F; 1] {
        let v0 = x[0] * x[1];
        [v0 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 2]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        low: &[F; 1],
        shift: &[F; 1],
        x: [F; 2],
    ) -> ([F; 1], [F; 0]) {
        let v0 = x[0] * x[1];
        let e0 = F::exp2_scaled::<I>(v0, r[0], low[0], shift[0]);
        ([e0], [])
    }
}

/// First found in l_softmax.
///
/// `v0 = mul(x0, x1); v1 = exp_scaled(v0, r0, r1); v2 = mul(r2, v1); v3 = mul(v0, v2); v4 = mul(r3, x1); v5 = mul(v4, v2); v6 = mul(r4, v5); sum v3; write v6`
pub struct Sweep7;

impl crate::tile::Cells<2, 5, 1, 1> for Sweep7 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Sum];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 5], _x: [F; 2]) -> [F; 1] {
        [F::default()]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 5], _x: [F; 2]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 5],
        low: &[F; 5],
        _shift: &[F; 1],
        x: [F; 2],
    ) -> ([F; 1], [F; 1]) {
        let v0 = x[0] * x[1];
        let v1 = F::exp2_scaled::<I>(v0, r[0], low[0], r[1]);
        let v2 = r[2] * v1;
        let v3 = v0 * v2;
        let v4 = r[3] * x[1];
        let v5 = v4 * v2;
        let v6 = r[4] * v5;
        ([v3], [v6])
    }
}

/// First found in qamface.
///
/// `v0 = acos(x0); v1 = sub(6.283185307179586, v0); v2 = mul(v1, v1); v3 = inside(x0, r1); v4 = csc(v3); v5 = mul(v4, v1); lse v2 * r0; keep e0 * v5`
pub struct Sweep8;

impl crate::tile::Cells<1, 2, 1, 1> for Sweep8 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 2], x: [F; 1]) -> [F; 1] {
        let v0 = F::acos::<I>(x[0]);
        let v1 = F::from_f64(6.283185307179586) - v0;
        let v2 = v1 * v1;
        [v2 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 2], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 2],
        low: &[F; 2],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::acos::<I>(x[0]);
        let v1 = F::from_f64(6.283185307179586) - v0;
        let v2 = v1 * v1;
        let v3 = F::max(F::min(x[0], r[1]), -r[1]);
        let v4 = F::csc(v3);
        let v5 = v4 * v1;
        let e0 = F::exp2_scaled::<I>(v2, r[0], low[0], shift[0]);
        ([e0], [e0 * v5])
    }
}

/// First found in sphereface_annealed.
///
/// `lse x0 * r0`
pub struct Sweep9;

impl crate::tile::Cells<1, 1, 1, 0> for Sweep9 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 1], x: [F; 1]) -> [F; 1] {
        [x[0] * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        low: &[F; 1],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 0]) {
        let e0 = F::exp2_scaled::<I>(x[0], r[0], low[0], shift[0]);
        ([e0], [])
    }
}

/// First found in sphereface_annealed.
///
/// `v0 = exp_scaled(x0, r0, r1); v1 = mul(r2, v0); v2 = mul(x0, v1); v3 = mul(r3, v1); sum v2; write v3`
pub struct Sweep10;

impl crate::tile::Cells<1, 4, 1, 1> for Sweep10 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Sum];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 4], _x: [F; 1]) -> [F; 1] {
        [F::default()]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 4], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 4],
        low: &[F; 4],
        _shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::exp2_scaled::<I>(x[0], r[0], low[0], r[1]);
        let v1 = r[2] * v0;
        let v2 = x[0] * v1;
        let v3 = r[3] * v1;
        ([v2], [v3])
    }
}

/// First found in sphereface_r_v2.
///
/// `v0 = cos_angle(r1, 0.0, x0); lse v0 * r0; keep e0`
pub struct Sweep11;

impl crate::tile::Cells<1, 2, 1, 1> for Sweep11 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 2], x: [F; 1]) -> [F; 1] {
        let v0 = F::cos_angle::<I>(r[1], x[0]);
        [v0 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 2], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 2],
        low: &[F; 2],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::cos_angle::<I>(r[1], x[0]);
        let e0 = F::exp2_scaled::<I>(v0, r[0], low[0], shift[0]);
        ([e0], [e0])
    }
}

/// First found in subcentre_arcface.
///
/// `v0 = max(x0, x1); v1 = max(v0, x2); v2 = le(x1, x0); v3 = le(x2, v0); v4 = select(v3, 1.0, 0.0); v5 = select(v2, v4, 0.0); v6 = select(v2, 0.0, v4); v7 = select(v3, 0.0, 1.0); lse v1 * r0; keep e0 * v5; keep e0 * v6; keep e0 * v7`
pub struct Sweep12;

impl crate::tile::Cells<3, 1, 1, 3> for Sweep12 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 1], x: [F; 3]) -> [F; 1] {
        let v0 = F::max(x[0], x[1]);
        let v1 = F::max(v0, x[2]);
        [v1 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 3]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        low: &[F; 1],
        shift: &[F; 1],
        x: [F; 3],
    ) -> ([F; 1], [F; 3]) {
        let v0 = F::max(x[0], x[1]);
        let v1 = F::max(v0, x[2]);
        let v2 = x[1] <= x[0];
        let v3 = x[2] <= v0;
        let v4 = if v3 { F::from_f64(1.0) } else { F::from_f64(0.0) };
        let v5 = if v2 { v4 } else { F::from_f64(0.0) };
        let v6 = if v2 { F::from_f64(0.0) } else { v4 };
        let v7 = if v3 { F::from_f64(0.0) } else { F::from_f64(1.0) };
        let e0 = F::exp2_scaled::<I>(v1, r[0], low[0], shift[0]);
        ([e0], [e0 * v5, e0 * v6, e0 * v7])
    }
}

/// First found in arcnegface.
///
/// `v0 = mul_add(r1, x0, r1); v1 = sub(x0, r2); v2 = mul(v1, v1); v3 = mul(r3, v2); v4 = exp(v3); v5 = mul(v0, v4); v6 = sub(v5, 1.0); lse v6 * r0; keep e0 * v4`
pub struct Sweep13;

impl crate::tile::Cells<1, 4, 1, 1> for Sweep13 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 4], x: [F; 1]) -> [F; 1] {
        let v0 = F::mul_add::<I>(r[1], x[0], r[1]);
        let v1 = x[0] - r[2];
        let v2 = v1 * v1;
        let v3 = r[3] * v2;
        let v4 = F::exp::<I>(v3);
        let v5 = v0 * v4;
        let v6 = v5 - F::from_f64(1.0);
        [v6 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 4], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 4],
        low: &[F; 4],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::mul_add::<I>(r[1], x[0], r[1]);
        let v1 = x[0] - r[2];
        let v2 = v1 * v1;
        let v3 = r[3] * v2;
        let v4 = F::exp::<I>(v3);
        let v5 = v0 * v4;
        let v6 = v5 - F::from_f64(1.0);
        let e0 = F::exp2_scaled::<I>(v6, r[0], low[0], shift[0]);
        ([e0], [e0 * v4])
    }
}

/// First found in npcface.
///
/// `v0 = lt(r0, x0); v1 = select(v0, 1.0, 0.0); v2 = select(v0, x0, 0.0); v3 = mul_add(r2, x0, r3); v4 = select(v0, v3, x0); v5 = select(v0, r2, 1.0); sum v1; sum v2; lse v4 * r1; keep e2 * v5`
pub struct Sweep14;

impl crate::tile::Cells<1, 4, 3, 1> for Sweep14 {
    const MERGES: [crate::tile::Merge; 3] = [crate::tile::Merge::Sum, crate::tile::Merge::Sum, crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 4], x: [F; 1]) -> [F; 3] {
        let v0 = r[0] < x[0];
        let v3 = F::mul_add::<I>(r[2], x[0], r[3]);
        let v4 = if v0 { v3 } else { x[0] };
        [F::default(), F::default(), v4 * r[1]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 4], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 4],
        low: &[F; 4],
        shift: &[F; 3],
        x: [F; 1],
    ) -> ([F; 3], [F; 1]) {
        let v0 = r[0] < x[0];
        let v1 = if v0 { F::from_f64(1.0) } else { F::from_f64(0.0) };
        let v2 = if v0 { x[0] } else { F::from_f64(0.0) };
        let v3 = F::mul_add::<I>(r[2], x[0], r[3]);
        let v4 = if v0 { v3 } else { x[0] };
        let v5 = if v0 { r[2] } else { F::from_f64(1.0) };
        let e2 = F::exp2_scaled::<I>(v4, r[1], low[1], shift[2]);
        ([v1, v2, e2], [e2 * v5])
    }
}

/// First found in curricularface.
///
/// `v0 = lt(r1, x0); v1 = add(r2, x0); v2 = select(v0, v1, 1.0); v3 = mul(x0, v2); v4 = mul_add(2.0, x0, r2); v5 = select(v0, v4, 1.0); lse v3 * r0; keep e0 * v5`
pub struct Sweep15;

impl crate::tile::Cells<1, 3, 1, 1> for Sweep15 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 3], x: [F; 1]) -> [F; 1] {
        let v0 = r[1] < x[0];
        let v1 = r[2] + x[0];
        let v2 = if v0 { v1 } else { F::from_f64(1.0) };
        let v3 = x[0] * v2;
        [v3 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 3], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 3],
        low: &[F; 3],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = r[1] < x[0];
        let v1 = r[2] + x[0];
        let v2 = if v0 { v1 } else { F::from_f64(1.0) };
        let v3 = x[0] * v2;
        let v4 = F::mul_add::<I>(F::from_f64(2.0), x[0], r[2]);
        let v5 = if v0 { v4 } else { F::from_f64(1.0) };
        let e0 = F::exp2_scaled::<I>(v3, r[0], low[0], shift[0]);
        ([e0], [e0 * v5])
    }
}

/// First found in mv_am_adaptive.
///
/// `v0 = lt(r1, x0); v1 = mul_add(r2, x0, r3); v2 = select(v0, v1, x0); v3 = select(v0, r2, 1.0); lse v2 * r0; keep e0 * v3`
pub struct Sweep16;

impl crate::tile::Cells<1, 4, 1, 1> for Sweep16 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 4], x: [F; 1]) -> [F; 1] {
        let v0 = r[1] < x[0];
        let v1 = F::mul_add::<I>(r[2], x[0], r[3]);
        let v2 = if v0 { v1 } else { x[0] };
        [v2 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 4], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 4],
        low: &[F; 4],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = r[1] < x[0];
        let v1 = F::mul_add::<I>(r[2], x[0], r[3]);
        let v2 = if v0 { v1 } else { x[0] };
        let v3 = if v0 { r[2] } else { F::from_f64(1.0) };
        let e0 = F::exp2_scaled::<I>(v2, r[0], low[0], shift[0]);
        ([e0], [e0 * v3])
    }
}

/// First found in mv_am_fixed.
///
/// `v0 = lt(r1, x0); v1 = add(x0, r2); v2 = select(v0, v1, x0); lse v2 * r0; keep e0`
pub struct Sweep17;

impl crate::tile::Cells<1, 3, 1, 1> for Sweep17 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 3], x: [F; 1]) -> [F; 1] {
        let v0 = r[1] < x[0];
        let v1 = x[0] + r[2];
        let v2 = if v0 { v1 } else { x[0] };
        [v2 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 3], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 3],
        low: &[F; 3],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = r[1] < x[0];
        let v1 = x[0] + r[2];
        let v2 = if v0 { v1 } else { x[0] };
        let e0 = F::exp2_scaled::<I>(v2, r[0], low[0], shift[0]);
        ([e0], [e0])
    }
}

/// First found in center_loss.
///
/// `write 0.0`
pub struct Sweep18;

impl crate::tile::Cells<0, 0, 0, 1> for Sweep18 {
    const MERGES: [crate::tile::Merge; 0] = [];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], _x: [F; 0]) -> [F; 0] {
        []
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], _x: [F; 0]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        _r: &[F; 0],
        _low: &[F; 0],
        _shift: &[F; 0],
        _x: [F; 0],
    ) -> ([F; 0], [F; 1]) {
        ([], [F::from_f64(0.0)])
    }
}

/// First found in circle.
///
/// `v0 = sub(x0, r1); v1 = add(r1, x0); v2 = relu(v1); v3 = mul(v0, v2); lse v3 * r0; keep e0 * v2`
pub struct Sweep19;

impl crate::tile::Cells<1, 2, 1, 1> for Sweep19 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 2], x: [F; 1]) -> [F; 1] {
        let v0 = x[0] - r[1];
        let v1 = r[1] + x[0];
        let v2 = F::relu(v1);
        let v3 = v0 * v2;
        [v3 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 2], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 2],
        low: &[F; 2],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = x[0] - r[1];
        let v1 = r[1] + x[0];
        let v2 = F::relu(v1);
        let v3 = v0 * v2;
        let e0 = F::exp2_scaled::<I>(v3, r[0], low[0], shift[0]);
        ([e0], [e0 * v2])
    }
}

/// First found in sphereface2.
///
/// `v0 = mul_add(0.5, x0, 0.5); v1 = pow(v0, r0); v2 = mul_add(r1, v1, r2); v3 = softplus(v2); v4 = sigmoid(v2); v5 = mul(r3, v4); sum v3; write v5`
pub struct Sweep20;

impl crate::tile::Cells<1, 4, 1, 1> for Sweep20 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Sum];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 4], _x: [F; 1]) -> [F; 1] {
        [F::default()]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 4], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 4],
        _low: &[F; 4],
        _shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::mul_add::<I>(F::from_f64(0.5), x[0], F::from_f64(0.5));
        let v1 = F::pow::<I>(v0, r[0]);
        let v2 = F::mul_add::<I>(r[1], v1, r[2]);
        let v3 = F::softplus::<I>(v2);
        let v4 = F::sigmoid::<I>(v2);
        let v5 = r[3] * v4;
        ([v3], [v5])
    }
}

/// First found in uniface.
///
/// `v0 = mul_add(r0, x0, r1); v1 = softplus(v0); v2 = sigmoid(v0); v3 = mul(r2, v2); sum v1; write v3`
pub struct Sweep21;

impl crate::tile::Cells<1, 3, 1, 1> for Sweep21 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Sum];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 3], _x: [F; 1]) -> [F; 1] {
        [F::default()]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 3], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 3],
        _low: &[F; 3],
        _shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = F::mul_add::<I>(r[0], x[0], r[1]);
        let v1 = F::softplus::<I>(v0);
        let v2 = F::sigmoid::<I>(v0);
        let v3 = r[2] * v2;
        ([v1], [v3])
    }
}

/// First found in l2_softmax.
///
/// `v0 = mul(x0, x1); lse v0 * r0; keep e0 * x1`
pub struct Sweep22;

impl crate::tile::Cells<2, 1, 1, 1> for Sweep22 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 1], x: [F; 2]) -> [F; 1] {
        let v0 = x[0] * x[1];
        [v0 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 2]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        low: &[F; 1],
        shift: &[F; 1],
        x: [F; 2],
    ) -> ([F; 1], [F; 1]) {
        let v0 = x[0] * x[1];
        let e0 = F::exp2_scaled::<I>(v0, r[0], low[0], shift[0]);
        ([e0], [e0 * x[1]])
    }
}

/// First found in label_smoothing.
///
/// `lse x0`
pub struct Sweep23;

impl crate::tile::Cells<1, 0, 1, 0> for Sweep23 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], x: [F; 1]) -> [F; 1] {
        [x[0] * F::LOG2_E.0]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        _r: &[F; 0],
        _low: &[F; 0],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 0]) {
        let e0 = F::exp2_scaled::<I>(x[0], F::LOG2_E.0, F::LOG2_E.1, shift[0]);
        ([e0], [])
    }
}

/// First found in label_smoothing.
///
/// `v0 = sub(r0, x0); v1 = exp_shifted(x0, r1); v2 = mul(r2, v1); v3 = mul_add(r3, v2, r4); sum v0; write v3`
pub struct Sweep24;

impl crate::tile::Cells<1, 5, 1, 1> for Sweep24 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Sum];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 5], _x: [F; 1]) -> [F; 1] {
        [F::default()]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 5], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 5],
        _low: &[F; 5],
        _shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = r[0] - x[0];
        let v1 = F::exp2_scaled::<I>(x[0], F::LOG2_E.0, F::LOG2_E.1, r[1]);
        let v2 = r[2] * v1;
        let v3 = F::mul_add::<I>(r[3], v2, r[4]);
        ([v0], [v3])
    }
}

/// First found in p2sgrad.
///
/// `v0 = mul(x0, x0); v1 = mul(r0, x0); sum v0; write v1`
pub struct Sweep25;

impl crate::tile::Cells<1, 1, 1, 1> for Sweep25 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Sum];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 1]) -> [F; 1] {
        [F::default()]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 1], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 1],
        _low: &[F; 1],
        _shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = x[0] * x[0];
        let v1 = r[0] * x[0];
        ([v0], [v1])
    }
}

/// First found in softcap.
///
/// `v0 = mul(r1, x0); v1 = tanh(v0); v2 = mul(-2.0, v0); v3 = sigmoid(v2); v4 = mul(2.0, v0); v5 = sigmoid(v4); v6 = mul(v3, v5); lse v1 * r0; keep e0 * v6`
pub struct Sweep26;

impl crate::tile::Cells<1, 2, 1, 1> for Sweep26 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(r: &[F; 2], x: [F; 1]) -> [F; 1] {
        let v0 = r[1] * x[0];
        let v1 = F::tanh::<I>(v0);
        [v1 * r[0]]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 2], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        r: &[F; 2],
        low: &[F; 2],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let v0 = r[1] * x[0];
        let v1 = F::tanh::<I>(v0);
        let v2 = F::from_f64(-2.0) * v0;
        let v3 = F::sigmoid::<I>(v2);
        let v4 = F::from_f64(2.0) * v0;
        let v5 = F::sigmoid::<I>(v4);
        let v6 = v3 * v5;
        let e0 = F::exp2_scaled::<I>(v1, r[0], low[0], shift[0]);
        ([e0], [e0 * v6])
    }
}

/// First found in softmax.
///
/// `lse x0; keep e0`
pub struct Sweep27;

impl crate::tile::Cells<1, 0, 1, 1> for Sweep27 {
    const MERGES: [crate::tile::Merge; 1] = [crate::tile::Merge::Exponentials];
    const SPLITS: bool = false;

    #[inline(always)]
    fn exponents<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], x: [F; 1]) -> [F; 1] {
        [x[0] * F::LOG2_E.0]
    }

    #[inline(always)]
    fn mask<F: crate::math::Real, I: crate::math::Isa>(_r: &[F; 0], _x: [F; 1]) -> bool {
        true
    }

    #[inline(always)]
    fn cell<const SIDE: u8, F: crate::math::Real, I: crate::math::Isa>(
        _r: &[F; 0],
        _low: &[F; 0],
        shift: &[F; 1],
        x: [F; 1],
    ) -> ([F; 1], [F; 1]) {
        let e0 = F::exp2_scaled::<I>(x[0], F::LOG2_E.0, F::LOG2_E.1, shift[0]);
        ([e0], [e0])
    }
}
