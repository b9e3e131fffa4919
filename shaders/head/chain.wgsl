// From the gradient by the cosines to that by embeddings and class vectors.
//
// With unit vectors x and w of lengths X and W, an embedding's gradient is (g - (g.x) x)/X where g sums the derivatives by
// its cosines times the classes' w; a class vector's likewise. At the label, the derivative by the cosine c may grow like
// 1/sin(theta) while the tangent w - c x shrinks like sin(theta). There the product is taken as
// (derivative * sin theta) * (unit tangent): both are bounded, and the unit tangent comes from w - x (or w + x, past a
// right angle): its direction is known to about 1e-7/theta, where 1 - c knows nothing of theta below 3.5e-4. The sine and
// the loss's derivative are of the rounded cosine, and no better than that. Below an angle of 1e-6 the tangent fades to 0: a
// vector on its class's very direction has none.

struct Head {
    rows: u32,
    classes: u32,
    width: u32,
    centres: u32,
    // So many workgroups stand side by side in x, where there is one for each class vector.
    across: u32,
    // How many sums make up the gradient by the unit embeddings.
    parts: u32,
    // Are they cosines? Else the product itself is the logit, and its gradient needs nothing more.
    cosines: u32,
    // Where the derivatives by the norms of embeddings begin, and how far apart they are; 0 apart if there are none.
    radial: u32,
    radial_step: u32,
}

// At the label, for a centre and a row: the parts of w - side x along x and of x - side w along w, the derivative times
// sin(theta) by the tangent's length, and the side, 1 or -1.
@group(0) @binding(0) var<uniform> params: Head;
@group(0) @binding(1) var<storage, read> embeddings: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
// 1/length of the embeddings, then of the class vectors: one array, as a stage is sure of 8 storage buffers only.
@group(0) @binding(4) var<storage, read> inverses: array<f32>;
@group(0) @binding(5) var<storage, read_write> tangents: array<vec4f>;
// The cosines, then the gradient by them.
@group(0) @binding(6) var<storage, read_write> cells: array<f32>;
// The gradient by unit embeddings in parts, or the derivatives by norms; then what is written.
@group(0) @binding(7) var<storage, read> sums: array<f32>;
@group(0) @binding(8) var<storage, read> by_norms: array<f32>;
@group(0) @binding(9) var<storage, read_write> out: array<f32>;

var<workgroup> lanes: array<vec3f, 64>;

fn sum_lanes(lane: u32, value: vec3f) -> vec3f {
    workgroupBarrier();
    lanes[lane] = value;
    workgroupBarrier();
    for (var step = 32u; step > 0u; step /= 2u) {
        if (lane < step) {
            lanes[lane] += lanes[lane + step];
        }
        workgroupBarrier();
    }
    return lanes[0];
}

fn of_weight(vector: u32) -> f32 {
    return inverses[params.rows + vector];
}

// A number of a unit embedding.
fn x_at(row: u32, f: u32) -> f32 {
    return embeddings[row * params.width + f] * inverses[row];
}

// A number of a class's unit vector.
fn w_at(vector: u32, f: u32) -> f32 {
    return weights[vector * params.width + f] * of_weight(vector);
}

// The tangents at the labels, from the cosines: a workgroup for each row (x) and centre (y).
@compute @workgroup_size(64)
fn tangent(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    let place = group.y * params.rows + row;
    let label = labels[row];
    let vector = label * params.centres + group.y;
    let cosine = cells[place * params.classes + label];
    let side = select(-1.0, 1.0, cosine >= 0.0);
    var found = vec3f();
    for (var f = lane; f < params.width; f += 64u) {
        let x = x_at(row, f);
        let w = w_at(vector, f);
        let apart = w - side * x;
        found += vec3f(apart * apart, apart * x, -side * apart * w);
    }
    found = sum_lanes(lane, found);
    if (lane == 0u) {
        let c = clamp(cosine, -0.99999994, 0.99999994);
        // A shorter tangent is the rounding of the unit vectors.
        let length = max(sqrt(max(found.x - found.y * found.y, 0.0)), 1e-6);
        let there = inverses[row] > 0.0 && of_weight(vector) > 0.0;
        let factor = select(0.0, sqrt((1.0 - c) * (1.0 + c)) / length, there);
        tangents[place] = vec4f(found.y, found.z, factor, side);
    }
}

