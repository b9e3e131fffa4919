//! Several centres a class: several matrices, and values that are written once for any centre and unrolled by a reduction.

use std::collections::HashMap;

use super::{Builder, TypeError};
use crate::graph::{Axis, Id, Input};
use crate::kind::Kind;
use crate::op::{At, Op};

/// The name of the symbol of any centre; no program can give it.
const ANY_CENTRE: &str = "any centre";

impl Builder {
    /// Declares how many centres each class has: `cos[k, r]` is then read for each of them.
    pub fn set_centres(&mut self, count: u32) {
        self.centres = count;
    }

    /// The matrix of one of the centres of each class; the first reading decides which matrix it is.
    fn centre(&mut self, name: &str, kind: Kind, at: At, centre: u32) -> Result<Id, TypeError> {
        let mut value = self.matrix(name, kind, at)?;
        // In their order, whichever is read first: so they stand in the matrix (B, C, K).
        for centre in 1..=centre {
            let label = format!("{name}_{}", centre + 1);
            let input = self.declare(Input { centre, ..Input::new(&label, kind, Axis::Matrix) })?;
            value = self.read(input, at);
        }
        Ok(value)
    }

    /// `cos[y, r]` or `cos[k, r]`: the cosine to a centre of a class, before a reduction [over the centres](Self::over_centres).
    ///
    /// # Errors
    /// When the loss reads raw logits.
    pub fn cos_of_centres(&mut self, at: At) -> Result<Id, TypeError> {
        self.each_centre("cos", Kind::Cosine, at)
    }

    /// `logit[y, r]` or `logit[k, r]`: the logit of a centre of a class, before a reduction over the centres.
    ///
    /// # Errors
    /// When the loss reads cosines.
    pub fn logit_of_centres(&mut self, at: At) -> Result<Id, TypeError> {
        self.each_centre("logit", Kind::Logit, at)
    }

    /// The cosine to one of the centres of a class, numbered from 0.
    ///
    /// # Errors
    /// When the loss reads raw logits.
    pub fn cos_of_centre(&mut self, at: At, centre: u32) -> Result<Id, TypeError> {
        self.centre("cos", Kind::Cosine, at, centre)
    }

    /// The symbol of any centre: an input that stands behind all others and is taken away in the end.
    fn each_centre(&mut self, name: &str, kind: Kind, at: At) -> Result<Id, TypeError> {
        for centre in 0..self.centres {
            self.centre(name, kind, at, centre)?;
        }
        let input = self.declare(Input { centre: u32::MAX, ..Input::new(ANY_CENTRE, kind, Axis::Matrix) })?;
        Ok(self.read(input, at))
    }

    fn any_centre(&self) -> Option<u32> {
        self.graph.inputs.iter().position(|input| input.centre == u32::MAX).map(|at| at as u32)
    }

    /// Is the value that of any centre, not yet reduced?
    pub fn varies_with_centre(&self, value: Id) -> bool {
        let symbol = self.any_centre();
        self.graph.depends(value, |op| matches!(op, Op::Input(input, _) if Some(input) == symbol))
    }

    /// A value once for each centre, joined two by two: `max[r](cos[k, r])`.
    ///
    /// # Errors
    /// When the value does not vary with the centre, or does not join.
    pub fn over_centres(
        &mut self,
        function: &'static str,
        value: Id,
        join: &dyn Fn(&mut Builder, Id, Id) -> Result<Id, TypeError>,
    ) -> Result<Id, TypeError> {
        if !self.varies_with_centre(value) {
            return Err(TypeError::NothingOverCentres { function });
        }
        let mut joined = None;
        for centre in 0..self.centres {
            let here = self.at_centre(value, centre);
            joined = Some(match joined {
                None => here,
                Some(before) => join(self, before, here)?,
            });
        }
        let joined = joined.unwrap_or(value);
        self.check_depth(joined)?;
        Ok(joined)
    }

    /// The value with one centre in place of the symbol of any.
    fn at_centre(&mut self, value: Id, centre: u32) -> Id {
        let symbol = self.any_centre();
        let of_centre = |input: &Input| input.axis == Axis::Matrix && input.centre == centre;
        let input = self.graph.inputs.iter().position(of_centre).unwrap_or(0) as u32;
        let needed = self.graph.reachable(&[value]);
        let mut map: HashMap<Id, Id> = HashMap::new();
        for id in self.graph.ids().filter(|id| needed[id.index()]) {
            let made = match self.graph.op(id) {
                Op::Input(found, at) if Some(found) == symbol => self.graph.add(Op::Input(input, at), &[]),
                op => {
                    let args: Vec<Id> = self.graph.args(id).iter().map(|a| map[a]).collect();
                    self.graph.add(op, &args)
                }
            };
            map.insert(id, made);
        }
        map[&value]
    }

    /// The symbol of any centre is no input: nothing that is left may read it.
    pub(super) fn drop_centre_symbol(&mut self, value: Id) -> Result<(), TypeError> {
        let Some(symbol) = self.any_centre() else { return Ok(()) };
        let reads = |op: Op| matches!(op, Op::Input(input, _) if input == symbol);
        let roots = self.updates.iter().map(|update| update.next).chain([value]);
        if roots.into_iter().any(|root| self.graph.depends(root, reads)) {
            return Err(TypeError::Centre);
        }
        self.names.retain(|named| !self.graph.depends(named.id, reads));
        self.graph.inputs.remove(symbol as usize);
        Ok(())
    }
}
