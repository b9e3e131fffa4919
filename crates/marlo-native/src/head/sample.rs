//! Sampled classes.

/// The classes of a step with sampled negatives (Partial FC; An et al., arXiv 2203.15565): those of the labels, and
/// others drawn at random until `share` of all classes are there. Rising. The same for the same seed on every machine.
///
/// A share is taken as one between 0 and 1; the classes of the labels are always in.
pub fn sample(labels: &[usize], classes: usize, share: f64, seed: u64) -> Vec<usize> {
    let mut chosen = vec![false; classes];
    let mut count = 0;
    for &label in labels.iter().filter(|label| **label < classes) {
        count += usize::from(!std::mem::replace(&mut chosen[label], true));
    }
    let wanted = ((share.clamp(0.0, 1.0) * classes as f64).ceil() as usize).max(count);
    let mut random = SplitMix(seed);
    // Each class that is not in yet goes in with the chance that makes the rest come out right: one pass, no shuffle.
    let (mut open, mut left) = (classes - count, wanted - count);
    for chosen in chosen.iter_mut().filter(|chosen| !**chosen) {
        if random.below(open) < left {
            *chosen = true;
            left -= 1;
        }
        open -= 1;
    }
    (0..classes).filter(|class| chosen[*class]).collect()
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((u128::from(z) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn labels_are_in_and_the_share_is_kept() {
        for (share, wanted) in [(0.0, 3), (0.1, 10), (0.5, 50), (1.0, 100), (7.0, 100)] {
            let found = sample(&[3, 99, 3, 50], 100, share, 1);
            assert_eq!(found.len(), wanted);
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            assert!([3, 50, 99].iter().all(|label| found.contains(label)));
        }
        assert_eq!(sample(&[1], 1000, 0.1, 5), sample(&[1], 1000, 0.1, 5));
        assert_ne!(sample(&[1], 1000, 0.1, 5), sample(&[1], 1000, 0.1, 6));
    }

    #[test]
    fn every_class_is_drawn_as_often() {
        let mut counts = [0_u32; 20];
        for seed in 0..4000 {
            sample(&[], 20, 0.25, seed).into_iter().for_each(|class| counts[class] += 1);
        }
        // 1,000 each, with a deviation of 27.
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
