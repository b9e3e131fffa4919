"""Writes tests/recorded: what scikit-learn, SciPy and the published evaluators' arithmetic say.

    python3 -m venv venv && venv/bin/pip install numpy scikit-learn scipy
    venv/bin/python crates/marlo-judge/tests/record.py

Recorded with numpy 2.4.6, scikit-learn 1.9.1, scipy 1.17.1. The evaluators are written again here from the
arithmetic of insightface (verification.py, ijb_1n.py, eval_ijbc.py) and FaceX-Zoo (lfw_evaluator.py,
megaface_evaluator.py); nothing here knows the crate.
"""

import json
import math
import pickle
from pathlib import Path

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import KFold

OUT = Path(__file__).parent / "recorded"
rng = np.random.default_rng(20)


def save(name, data):
    def plain(x):
        if isinstance(x, np.ndarray):
            return plain(x.tolist())
        if isinstance(x, (list, tuple)):
            return [plain(y) for y in x]
        if isinstance(x, dict):
            return {k: plain(v) for k, v in x.items()}
        if isinstance(x, np.generic):
            return plain(x.item())
        return None if isinstance(x, float) and math.isinf(x) else x

    (OUT / name).write_text(json.dumps(plain(data), separators=(",", ":")) + "\n")


# --- ROC ---------------------------------------------------------------------------------------------------


def eer(fpr, tpr):
    """The crossing of the curve, points joined by lines, with false accepts = false rejects."""
    excess = fpr - (1 - tpr)
    k = int(np.argmax(excess >= 0))
    t = -excess[k - 1] / (excess[k] - excess[k - 1])
    return fpr[k - 1] + t * (fpr[k] - fpr[k - 1])


def roc_case(name, y, s, targets):
    y, s = np.asarray(y), np.asarray(s, float)
    full, drop = roc_curve(y, s, drop_intermediate=False), roc_curve(y, s, drop_intermediate=True)
    fpr, tpr, thr = full
    at_most = [[x, tpr[fpr <= x].max(), fpr[fpr <= x][tpr[fpr <= x].argmax()]] for x in targets]
    nearest = []
    flipped = np.flipud(drop[0]), np.flipud(drop[1])  # eval_ijbc.py
    for x in targets:
        _, at = min(list(zip(abs(flipped[0] - x), range(len(flipped[0])))))
        nearest.append([x, flipped[1][at], flipped[0][at]])
    n = len(y) - y.sum()
    return dict(name=name, same=[bool(v) for v in y], scores=s, full=full, drop=drop, auc=roc_auc_score(y, s),
                eer=eer(fpr, tpr), at_most=at_most, nearest=nearest, impostors=int(n))


def two_kinds(genuine, impostors, shift, digits=None):
    s = np.r_[rng.normal(shift, 1, genuine), rng.normal(0, 1, impostors)]
    s = s if digits is None else np.round(s, digits)
    y = np.r_[np.ones(genuine, int), np.zeros(impostors, int)]
    order = rng.permutation(len(y))
    return y[order], s[order]


save("roc.json", [
    roc_case("golden", [0, 0, 1, 1, 1, 0], [.1, .4, .4, .8, .8, .2], []),
    roc_case("constant", [0, 1, 0, 1], [.5, .5, .5, .5], []),
    roc_case("apart", [0, 0, 1, 1], [.1, .2, .3, .4], []),
    roc_case("reversed", [1, 1, 0, 0], [.1, .2, .3, .4], []),
    roc_case("zeros", [1, 0, 1, 0], [0.0, -0.0, .5, -1], []),
    roc_case("one of each", [1, 0], [.2, .1], []),
    roc_case("smooth", *two_kinds(80, 240, 1.5), [1.0, .5, .1, .05, 10 / 240]),
    roc_case("ties", *two_kinds(90, 200, 1.0, 1), [.9, .3, .1, .05]),
    roc_case("coarse", *two_kinds(60, 150, 1.0, 0), [.5, .2, .1]),
])

save("wilson.json", [
    dict(hits=k, trials=n, level=level,
         interval=[(ci := binomtest(k, n).proportion_ci(level, method="wilson")).low, ci.high])
    for k, n in [(0, 1), (1, 1), (0, 10), (10, 10), (3, 10), (1, 1000), (999, 1000), (123456, 1000000)]
    for level in (.90, .95, .99)
])

# --- Verification ------------------------------------------------------------------------------------------


