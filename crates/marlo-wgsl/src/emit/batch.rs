//! Passes for operations over the batch that rows read again.

use marlo_ir::graph::Id;
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;

use super::Emitter;

impl Emitter<'_> {
    /// An operation over the batch, from what the rows stored.
    pub(super) fn batch(&mut self, number: usize, op: Id, entry: &str) -> String {
        self.bound.clear();
        self.pairs.clear();
        let head = self.signature(entry);
        let earlier = self.earlier(number);
        let body = match self.graph.op(op) {
            Op::InTopI | Op::RankI => self.rank(op),
            Op::PickI => self.pick(op),
            _ => self.total(op),
        };
        format!("{head}{earlier}{body}}}\n\n")
    }

    /// What a row stored for an argument, or the value that all rows share.
    fn of_row(&self, arg: Id, row: &str) -> String {
        match self.graph.shape(arg) {
            Shape::Scalar => self.expr(arg),
            _ => self.stored(arg, row),
        }
    }

    /// One value for the batch.
    fn total(&self, op: Id) -> String {
        let workgroup = self.form.workgroup;
        let here = self.of_row(self.graph.args(op)[0], "row");
        let place = self.batch_values.iter().position(|v| *v == op).unwrap_or(0);
        let scale = if self.graph.op(op) == Op::MeanI { " / f32(params.rows)" } else { "" };
        format!(
            "    var part = 0.0;
    for (var row = lane; row < params.rows; row += {workgroup}u) {{
        part += {here};
    }}
    let total = sum_lanes(lane, part);
    if (lane == 0u) {{
        batch[{place}] = total{scale};
    }}
"
        )
    }

    /// A row's rank: falling for the hardest, else rising.
    fn rank(&self, op: Id) -> String {
        let args = self.graph.args(op);
        let [here, there] = ["row", "j"].map(|row| self.of_row(args[0], row));
        let (workgroup, target) = (self.form.workgroup, self.stored(op, "row"));
        let (note, sign, result) = match self.graph.op(op) {
            Op::InTopI => (
                "Is the row among the hardest? Its rank is the number of rows before it.",
                ">",
                format!("select(0.0, 1.0, rank < {})", self.expr(args[1])),
            ),
            _ => ("How many rows come before this one in rising order?", "<", "rank".to_owned()),
        };
        format!(
            "    // {note}
    let row = params.first + group.x;
    let value = {here};
    var before = 0.0;
    for (var j = lane; j < params.rows; j += {workgroup}u) {{
        let other = {there};
        before += f32(other {sign} value || (other == value && j < row));
    }}
    let rank = sum_lanes(lane, before);
    if (lane == 0u) {{
        {target} = {result};
    }}
"
        )
    }

    /// The value of the row whose rank a row wants.
    fn pick(&self, op: Id) -> String {
        let args = self.graph.args(op);
        let (workgroup, target) = (self.form.workgroup, self.stored(op, "row"));
        let [rank, wanted, value] =
            [(args[1], "j"), (args[2], "row"), (args[0], "source")].map(|(arg, row)| self.of_row(arg, row));
        format!(
            "    // The value of the first row whose rank is the wanted one; the row's own where there is none.
    let row = params.first + group.x;
    let wanted = {wanted};
    var nearest = f32(params.rows);
    for (var j = lane; j < params.rows; j += {workgroup}u) {{
        if ({rank} == wanted) {{
            nearest = min(nearest, f32(j));
        }}
    }}
    nearest = -max_lanes(lane, -nearest);
    let source = select(row, u32(nearest), nearest < f32(params.rows));
    if (lane == 0u) {{
        {target} = {value};
    }}
"
        )
    }
}
