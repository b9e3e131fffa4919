//! Sweeps that were compiled, found by their text.

use std::collections::HashMap;

use crate::math::Real;
use crate::sweep::Sweep;
use crate::tile::Compiled;

/// A compiled sweep.
#[derive(Copy, Clone, Debug)]
pub struct Entry {
    /// The sweep's text: see [`Sweep`]'s `Display`.
    pub text: &'static str,
    /// Its loop in f32.
    pub single: Compiled<f32>,
    /// Its loop in f64.
    pub double: Compiled<f64>,
}

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
        self.entries.get(sweep.to_string().as_str()).map(F::compiled)
    }
}
