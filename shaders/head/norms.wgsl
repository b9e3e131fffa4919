// The length of each vector, and 1/length. Numbers below f32's least normal one, 1.18e-38, vanish on many devices: a vector
// with no greater one counts as one of zeros, of length 0, and 1/length is 0 too, so that normalised it is one of zeros. A
// vector with NaN or an infinity has NaN for both, and so has one that is longer than 2^126: its 1/length would vanish.

struct Vectors {
    count: u32,
    // The numbers of a vector.
    width: u32,
    // So many workgroups stand side by side in x.
    across: u32,
    // Where the first vector's 1/length goes.
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Vectors;
@group(0) @binding(1) var<storage, read> vectors: array<f32>;
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;
@group(0) @binding(3) var<storage, read_write> inverses: array<f32>;

const LEAST = 0x00800000u; // the bits of 1.18e-38
const MOST = 0x7e800000u; // of 2^126
const NAN = 0x7fc00000u;

var<workgroup> tops: array<u32, 64>;
var<workgroup> lanes: array<f32, 64>;

@compute @workgroup_size(64)
fn measure(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * params.across + group.x;
    if (row >= params.count) {
        return;
    }
    let base = row * params.width;
    // The greatest number, by its bits: they order as numbers do, with infinities and NaN above. Compilers may take it that
    // no f32 is either.
    var top = 0u;
    for (var f = lane; f < params.width; f += 64u) {
        top = max(top, bitcast<u32>(vectors[base + f]) & 0x7fffffffu);
    }
    tops[lane] = top;
    workgroupBarrier();
    for (var step = 32u; step > 0u; step /= 2u) {
        if (lane < step) {
            tops[lane] = max(tops[lane], tops[lane + step]);
        }
        workgroupBarrier();
    }
    top = tops[0];
    // Relative to the greatest number no square overflows or vanishes.
    let greatest = bitcast<f32>(top);
    var sum = 0.0;
    if (top >= LEAST && top <= MOST) {
        for (var f = lane; f < params.width; f += 64u) {
            let part = vectors[base + f] / greatest;
            sum += part * part;
        }
    }
    lanes[lane] = sum;
    workgroupBarrier();
    for (var step = 32u; step > 0u; step /= 2u) {
        if (lane < step) {
            lanes[lane] += lanes[lane + step];
        }
        workgroupBarrier();
    }
    if (lane == 0u) {
        var length = 0.0;
        var inverse = 0.0;
        if (top >= LEAST) {
            length = greatest * sqrt(lanes[0]);
            inverse = 1.0 / length;
        }
        if (max(top, bitcast<u32>(length)) > MOST) {
            length = bitcast<f32>(top | NAN);
            inverse = length;
        }
        norms[row] = length;
        inverses[params.first + row] = inverse;
    }
}