def insightface(dist, same, folds):
    """calculate_roc and calculate_accuracy of insightface, for distances."""
    thresholds = np.arange(0, 4, 0.01)

    def accuracy(threshold, dist, same):
        said = np.less(dist, threshold)
        return float(np.sum(said & same) + np.sum(~said & ~same)) / dist.size

    accuracies, chosen = [], []
    for train, test in KFold(n_splits=folds, shuffle=False).split(np.arange(len(same))):
        best = thresholds[np.argmax([accuracy(t, dist[train], same[train]) for t in thresholds])]
        chosen.append(best)
        accuracies.append(accuracy(best, dist[test], same[test]))
    return dict(accuracies=accuracies, thresholds=chosen, mean=np.mean(accuracies), spread=np.std(accuracies))


def facexzoo(scores, same, folds):
    """LFWEvaluator.test_one_model and getThreshold of FaceX-Zoo, for folds of any one size."""
    size = len(same) // folds
    scores = scores.astype(np.float32).reshape(folds, size)
    labels = same.astype(np.int8).reshape(folds, size)

    def choose(score, label):
        pos, neg = score[label == 1], score[label == 0]
        low = np.min(score)
        step = (np.max(score) - low) / 1000
        thresholds = low + step * np.array(range(1, 1001))
        fpr = np.array([np.sum(neg > t) / neg.size for t in thresholds])
        tpr = np.array([np.sum(pos > t) / pos.size for t in thresholds])
        return thresholds[np.argmax(tpr - fpr)]

    accuracies, chosen = [], []
    for k in range(folds):
        train = np.arange(folds) != k
        best = choose(scores[train].flatten(), labels[train].flatten())
        pos, neg = scores[k][labels[k] == 1], scores[k][labels[k] == 0]
        accuracies.append((np.sum(pos > best) + np.sum(neg < best)) / size)
        chosen.append(best)
    error = np.std(accuracies, ddof=1) / np.sqrt(folds)
    return dict(accuracies=accuracies, thresholds=chosen, mean=np.mean(accuracies), spread=error)


def verification_case(name, cosines, same, folds):
    cosines, same = np.asarray(cosines, float), np.asarray(same, bool)
    out = dict(name=name, folds=folds, cosines=cosines, same=same)
    out["insightface"] = insightface(2 - 2 * cosines, same, folds)
    if len(same) % folds == 0:
        out["facexzoo"] = facexzoo(cosines, same, folds)
    return out


def cosines(genuine, impostors, digits=None):
    c = np.clip(np.r_[rng.normal(.45, .2, genuine), rng.normal(.1, .2, impostors)], -1, 1)
    return (c if digits is None else np.round(c, digits)), np.r_[np.ones(genuine), np.zeros(impostors)]


def blocks(folds, each, digits=None):
    parts = [cosines(each, each, digits) for _ in range(folds)]
    return np.concatenate([c for c, _ in parts]), np.concatenate([y for _, y in parts])


uneven = cosines(40, 43)
order = rng.permutation(83)
save("verification.json", [
    verification_case("ten folds", *blocks(10, 20), 10),
    verification_case("ties", *blocks(10, 15, 1), 10),
    verification_case("two folds of two", [.9, .1, .8, .3], [1, 0, 1, 0], 2),
    verification_case("constant", [.5] * 8, [1, 0] * 4, 2),
    verification_case("a fold of one kind", [.9, .1, .8, .3, .7, .6], [1, 0, 1, 0, 1, 1], 3),
    verification_case("uneven", uneven[0][order], uneven[1][order], 10),
])

# --- Embeddings and identification -------------------------------------------------------------------------
# Small whole numbers: cosines of their directions differ by far more than f32 rounds, or not at all.


def people(identities, photos, dim, first=0, noise=2):
    centres = rng.integers(-6, 7, (identities, dim))
    rows = np.repeat(centres, photos, 0) + rng.integers(-noise, noise + 1, (identities * photos, dim))
    rows[~rows.any(1)] = 1
    return rows, np.repeat(np.arange(first, first + identities), photos)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def best_mate_rank(scores, mate):
    """1 + how many others score at least as much as the best mate (ties against), and more (in favour)."""
    best, others = scores[mate].max(), scores[~mate]
    return 1 + int(np.sum(others >= best - 1e-9)), 1 + int(np.sum(others > best + 1e-9))


def cmc(q, ql, g, gl, d=None):
    s = unit(q) @ unit(g if d is None else np.r_[g, d]).T
    labels = gl if d is None else np.r_[gl, np.full(len(d), -1)]
    return [best_mate_rank(s[i], labels == ql[i]) for i in range(len(q))]


def leave_one_out(x, y):
    s, ranks, skipped = unit(x) @ unit(x).T, [], 0
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        if not (y[rest] == y[i]).any():
            skipped += 1
            continue
        ranks.append(best_mate_rank(s[i][rest], y[rest] == y[i]))
    return dict(ranks=ranks, without_mate=skipped)


