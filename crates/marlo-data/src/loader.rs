//! Batches for training: shuffled, augmented, normalised, and prepared while the one before is used.
//!
//! The order of an epoch is a function of the seed and the epoch, and a batch one of those and the step. So
//! training that [starts at](Loader::start_at) a step sees exactly what it would have seen there.
//!
//! ```
//! use std::sync::Arc;
//! use marlo_data::loader::{Loader, Options};
//!
//! let glyphs = Arc::new(marlo_data::glyphs::sample()?);
//! let loader = Loader::new(glyphs, Options { batch: 100, seed: 1, ..Options::default() })?;
//! assert_eq!(loader.steps(), 11);
//!
//! // Two epochs, prepared by another thread.
//! let mut batches = loader.start_at(0, 0)?;
//! for batch in batches.by_ref().take(2 * loader.steps()) {
//!     let batch = batch?;
//!     assert_eq!(batch.pixels.len(), batch.labels.len() * 24 * 24);
//! }
//! // Going on elsewhere: the same batch.
//! let next = batches.next().transpose()?;
//! assert_eq!(next, loader.start_at(2, 0)?.next().transpose()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::ImageSet;
use crate::augment::Augment;
use crate::seeded::{Purpose, Stream};

/// How batches are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The images of a batch.
    pub batch: usize,
    /// Whether each epoch has an order of its own; otherwise all have that of the set.
    pub shuffle: bool,
    /// Decides the orders.
    pub seed: u64,
    /// Whether the last batch of an epoch is left out where it is short.
    pub drop_last: bool,
    /// How images are moved, if at all.
    pub augment: Option<Augment>,
    /// The batches that are prepared ahead, at most; more than 64 are taken as 64.
    pub ahead: usize,
}

impl Default for Options {
    /// Batches of 64, shuffled by seed 0, short ones kept, images as they are, 2 batches ahead.
    fn default() -> Self {
        Self { batch: 64, shuffle: true, seed: 0, drop_last: false, augment: None, ahead: 2 }
    }
}

/// Images as a network takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The step in the epoch, from 0.
    pub step: usize,
    /// The images' numbers in the set.
    pub images: Vec<usize>,
    /// The pixels (N × height × width), from −1 to 1: see [`normalise`].
    pub pixels: Vec<f32>,
    /// The class of each image (N).
    pub labels: Vec<i64>,
}

/// Why there are no batches.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Batches of no image, or of more than there are where short ones are left out.
    #[error(
        "batches of {batch} from {images} image(s) would hold nothing; give a batch size from 1 to {images}"
    )]
    Batch {
        /// The images of a batch.
        batch: usize,
        /// The images there are.
        images: usize,
    },
    /// A step that an epoch does not have.
    #[error("step {step} of an epoch of {steps} steps; steps count from 0: was the batch size changed?")]
    Step {
        /// The step.
        step: usize,
        /// The steps of an epoch.
        steps: usize,
    },
    /// The system gave no thread.
    #[error("cannot start a thread to prepare batches: {0}; end other programs")]
    Spawn(#[from] std::io::Error),
    /// The thread ended before its time.
    #[error("the thread that prepares batches stopped: {0}; this is a mistake in the program")]
    Panicked(String),
}

/// Makes batches from a set of images.
#[derive(Clone, Debug)]
pub struct Loader {
    images: Arc<ImageSet>,
    options: Options,
}

/// More batches waiting would only take memory.
const MOST_AHEAD: usize = 64;

/// A grey value as a network takes it: (x / 255 − 0.5) / 0.5, from −1 (black) to 1 (white).
pub fn normalise(grey: u8) -> f32 {
    (f32::from(grey) / 255.0 - 0.5) / 0.5
}

impl Loader {
    /// A loader of batches.
    ///
    /// # Errors
    /// [`LoaderError::Batch`] where an epoch would have no batch.
    pub fn new(images: Arc<ImageSet>, options: Options) -> Result<Self, LoaderError> {
        let loader = Self { images, options };
        if options.batch == 0 || loader.steps() == 0 {
            return Err(LoaderError::Batch { batch: options.batch, images: loader.images.len() });
        }
        Ok(loader)
    }

    /// The number of batches of an epoch.
    pub fn steps(&self) -> usize {
        let (images, batch) = (self.images.len(), self.options.batch.max(1));
        if self.options.drop_last { images / batch } else { images.div_ceil(batch) }
    }

