//! Sweeps that were compiled, found by their text.

use std::collections::HashMap;

use crate::math::Real;
use crate::sweep::Sweep;
use crate::tile::{Cells, Compiled, run};

/// A compiled sweep.
#[derive(Copy, Clone, Debug)]
pub struct Entry {
    text: &'static str,
    /// How many inputs, values of the row, reductions and writes its loop has.
    sizes: [usize; 4],
    pub(crate) single: Compiled<f32>,
    pub(crate) double: Compiled<f64>,
}

impl Entry {
    /// The loops over cells that S computes. `text` is the sweep's, see its `Display`: the two are written together by
    /// [`crate::emit`], and a text that says something else finds the wrong loop.
    pub const fn of<const X: usize, const R: usize, const A: usize, const O: usize, S>(
        text: &'static str,
    ) -> Entry
    where
        S: Cells<X, R, A, O>,
    {
        let (single, double) = (run::<X, R, A, O, S, f32>, run::<X, R, A, O, S, f64>);
        Entry { text, sizes: [X, R, A, O], single, double }
    }
}

/// The loop of a compiled sweep in one precision.
#[derive(Debug)]
pub struct Code<F>(pub(crate) Compiled<F>);

/// Compiled sweeps.
#[derive(Clone, Debug, Default)]
pub struct Library {
    entries: HashMap<&'static str, Entry>,
}

impl Library {
    /// One without a sweep: everything is interpreted.
    pub fn empty() -> Library {
        Library::default()
    }

    /// Those of the shipped losses.
    pub fn shipped() -> Library {
        Library::of(crate::shipped::ENTRIES)
    }

    /// These, and further ones.
    #[must_use]
    pub fn and(mut self, entries: &[Entry]) -> Library {
        self.entries.extend(entries.iter().map(|entry| (entry.text, *entry)));
        self
    }

    /// The given sweeps.
    pub fn of(entries: &[Entry]) -> Library {
        Library { entries: entries.iter().map(|entry| (entry.text, *entry)).collect() }
    }

    /// The compiled loop of a sweep.
    pub(crate) fn find<F: Real>(&self, sweep: &Sweep) -> Option<Compiled<F>> {
        let sizes = [sweep.inputs, sweep.rows, sweep.reductions.len(), sweep.writes.len()];
        let entry = self.entries.get(sweep.to_string().as_str());
        // A loop trusts the tile to have what it reads, so whatever its text says the sizes must be the sweep's.
        entry.filter(|entry| entry.sizes == sizes).map(|entry| F::compiled(entry).0)
    }
}
