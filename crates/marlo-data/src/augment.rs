//! Images moved a little at random: mirrored and shifted.
//!
//! What happens to an image is a function of the seed, the epoch and the image's number alone: neither
//! threads nor batches change it, and training that goes on from a step sees what it would have seen.
//!
//! Mirroring suits faces; a mirrored digit or character is another, or none: leave it off there.
//!
//! ```
//! use marlo_data::augment::{Augment, Motion};
//!
//! let augment = Augment { seed: 7, flip: true, shift: 2 };
//! assert_eq!(augment.motion(3, 41), augment.motion(3, 41));
//!
//! // One pixel to the right: the edge's value fills what is left.
//! let moved = Motion { flip: false, right: 1, down: 0 }.apply(&[1, 2, 3, 4, 5, 6], 3);
//! assert_eq!(moved, [1, 1, 2, 4, 4, 5]);
//! ```

use crate::seeded::{Purpose, Stream};

/// How images are moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Decides all that is random.
    pub seed: u64,
    /// Whether to mirror left and right, every second time.
    pub flip: bool,
    /// The most pixels to shift by, in each direction; each shift up to it is equally likely.
    pub shift: u16,
}

impl Augment {
    /// What happens to an image in an epoch.
    pub fn motion(&self, epoch: u64, image: usize) -> Motion {
        let mut random = Stream::new(self.seed, Purpose::Augment, epoch, image as u64);
        let flip = random.below(2) == 1;
        let most = i32::from(self.shift);
        // Below 2 · 65535 + 1.
        let mut shift = || random.below(2 * u64::from(self.shift) + 1) as i32 - most;
        Motion { flip: self.flip && flip, right: shift(), down: shift() }
    }
}

/// A motion of an image: mirrored first, then shifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Motion {
    /// Whether left and right are exchanged.
    pub flip: bool,
    /// Pixels to the right, or to the left where negative.
    pub right: i32,
    /// Pixels downwards, or upwards where negative.
    pub down: i32,
}

impl Motion {
    /// The image moved; what comes in from outside has the value of the nearest edge.
    ///
    /// `image` is row by row, each row of `width` pixels; what is left after the last whole row is dropped.
    pub fn apply(&self, image: &[u8], width: usize) -> Vec<u8> {
        let rows: Vec<&[u8]> = image.chunks_exact(width.max(1)).collect();
        let mut moved = Vec::with_capacity(image.len());
        for y in 0..rows.len() {
            let row = rows[source(y, self.down, rows.len())];
            moved.extend((0..row.len()).map(|x| {
                let x = source(x, self.right, row.len());
                row[if self.flip { row.len() - 1 - x } else { x }]
            }));
        }
        moved
    }
}

/// The place that what is at `at` comes from, where `length` places are shifted by `by`.
fn source(at: usize, by: i32, length: usize) -> usize {
    // An image's side is far below 2^63.
    (at as i64 - i64::from(by)).clamp(0, length as i64 - 1) as usize
}
