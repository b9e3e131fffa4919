fn main() {
    marlo_macros::loss! {
        loss wrong(s: Scale = 32, m: Angle = 0.5) {
            let f = coss(theta[y] + m) // there is no such function
            ce(softmax(s * (cos[y] + m), s * cos[k]))
        }
    };
    marlo_macros::loss!("
        loss quoted(s: Scale = 32) {
            ce(softmax(s * cos[y], s · cosy))
        }
    ");
    marlo_macros::loss!();
}