def megaface(x, y, d, most):
    """CommonMegaFaceEvaluator.get_rankN_accuracy of FaceX-Zoo."""
    against, rates = unit(x) @ unit(d).T, []
    within = unit(x) @ unit(x).T
    for n in range(1, most + 1):
        nth = np.take_along_axis(against, np.argpartition(against, -n, axis=1)[:, [-n]], 1)[:, 0]
        hits = total = 0
        for who in np.unique(y):
            photos = np.flatnonzero(y == who)
            for i in photos:
                for j in photos:
                    if i != j:
                        hits += within[i, j] >= nth[j] - 1e-9
                        total += 1
        rates.append(hits / total)
    return rates


def ijb_1n(q, ql, g, gl, fars):
    """evaluation() of ijb_1n.py."""
    s = unit(q) @ unit(g).T
    mask = np.array([np.flatnonzero(gl == label)[0] for label in ql])
    pos = s[np.arange(len(q)), mask].copy()
    s[np.arange(len(q)), mask] = -2.0
    neg = np.sort(s[s > -2.0])[::-1]
    out = []
    for far in fars:
        th = neg[math.ceil(len(q) * far) - 1]
        out.append([far, th, np.sum(pos > th + 1e-9) / len(q)])
    return out


def open_set(q, ql, g, gl, targets):
    """TPIR at FPIR by the greatest score of each probe without a mate, over all thresholds that are scores."""
    s = unit(q) @ unit(g).T
    mated = np.isin(ql, gl)
    top = s[~mated].max(1)
    best = np.array([s[i][gl == ql[i]].max() for i in np.flatnonzero(mated)])
    ranks = np.array([best_mate_rank(s[i], gl == ql[i])[0] for i in np.flatnonzero(mated)])
    out = []
    for rank in (1, 3, None):
        ok = ranks <= (rank or 10**9)
        for target in targets:
            allowed = [t for t in np.r_[best, top, np.inf] if np.mean(top >= t - 1e-9) <= target]
            tpir = max(np.mean((best >= t - 1e-9) & ok) for t in allowed)
            out.append([rank, target, tpir])
    return out


x, y = people(12, 4, 6)
single, label = people(3, 1, 6, 100)
x1, y1 = np.r_[x, single], np.r_[y, label]
d, _ = people(70, 1, 6)
gallery, gl = people(14, 1, 6)
probes = np.repeat(gallery, 3, 0) + rng.integers(-2, 3, (42, 6))
probes[0] = gallery[0]
strangers, sl = people(30, 1, 6, 500)
q, ql = np.r_[probes, strangers], np.r_[np.repeat(gl, 3), sl]
s = unit(x) @ unit(x).T
i, j = np.triu_indices(len(x), 1)
save("identification.json", dict(
    dim=6, x=x, y=y, x1=x1, y1=y1, distractors=d, gallery=gallery, gallery_labels=gl, probes=probes,
    probe_labels=np.repeat(gl, 3), open_probes=q, open_labels=ql,
    cosines=s[:6, :6],
    cmc=cmc(probes, np.repeat(gl, 3), gallery, gl),
    cmc_distractors=cmc(probes, np.repeat(gl, 3), gallery, gl, d),
    cmc_several=cmc(x, y, x[::2], y[::2]),
    leave_one_out=leave_one_out(x1, y1),
    megaface=megaface(x1, y1, d, 12),
    ijb_1n=ijb_1n(probes, np.repeat(gl, 3), gallery, gl, [.01, .1, .5]),
    open_set=open_set(q, ql, gallery, gl, [1 / 3, .5, 1.0]),
    all_pairs=dict(auc=roc_auc_score(y[i] == y[j], np.round(s[i, j], 9)),
                   eer=eer(*roc_curve(y[i] == y[j], np.round(s[i, j], 9))[:2])),
))

# --- insightface's .bin ------------------------------------------------------------------------------------

images = [b"first", b"\x00\xff\xd8", b"", b"4" * 300, b"first", b"six"]
same = [True, False, True]
for protocol in (2, 3, 4, 5):
    (OUT / f"python3-protocol{protocol}.bin").write_bytes(pickle.dumps((images, same), protocol))


def short(text):
    return (b"U" + bytes([len(text)]) if len(text) < 256 else b"T" + len(text).to_bytes(4, "little")) + text


# What Python 2's cPickle wrote with protocol 2: strings, each remembered.
python2 = b"\x80\x02]q\x01(" + b"".join(short(t) + b"q" + bytes([k + 2]) for k, t in enumerate(images))
python2 += b"e]q\x08(\x88\x89\x88e\x86q\x09."
assert pickle.loads(python2, encoding="bytes") == (images, same)
(OUT / "python2-protocol2.bin").write_bytes(python2)
(OUT / "arrays.bin").write_bytes(pickle.dumps(([np.zeros(2, np.uint8)] * 2, [True]), 2))
