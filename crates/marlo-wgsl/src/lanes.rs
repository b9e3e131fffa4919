//! The functions that merge what the invocations of a workgroup found, and what the workgroups of a row found.
//!
//! Plain WGSL merges in a tree through workgroup memory. With subgroup operations each subgroup merges its own first, and
//! one value of each goes through workgroup memory; nothing is assumed of a subgroup's size, nor of which invocations
//! belong to it. How it adds up, the driver decides. No order depends on timing: for a given device and driver
//! the same inputs give the same bits.

use std::fmt::Write as _;

use marlo_ir::eval::NO_CLASS;

use crate::emit::{Form, literal};

/// What an entry point takes beside the usual arguments, and its first line.
pub(crate) fn builtins(form: Form) -> (&'static str, &'static str) {
    if form.subgroups {
        (
            ", @builtin(subgroup_id) subgroup: u32, @builtin(num_subgroups) subgroups: u32, @builtin(subgroup_invocation_id) member: u32",
            "    subgroup_ = vec3u(subgroup, subgroups, member);\n",
        )
    } else {
        ("", "")
    }
}

/// The functions that `body` calls.
pub(crate) fn functions(body: &str, form: Form) -> String {
    let parts = parts(body, form);
    let calls = |name: &str| body.contains(name) || parts.contains(name);
    let [sum, max, lse] = ["sum_lanes(", "max_lanes(", "lse_lanes("].map(calls);
    let mut out = String::new();
    if form.subgroups {
        out += "// The number of the invocation's subgroup, how many there are, and its place in it.\nvar<private> subgroup_: vec3u;\n\n";
    }
    if sum || max || lse {
        let _ = writeln!(out, "var<workgroup> lanes: array<f32, {}>;\n", form.workgroup);
    }
    let write = if form.subgroups { by_subgroups } else { by_tree };
    if sum {
        out += &write(form, &SUM);
    }
    if max {
        out += &write(form, &MAX);
    }
    if lse {
        let _ = writeln!(out, "var<workgroup> lane_sums: array<f32, {}>;\n", form.workgroup);
        out += &write(form, &LSE);
    }
    if lse {
        let _ = write!(
            out,
            "// ln of a sum of exponentials, from the greatest value and the sum relative to it: the greatest value and what is to
// be added. In one number a large first would swallow the second.
fn lse_(found: vec2f) -> vec2f {{
    return select(vec2f(found.x, ln_(found.y)), vec2f({}, 0.0), found.y == 0.0);
}}

",
            literal(NO_CLASS)
        );
    }
    out + &parts
}

