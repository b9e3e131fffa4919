"""Inputs, timing, peak memory, and one line of JSON: the same for every peer."""
import argparse
import gc
import json
import math
import os
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description="Time another implementation of a loss, forward and backward, f32.")
    parser.add_argument("--list", choices=["rows", "head"], help="print the names of the peers of a workload")
    parser.add_argument("--peer")
    parser.add_argument("--workload", choices=["rows", "head"], default="rows")
    parser.add_argument("--loss", default="arcface")
    parser.add_argument("--data", help="a folder with cosines.npy (or embeddings.npy and weights.npy) and labels.npy")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--budget", type=float, default=6.0, help="seconds of steps that are timed")
    parser.add_argument("--repeat", type=int, help="steps that are timed, instead of --budget")
    args = parser.parse_args()
    if not args.list and not (args.peer and args.data):
        parser.error("--peer and --data are wanted")
    # Before numpy, JAX or torch is imported: they read these once.
    if args.threads < os.cpu_count() and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: args.threads]))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    return args


def skip(reason):
    print(json.dumps({"skipped": " ".join(str(reason).split())[:300]}))
    sys.exit()


def number(value):
    """A loss as JSON has it: null where there is none, and a string where it is NaN or infinite."""
    value = None if value is None else float(value)
    return value if value is None or math.isfinite(value) else str(value)


def load(args):
    """The arrays of the workload, the labels last."""
    import numpy as np

    names = ["cosines", "labels"] if args.workload == "rows" else ["embeddings", "weights", "labels"]
    return [np.load(os.path.join(args.data, name + ".npy")) for name in names]


def status(name):
    """A size of this process in bytes; None where the system does not tell it."""
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))
    except (OSError, StopIteration):
        return None


def forget_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def run(args, step):
    """Times step(), one forward and backward, which gives the loss, or None. What the first calls compile is not counted,
    nor is the memory that they need for it."""
    gc.collect()
    forget_peak()
    before = status("VmRSS")
    start = time.perf_counter()
    value = number(step())
    first = time.perf_counter() - start
    start = time.perf_counter()
    step()
    second = time.perf_counter() - start
    forget_peak()
    seconds = []
    least, most = (args.repeat, args.repeat) if args.repeat else (3 if second < 2 else 2, 400)
    end = time.perf_counter() + args.budget
    while len(seconds) < least or (time.perf_counter() < end and len(seconds) < most):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    peak = status("VmHWM")
    seconds.sort()
    print(json.dumps({
        "peer": args.peer, "workload": args.workload, "loss": args.loss, "threads": args.threads,
        "median_s": seconds[len(seconds) // 2], "least_s": seconds[0], "repetitions": len(seconds),
        "compile_s": max(0.0, first - second), "memory_bytes": peak and before and max(0, peak - before), "value": value,
    }), flush=True)
