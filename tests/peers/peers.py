"""Runs a peer: see README.md. `marlo bench --peers` calls this, once for each line of its table."""
import json

import harness

PEERS = {
    "rows": ["jax", "torch_where", "torch_where_compile", "torch_scatter_compile"],
    "head": ["jax", "torch_where", "torch_where_compile", "torch_pml", "cce_torch", "gemm3"],
}


def run(args):
    if args.peer not in PEERS[args.workload]:
        harness.skip(f"there is no such peer for {args.workload}")
    if args.peer == "jax":
        import jax_losses as peer
    else:
        import torch_losses as peer
    step = peer.step(args)
    if step is None:
        harness.skip(f"it has no `{args.loss}` for {args.workload}")
    harness.run(args, step)


args = harness.arguments()
if args.list:
    print(json.dumps(PEERS[args.list]))
else:
    try:
        run(args)
    except ModuleNotFoundError as error:
        harness.skip(f"Python has no module `{error.name}`: pip install it to compare with it")
    # Whatever a peer dies of, the others are still measured.
    except Exception as error:
        harness.skip(f"it fails with {type(error).__name__}: {error}")
