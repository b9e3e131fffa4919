"""Runs a peer: see README.md. `marlo bench --peers` calls this, once for each line of its table."""
import json

import harness

PEERS = {
    "rows": ["jax", "torch_where", "torch_where_compile", "torch_scatter_compile"],
    "head": ["jax", "torch_where", "torch_where_compile", "torch_pml", "cce_torch", "gemm3"],
}

args = harness.arguments()
if args.list:
    print(json.dumps(PEERS[args.list]))
else:
    try:
        if args.peer.startswith("jax"):
            import jax_losses as peer
        else:
            import torch_losses as peer
        step = peer.step(args)
    except ModuleNotFoundError as error:
        harness.skip(f"Python has no module `{error.name}`: pip install it to compare with it")
    if step is None:
        harness.skip(f"it has no `{args.loss}` for {args.workload}")
    harness.run(args, step)