    /// The images' numbers in the order of an epoch, including those that no batch holds because it would
    /// be short.
    pub fn order(&self, epoch: u64) -> Vec<usize> {
        let count = self.images.len();
        if self.options.shuffle {
            Stream::new(self.options.seed, Purpose::Order, epoch, 0).order(count)
        } else {
            (0..count).collect()
        }
    }

    /// The batches from a step of an epoch on, without end: one epoch follows another. A thread prepares
    /// them, and ends when the batches are dropped.
    ///
    /// # Errors
    /// [`LoaderError::Step`] where an epoch does not have the step, [`LoaderError::Spawn`] where there can be no
    /// thread. The batches themselves are errors only where the thread broke down.
    pub fn start_at(&self, epoch: u64, step: usize) -> Result<Batches, LoaderError> {
        let steps = self.steps();
        if step >= steps {
            return Err(LoaderError::Step { step, steps });
        }
        let loader = self.clone();
        let (mut epoch, mut step, mut order) = (epoch, step, self.order(epoch));
        Batches::spawn(self.options.ahead, move || {
            let batch = loader.prepare(epoch, step, &order);
            step += 1;
            if step == steps {
                (epoch, step) = (epoch.wrapping_add(1), 0);
                order = loader.order(epoch);
            }
            batch
        })
    }

    /// A batch from the order of its epoch.
    fn prepare(&self, epoch: u64, step: usize, order: &[usize]) -> Batch {
        let (batch, width) = (self.options.batch, self.images.width());
        let images = order.chunks(batch).nth(step).unwrap_or_default().to_vec();
        let mut pixels = Vec::with_capacity(images.len() * width * self.images.height());
        for &image in &images {
            let stored = self.images.image(image).unwrap_or_default();
            match self.options.augment {
                Some(augment) => {
                    let moved = augment.motion(epoch, image).apply(stored, width);
                    pixels.extend(moved.into_iter().map(normalise));
                }
                None => pixels.extend(stored.iter().copied().map(normalise)),
            }
        }
        let labels = images.iter().map(|&image| self.images.labels()[image]).collect();
        Batch { epoch, step, images, pixels, labels }
    }
}

/// Batches that a thread prepares; dropping them ends it.
#[derive(Debug)]
pub struct Batches {
    receiver: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Batches {
    fn spawn(ahead: usize, mut next: impl FnMut() -> Batch + Send + 'static) -> Result<Self, LoaderError> {
        let (sender, receiver) = sync_channel(ahead.min(MOST_AHEAD));
        // Sending fails when nobody is left to take the batch.
        let work = move || while sender.send(next()).is_ok() {};
        let thread = Builder::new().name("marlo-loader".into()).spawn(work)?;
        Ok(Self { receiver: Some(receiver), thread: Some(thread) })
    }

    /// Waits for the thread to end; what it said if it panicked.
    fn join(&mut self) -> Option<String> {
        self.receiver = None;
        let panic = self.thread.take()?.join().err()?;
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        Some(text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "without a message".into()))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, LoaderError>;

    /// The next batch. An error says, once, that the thread broke down; then there are no more.
    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.as_ref()?.recv() {
            Ok(batch) => Some(Ok(batch)),
            Err(_) => Some(Err(LoaderError::Panicked(self.join()?))),
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn batch(step: usize) -> Batch {
        Batch { epoch: 0, step, images: vec![], pixels: vec![], labels: vec![] }
    }

    #[test]
    fn a_panic_is_told_once_after_the_batches_before_it() {
        let mut step = 0;
        let mut batches = Batches::spawn(1, move || {
            step += 1;
            assert!(step < 3, "at step {step}");
            batch(step)
        })
        .expect("a thread");
        assert_eq!(batches.next().and_then(Result::ok).map(|b| b.step), Some(1));
        assert_eq!(batches.next().and_then(Result::ok).map(|b| b.step), Some(2));
        assert!(matches!(batches.next(), Some(Err(LoaderError::Panicked(text))) if text == "at step 3"));
        assert!(batches.next().is_none());
    }

    #[test]
    fn dropping_ends_the_thread_and_no_more_than_asked_is_ahead() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let mut batches =
            Batches::spawn(3, move || batch(counter.fetch_add(1, Ordering::SeqCst))).expect("a thread");
        assert!(batches.next().is_some());
        drop(batches);
        // Taken, waiting in the channel, and one being sent; the thread has let go of its counter.
        assert!(made.load(Ordering::SeqCst) <= 1 + 3 + 1);
        assert_eq!(Arc::strong_count(&made), 1);
    }
}
