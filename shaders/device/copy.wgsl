// Copies an array: what a device's memory gives at best to a kernel that reads each number once and writes it once.

@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let step = groups.x * 64u;
    for (var i = id.x; i < arrayLength(&source); i += step) {
        target_[i] = source[i];
    }
}
