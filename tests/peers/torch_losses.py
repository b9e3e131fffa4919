"""PyTorch: the losses as one writes them, the target put by `where` or by `scatter`, eager and compiled; for the head also
pytorch-metric-learning, Cut Cross-Entropy, and the three matrix products alone."""
import math

import harness

MARGIN, SCALE = 0.5, 64.0
MV_SCALE, MV_WEIGHT = 32.0, 0.2


def step(args):
    import torch

    torch.set_num_threads(args.threads)
    name = args.peer.removesuffix("_compile")
    make = {"torch_pml": metric_learning, "cce_torch": cut_cross_entropy, "gemm3": products}.get(name, tensors)
    found = make(args, name)
    if found is None or name == "gemm3":
        return found
    leaves, function = found
    if args.peer.endswith("_compile"):
        function = torch.compile(function, dynamic=False)

    def once():
        for leaf in leaves:
            leaf.grad = None
        loss = function()
        loss.backward()
        return loss

    return once


def losses(name):
    """The loss of (cosines, labels), by its name in marlo."""
    import torch
    import torch.nn.functional as F

    def margin(t):
        return t * math.cos(MARGIN) - torch.sqrt(1 - t * t) * math.sin(MARGIN)

    def put(z, y, target):
        if name == "torch_scatter":
            return z.scatter(1, y[:, None], target)
        return torch.where(torch.arange(z.shape[1])[None, :] == y[:, None], target, z)

    def arcface(cos, y):
        return F.cross_entropy(put(cos, y, margin(cos.gather(1, y[:, None]))) * SCALE, y)

    def mv_arc_adaptive(cos, y):
        f = margin(cos.gather(1, y[:, None]))
        z = torch.where(cos > f.detach(), (1 + MV_WEIGHT) * cos + MV_WEIGHT, cos)
        return F.cross_entropy(put(z, y, f) * MV_SCALE, y)

    return {"arcface": arcface, "mv_arc_adaptive": mv_arc_adaptive, "softmax": F.cross_entropy}


def tensors(args, name):
    import torch
    import torch.nn.functional as F

    loss = losses(name).get(args.loss)
    if loss is None:
        return None
    *arrays, y = map(torch.from_numpy, harness.load(args))
    leaves = [array.requires_grad_(True) for array in arrays]
    if args.workload == "rows":
        return leaves, lambda: loss(leaves[0], y)
    if args.loss == "softmax":
        return leaves, lambda: loss(F.linear(leaves[0], leaves[1]), y)
    return leaves, lambda: loss(F.linear(F.normalize(leaves[0]), F.normalize(leaves[1])), y)


def metric_learning(args, _):
    from pytorch_metric_learning.losses import ArcFaceLoss
    import torch

    if args.workload != "head" or args.loss != "arcface":
        return None
    x, w, y = map(torch.from_numpy, harness.load(args))
    head = ArcFaceLoss(w.shape[0], w.shape[1], margin=math.degrees(MARGIN), scale=SCALE)
    head.W = torch.nn.Parameter(w.t().contiguous())
    x.requires_grad_(True)
    return [x, head.W], lambda: head(x, y)


def cut_cross_entropy(args, _):
    from cut_cross_entropy import linear_cross_entropy
    import torch

    if args.workload != "head" or args.loss != "softmax":
        return None
    x, w, y = map(torch.from_numpy, harness.load(args))
    leaves = [x.requires_grad_(True), w.requires_grad_(True)]
    return leaves, lambda: linear_cross_entropy(x, w, y, impl="torch_compile")


def products(args, _):
    """The three products of a head, without a loss: a floor, not a peer. It has no value."""
    import torch
    import torch.nn.functional as F

    if args.workload != "head":
        return None
    x, w, _ = map(torch.from_numpy, harness.load(args))
    x, w = F.normalize(x), F.normalize(w)
    cosines = torch.empty(x.shape[0], w.shape[0])
    dx, dw = torch.empty_like(x), torch.empty_like(w)

    def once():
        torch.mm(x, w.t(), out=cosines)
        torch.mm(cosines, w, out=dx)
        torch.mm(cosines.t(), x, out=dw)

    return once