// Takes the derivative by the cosine at the label out of the gradient, to the tangent: an invocation for each row (x) and
// centre (y).
@compute @workgroup_size(64)
fn take(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= params.rows) {
        return;
    }
    let place = id.y * params.rows + id.x;
    let cell = place * params.classes + labels[id.x];
    tangents[place].z *= cells[cell];
    cells[cell] = 0.0;
}

// The gradient by an embedding: a workgroup for each.
@compute @workgroup_size(64)
fn by_embedding(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = group.x;
    let base = row * params.width;
    var along = 0.0;
    for (var f = lane; f < params.width; f += 64u) {
        var g = 0.0;
        for (var part = 0u; part < params.parts; part += 1u) {
            g += sums[part * params.rows * params.width + base + f];
        }
        out[base + f] = g;
        along += g * x_at(row, f);
    }
    let radial = by_norms[params.radial + row * params.radial_step] * f32(min(params.radial_step, 1u));
    if (params.cosines == 0u) {
        if (params.radial_step == 0u) {
            return;
        }
        for (var f = lane; f < params.width; f += 64u) {
            out[base + f] += radial * x_at(row, f);
        }
        return;
    }
    along = sum_lanes(lane, vec3f(along, 0.0, 0.0)).x;
    let inverse = inverses[row];
    let label = labels[row];
    for (var f = lane; f < params.width; f += 64u) {
        let x = x_at(row, f);
        var g = out[base + f] - along * x;
        for (var centre = 0u; centre < params.centres; centre += 1u) {
            let t = tangents[centre * params.rows + row];
            let apart = w_at(label * params.centres + centre, f) - t.w * x;
            g += t.z * (apart - t.x * x);
        }
        out[base + f] = inverse * g + radial * x;
    }
}

// The gradient by a class vector, but for the rows of its class: a workgroup for each.
@compute @workgroup_size(64)
fn by_weight(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let vector = group.y * params.across + group.x;
    if (vector >= params.classes * params.centres) {
        return;
    }
    let base = vector * params.width;
    var along = 0.0;
    for (var f = lane; f < params.width; f += 64u) {
        along += out[base + f] * w_at(vector, f);
    }
    along = sum_lanes(lane, vec3f(along, 0.0, 0.0)).x;
    let inverse = of_weight(vector);
    for (var f = lane; f < params.width; f += 64u) {
        out[base + f] = inverse * (out[base + f] - along * w_at(vector, f));
    }
}

// What the rows of a class add to its vector's gradient: a workgroup for each row (x), centre (y) and 64 numbers (z). The
// first row of a class adds for all of them, in order, so that the bits do not depend on timing (WGSL has no atomic sum of
// f32, and a sort of the labels would take more passes). Quadratic in the rows, but bounded: first rows are no more than
// classes, and look at no more than B labels for each number, so that it takes at most the B C d steps of a product. The host
// refuses more rows than an invocation may loop over.
@compute @workgroup_size(64)
fn by_own_weight(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let label = labels[group.x];
    var earlier = 0.0;
    for (var row = lane; row < group.x; row += 64u) {
        earlier += select(0.0, 1.0, labels[row] == label);
    }
    if (sum_lanes(lane, vec3f(earlier, 0.0, 0.0)).x > 0.0) {
        return;
    }
    let f = group.z * 64u + lane;
    if (f >= params.width) {
        return;
    }
    let vector = label * params.centres + group.y;
    let w = w_at(vector, f);
    var g = 0.0;
    for (var row = group.x; row < params.rows; row += 1u) {
        if (labels[row] == label) {
            let t = tangents[group.y * params.rows + row];
            g += t.z * (x_at(row, f) - t.w * w - t.y * w);
        }
    }
    out[vector * params.width + f] += of_weight(vector) * g;
}
