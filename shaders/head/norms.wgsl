// The length of each vector, and 1/length; 0 for a vector of zeros, which normalised stays one of zeros.

struct Vectors {
    count: u32,
    // The numbers of a vector.
    width: u32,
    // So many workgroups stand side by side in x.
    across: u32,
}

@group(0) @binding(0) var<uniform> params: Vectors;
@group(0) @binding(1) var<storage, read> vectors: array<f32>;
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;
@group(0) @binding(3) var<storage, read_write> inverses: array<f32>;

var<workgroup> lanes: array<f32, 64>;

@compute @workgroup_size(64)
fn measure(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let row = group.y * params.across + group.x;
    if (row >= params.count) {
        return;
    }
    let base = row * params.width;
    // Relative to the greatest number no square overflows or vanishes.
    var greatest = 0.0;
    for (var f = lane; f < params.width; f += 64u) {
        greatest = max(greatest, abs(vectors[base + f]));
    }
    lanes[lane] = greatest;
    workgroupBarrier();
    for (var step = 32u; step > 0u; step /= 2u) {
        if (lane < step) {
            lanes[lane] = max(lanes[lane], lanes[lane + step]);
        }
        workgroupBarrier();
    }
    greatest = lanes[0];
    workgroupBarrier();
    var sum = 0.0;
    if (greatest > 0.0) {
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
        let length = greatest * sqrt(lanes[0]);
        norms[row] = length;
        inverses[row] = select(0.0, 1.0 / length, length > 0.0);
    }
}
