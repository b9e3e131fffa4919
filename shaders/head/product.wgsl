// A product of matrices: c[m, n] = sum over k of a[m, k] * b[n, k], where strides say how each stands in memory, so that
// either may be transposed. A workgroup makes a tile of 64 by 64, each of its 64 invocations 8 by 8 of it in registers.
// The z of the grid counts matrices, and within one the parts of the sum over k, each of which gives a result of its own.

struct Product {
    m: u32,
    n: u32,
    k: u32,
    // The terms of a part of the sum, and the parts.
    span: u32,
    parts: u32,
    a_m: u32,
    a_k: u32,
    a_z: u32,
    b_n: u32,
    b_k: u32,
    b_z: u32,
    c_m: u32,
    c_z: u32,
    // Where the factors of a row of a and of an entry of b stand, and where the first of them does.
    of_a_m: u32,
    of_b_n: u32,
    of_b_k: u32,
    of_b_z: u32,
    of_a_first: u32,
    of_b_first: u32,
    // Are the results cosines? Then rounding past 1 is taken back.
    cosines: u32,
    // Is a result that is not finite told?
    watched: u32,
}

@group(0) @binding(0) var<uniform> p: Product;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> of_a: array<f32>;
@group(0) @binding(4) var<storage, read> of_b: array<f32>;
@group(0) @binding(5) var<storage, read_write> c: array<f32>;
// The greatest ~place in c of a result that is not finite; 0 if all are.
@group(0) @binding(6) var<storage, read_write> wrong: atomic<u32>;

// 16 terms of 64 rows, four rows together; a row of 17 keeps invocations off each other's memory banks.
var<workgroup> tile_a: array<vec4f, 272>;
var<workgroup> tile_b: array<vec4f, 272>;

fn a_at(m: u32, k: u32, end: u32, z: u32) -> f32 {
    if (m >= p.m || k >= end) {
        return 0.0;
    }
    return a[z * p.a_z + m * p.a_m + k * p.a_k] * of_a[p.of_a_first + m * p.of_a_m];
}

fn b_at(n: u32, k: u32, end: u32, z: u32) -> f32 {
    if (n >= p.n || k >= end) {
        return 0.0;
    }
    return b[z * p.b_z + n * p.b_n + k * p.b_k] * of_b[p.of_b_first + z * p.of_b_z + n * p.of_b_n + k * p.of_b_k];
}

fn put(at: u32, m: u32, n: u32, values: vec4f) {
    if (m >= p.m) {
        return;
    }
    let place = at + m * p.c_m + n;
    if (n < p.n) {
        put_one(place, values.x);
    }
    if (n + 1u < p.n) {
        put_one(place + 1u, values.y);
    }
    if (n + 2u < p.n) {
        put_one(place + 2u, values.z);
    }
    if (n + 3u < p.n) {
        put_one(place + 3u, values.w);
    }
}

// By the bits of a result: compilers may take it that no f32 is NaN or an infinity, and a clamp may make 1 of NaN.
fn put_one(place: u32, value: f32) {
    let size = bitcast<u32>(value) & 0x7fffffffu;
    if (p.watched == 1u && size >= 0x7f800000u) {
        atomicMax(&wrong, ~place);
    }
    let over = p.cosines == 1u && size > 0x3f800000u && size < 0x7f800000u;
    c[place] = select(value, sign(value), over);
}

@compute @workgroup_size(64)
fn multiply(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first_m = group.y * 64u;
    let first_n = group.x * 64u;
    let z = group.z / p.parts;
    let begin = (group.z % p.parts) * p.span;
    let end = min(begin + p.span, p.k);
    // This invocation's rows and columns are 4 from here on, and 4 that stand 32 further.
    let m = lane / 8u;
    let n = lane % 8u;
    var c00 = vec4f();
    var c01 = vec4f();
    var c02 = vec4f();
    var c03 = vec4f();
    var c10 = vec4f();
    var c11 = vec4f();
    var c12 = vec4f();
    var c13 = vec4f();
    var c20 = vec4f();
    var c21 = vec4f();
    var c22 = vec4f();
    var c23 = vec4f();
    var c30 = vec4f();
    var c31 = vec4f();
    var c32 = vec4f();
    var c33 = vec4f();
    for (var start = begin; start < end; start += 16u) {
        workgroupBarrier();
        for (var i = lane; i < 256u; i += 64u) {
            // Neighbours read what are neighbours in memory.
            let along_a = select(vec2u(i / 16u, i % 16u), vec2u(i % 16u, i / 16u), p.a_k == 1u);
            let k = start + along_a.x;
            let row = first_m + 4u * along_a.y;
            tile_a[17u * along_a.x + along_a.y] = vec4f(
                a_at(row, k, end, z), a_at(row + 1u, k, end, z), a_at(row + 2u, k, end, z), a_at(row + 3u, k, end, z)
            );
        }
        for (var i = lane; i < 256u; i += 64u) {
            let along_b = select(vec2u(i / 16u, i % 16u), vec2u(i % 16u, i / 16u), p.b_k == 1u);
            let k = start + along_b.x;
            let row = first_n + 4u * along_b.y;
            tile_b[17u * along_b.x + along_b.y] = vec4f(
                b_at(row, k, end, z), b_at(row + 1u, k, end, z), b_at(row + 2u, k, end, z), b_at(row + 3u, k, end, z)
            );
        }
        workgroupBarrier();
        for (var k = 0u; k < 16u; k += 1u) {
            let a0 = tile_a[17u * k + m];
            let a1 = tile_a[17u * k + m + 8u];
            let b0 = tile_b[17u * k + n];
            let b1 = tile_b[17u * k + n + 8u];
            c00 += a0.x * b0;
            c01 += a0.y * b0;
            c02 += a0.z * b0;
            c03 += a0.w * b0;
            c10 += a0.x * b1;
            c11 += a0.y * b1;
            c12 += a0.z * b1;
            c13 += a0.w * b1;
            c20 += a1.x * b0;
            c21 += a1.y * b0;
            c22 += a1.z * b0;
            c23 += a1.w * b0;
            c30 += a1.x * b1;
            c31 += a1.y * b1;
            c32 += a1.z * b1;
            c33 += a1.w * b1;
        }
    }
    let at = group.z * p.c_z;
    let row = first_m + 4u * m;
    let column = first_n + 4u * n;
    put(at, row, column, c00);
    put(at, row + 1u, column, c01);
    put(at, row + 2u, column, c02);
    put(at, row + 3u, column, c03);
    put(at, row, column + 32u, c10);
    put(at, row + 1u, column + 32u, c11);
    put(at, row + 2u, column + 32u, c12);
    put(at, row + 3u, column + 32u, c13);
    put(at, row + 32u, column, c20);
    put(at, row + 33u, column, c21);
    put(at, row + 34u, column, c22);
    put(at, row + 35u, column, c23);
    put(at, row + 32u, column + 32u, c30);
    put(at, row + 33u, column + 32u, c31);
    put(at, row + 34u, column + 32u, c32);
    put(at, row + 35u, column + 32u, c33);
}
