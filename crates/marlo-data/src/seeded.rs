//! Random numbers that depend on nothing but what they are asked for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// What the numbers are for: each purpose draws others.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Split = 1,
    HeldOut = 2,
    Order = 3,
    Augment = 4,
}

/// A stream of numbers of its own for each seed, purpose, and pair of counters: they fill ChaCha's key,
/// so no two streams coincide.
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    pub(crate) fn new(seed: u64, purpose: Purpose, outer: u64, inner: u64) -> Self {
        let mut key = [0; 32];
        for (slot, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, outer, inner]) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number below `bound`, each equally likely; 0 where the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Lemire: the upper half of a product, drawn again where the lower half would favour some.
        let least = if bound == 0 { 0 } else { bound.wrapping_neg() % bound };
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= least {
                return (product >> 64) as u64;
            }
        }
    }

    /// The numbers from 0 to `count - 1` in random order, each order equally likely.
    pub(crate) fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = std::collections::HashMap::new();
        for inner in 0..6000 {
            *counts.entry(Stream::new(1, Purpose::Order, 0, inner).order(3)).or_insert(0i32) += 1;
        }
        // The standard deviation is 29.
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (count - 1000).abs() < 150), "{counts:?}");
    }

    #[test]
    fn streams_differ_by_each_part_of_their_key() {
        let draw = |seed, purpose, outer, inner| Stream::new(seed, purpose, outer, inner).below(u64::MAX);
        let base = draw(1, Purpose::Split, 2, 3);
        assert_eq!(base, draw(1, Purpose::Split, 2, 3));
        let others = [
            draw(2, Purpose::Split, 2, 3),
            draw(1, Purpose::HeldOut, 2, 3),
            draw(1, Purpose::Split, 3, 3),
            draw(1, Purpose::Split, 2, 4),
            draw(1, Purpose::Split, 3, 2),
        ];
        assert!(!others.contains(&base));
    }
}
