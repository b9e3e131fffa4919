//! Follows a curve: its points, broken where a mask makes it jump, and the borders of the masks.

use crate::PlotError;

/// Steps of a bisection; past 52 there is nothing left to halve.
const HALVINGS: usize = 60;

/// A curve at one place.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The point that is drawn.
    pub(crate) point: (f64, f64),
    /// How each comparison came out.
    pub(crate) decisions: Vec<bool>,
}

/// A curve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traced {
    /// Its points, a piece between two jumps.
    pub(crate) pieces: Vec<Vec<(f64, f64)>>,
    /// Where a comparison changes.
    pub(crate) borders: Vec<f64>,
}

/// Follows what `look` sees along increasing places. Between two places a border is found by bisection, and the curve
/// drawn up to it from both sides. Points that are not finite are left out.
pub(crate) fn trace(
    places: &[f64],
    look: impl Fn(&[f64]) -> Result<Vec<Seen>, PlotError>,
) -> Result<Traced, PlotError> {
    let seen = look(places)?;
    let crossed: Vec<usize> =
        (1..seen.len()).filter(|&at| seen[at - 1].decisions != seen[at].decisions).collect();
    let mut ends: Vec<(f64, f64)> = crossed.iter().map(|&at| (places[at - 1], places[at])).collect();
    for _ in 0..HALVINGS {
        let middles: Vec<f64> = ends.iter().map(|(left, right)| left + (right - left) / 2.0).collect();
        let found = look(&middles)?;
        for (((end, middle), here), at) in ends.iter_mut().zip(middles).zip(found).zip(&crossed) {
            let is_left = here.decisions == seen[at - 1].decisions;
            *(if is_left { &mut end.0 } else { &mut end.1 }) = middle;
        }
    }
    let left = look(&ends.iter().map(|end| end.0).collect::<Vec<_>>())?;
    let right = look(&ends.iter().map(|end| end.1).collect::<Vec<_>>())?;
    let mut traced = Traced { borders: ends.iter().map(|end| end.0).collect(), ..Traced::default() };
    let mut piece = Vec::new();
    let mut border = crossed.iter().zip(left.iter().zip(&right)).peekable();
    for (at, here) in seen.iter().enumerate() {
        if let Some((_, (before, after))) = border.next_if(|border| *border.0 == at) {
            put(&mut piece, &mut traced.pieces, before.point);
            if jumps(before.point, after.point) {
                traced.pieces.push(std::mem::take(&mut piece));
            }
            put(&mut piece, &mut traced.pieces, after.point);
        }
        put(&mut piece, &mut traced.pieces, here.point);
    }
    traced.pieces.push(piece);
    traced.pieces.retain(|piece| piece.len() > 1);
    Ok(traced)
}

/// Adds a point that can be drawn; one that can't ends the piece.
fn put(piece: &mut Vec<(f64, f64)>, pieces: &mut Vec<Vec<(f64, f64)>>, point: (f64, f64)) {
    if !(point.0.is_finite() && point.1.is_finite()) {
        pieces.push(std::mem::take(piece));
    } else if piece.last() != Some(&point) {
        piece.push(point);
    }
}

fn jumps(before: (f64, f64), after: (f64, f64)) -> bool {
    let far = |a: f64, b: f64| (a - b).abs() > 1e-6 * (1.0 + a.abs().max(b.abs()));
    far(before.0, after.0) || far(before.1, after.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_breaks_the_curve_at_its_place() {
        let look = |places: &[f64]| {
            let see = |x: &f64| {
                let on = *x > 0.123_456;
                Seen { point: (*x, if on { 1.0 } else { f64::NAN.min(0.0) }), decisions: vec![on] }
            };
            Ok(places.iter().map(see).collect())
        };
        let found = trace(&[0.0, 0.5, 1.0], look).expect("nothing fails");
        assert!((found.borders[0] - 0.123_456).abs() < 1e-15);
        assert_eq!(found.pieces.len(), 2);
        assert_eq!(found.pieces[1].last(), Some(&(1.0, 1.0)));
    }
}
