"""JAX: jit(value_and_grad) of the losses as one writes them."""
import math
import os

import harness

MARGIN, SCALE = 0.5, 64.0
MV_SCALE, MV_WEIGHT = 32.0, 0.2


def step(args):
    os.environ["JAX_PLATFORMS"] = "cpu"
    if args.threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = (os.environ.get("XLA_FLAGS", "") + " " + flags).strip()
    import jax
    import jax.numpy as jnp

    def cross_entropy(z, y):
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], 1)[:, 0])

    def margin(t):
        return t * math.cos(MARGIN) - jnp.sqrt(1 - t * t) * math.sin(MARGIN)

    def put(z, y, target):
        return jnp.where(jnp.arange(z.shape[1])[None, :] == y[:, None], target, z)

    def arcface(cos, y):
        t = jnp.take_along_axis(cos, y[:, None], 1)
        return cross_entropy(put(cos, y, margin(t)) * SCALE, y)

    def mv_arc_adaptive(cos, y):
        f = margin(jnp.take_along_axis(cos, y[:, None], 1))
        hard = cos > jax.lax.stop_gradient(f)
        return cross_entropy(put(jnp.where(hard, (1 + MV_WEIGHT) * cos + MV_WEIGHT, cos), y, f) * MV_SCALE, y)

    def normalised(v):
        return v / jnp.maximum(jnp.sqrt(jnp.sum(v * v, 1, keepdims=True)), 1e-12)

    loss = {"arcface": arcface, "mv_arc_adaptive": mv_arc_adaptive}.get(args.loss)
    if loss is None:
        return None
    *arrays, labels = harness.load(args)
    inputs = [jnp.asarray(array) for array in arrays] + [jnp.asarray(labels, jnp.int32)]
    del arrays, labels
    if args.workload == "rows":
        function = jax.jit(jax.value_and_grad(loss))
    else:
        head = lambda x, w, y: loss(normalised(x) @ normalised(w).T, y)
        function = jax.jit(jax.value_and_grad(head, argnums=(0, 1)))
    kept = {}

    def once():
        # The gradient of the step before is given back first.
        kept.clear()
        kept["result"] = jax.block_until_ready(function(*inputs))
        return kept["result"][0]

    return once