/// A merge: its head, what each invocation brings, and how it is put together.
struct Merge {
    note: &'static str,
    head: &'static str,
    /// Writes what an invocation found to workgroup memory.
    put: &'static str,
    /// Merges two places of workgroup memory.
    tree: &'static str,
    /// The result in workgroup memory.
    result: &'static str,
    /// Merges within a subgroup.
    within: &'static str,
    /// Writes what a subgroup found.
    put_subgroup: &'static str,
    /// Merges what the subgroups found, place `i` of it.
    across: [&'static str; 3],
}

const SUM: Merge = Merge {
    note: "// The sum over all invocations.",
    head: "fn sum_lanes(lane: u32, value: f32) -> f32",
    put: "    lanes[lane] = value;\n",
    tree: "            lanes[lane] += lanes[lane + step];\n",
    result: "lanes[0]",
    within: "    let found = subgroupAdd(value);\n",
    put_subgroup: "        lanes[subgroup_.x] = found;\n",
    across: ["    var total = lanes[0];\n", "        total += lanes[i];\n", "total"],
};

const MAX: Merge = Merge {
    note: "// The maximum over all invocations.",
    head: "fn max_lanes(lane: u32, value: f32) -> f32",
    put: "    lanes[lane] = value;\n",
    tree: "            lanes[lane] = max(lanes[lane], lanes[lane + step]);\n",
    result: "lanes[0]",
    within: "    let found = subgroupMax(value);\n",
    put_subgroup: "        lanes[subgroup_.x] = found;\n",
    across: ["    var top = lanes[0];\n", "        top = max(top, lanes[i]);\n", "top"],
};

const LSE: Merge = Merge {
    note: "// The greatest value over all invocations, and the sum of exponentials relative to it, from those of each.",
    head: "fn lse_lanes(lane: u32, greatest: f32, total: f32) -> vec2f",
    put: "    lanes[lane] = greatest;\n    lane_sums[lane] = total;\n",
    tree: "            let a = lanes[lane];
            let b = lanes[lane + step];
            let top = max(a, b);
            lane_sums[lane] = lane_sums[lane] * exp_(a - top) + lane_sums[lane + step] * exp_(b - top);
            lanes[lane] = top;
",
    result: "vec2f(lanes[0], lane_sums[0])",
    within: "    let top = subgroupMax(greatest);\n    let found = subgroupAdd(total * exp_(greatest - top));\n",
    put_subgroup: "        lanes[subgroup_.x] = top;\n        lane_sums[subgroup_.x] = found;\n",
    across: [
        "    var all = vec2f(lanes[0], lane_sums[0]);\n",
        "        let most = max(all.x, lanes[i]);
        all = vec2f(most, all.y * exp_(all.x - most) + lane_sums[i] * exp_(lanes[i] - most));
",
        "all",
    ],
};

fn by_tree(form: Form, merge: &Merge) -> String {
    let Merge { note, head, put, tree, result, .. } = merge;
    format!(
        "{note}
{head} {{
    workgroupBarrier();
{put}    workgroupBarrier();
    for (var step = {half}u; step > 0u; step /= 2u) {{
        if (lane < step) {{
{tree}        }}
        workgroupBarrier();
    }}
    return {result};
}}

",
        half = form.workgroup / 2
    )
}

fn by_subgroups(_: Form, merge: &Merge) -> String {
    let Merge { note, head, within, put_subgroup, across: [first, next, result], .. } = merge;
    format!(
        "{note}
{head} {{
    // All invocations come together here: those of a subgroup may have left a loop one after another.
    workgroupBarrier();
{within}    if (subgroup_.z == 0u) {{
{put_subgroup}    }}
    workgroupBarrier();
{first}    for (var i = 1u; i < subgroup_.y; i += 1u) {{
{next}    }}
    return {result};
}}

"
    )
}

/// The functions that merge what the parts of a row left behind, as far as `body` calls them.
fn parts(body: &str, form: Form) -> String {
    let mut out = String::new();
    if body.contains("part_place_(") || body.contains("_parts(") {
        out += "// Where a part of a row leaves what it found.
fn part_place_(slot: u32, row: u32, part: u32) -> u32 {
    return (slot * params.rows + row) * params.parts + part;
}

";
    }
    let workgroup = format!("{}u", form.workgroup);
    let mut one = |name: &str, first: &str, next: &str| {
        if body.contains(&format!("{name}_parts(")) {
            let _ = write!(
                out,
                "fn {name}_parts(lane: u32, row: u32, slot: u32) -> f32 {{
    var found = {first};
    for (var part = lane; part < params.parts; part += {workgroup}) {{
        let next = partials[part_place_(slot, row, part)];
        found = {next};
    }}
    return {name}_lanes(lane, found);
}}

"
            );
        }
    };
    one("sum", "0.0", "found + next");
    one("max", &literal(NO_CLASS), "max(found, next)");
    if body.contains("lse_parts(") {
        let _ = write!(
            out,
            "fn lse_parts(lane: u32, row: u32, slot: u32) -> vec2f {{
    var found = vec2f({}, 0.0);
    for (var part = lane; part < params.parts; part += {workgroup}) {{
        let top = partials[part_place_(slot, row, part)];
        let sum = partials[part_place_(slot + 1u, row, part)];
        let most = max(found.x, top);
        found = vec2f(most, found.y * exp_(found.x - most) + sum * exp_(top - most));
    }}
    return lse_lanes(lane, found.x, found.y);
}}

",
            literal(NO_CLASS)
        );
    }
    out
}
