# Values and gradients of the losses of sentence-transformers' CrossEncoder, for test/fixtures/losses/reranking.json.
#
#   PYTHON bench/peers/make_reranking_losses.py OUT.json
#
# A stub hands given logits to the classes of the library, so that their gradients are those by the logits. Inputs are
# multiples of 1/256. The library computes in float32. Needs torch and sentence-transformers; nothing is downloaded.

import json
import sys

import numpy as np
import sentence_transformers
import torch
from sentence_transformers.cross_encoder import CrossEncoder, losses

SEED = 4714


class Stub(CrossEncoder):
    """Gives the next logits for each pair that a loss asks for."""

    def __init__(self, logits):
        torch.nn.Module.__init__(self)
        self.logits = torch.tensor(logits, dtype=torch.float32, requires_grad=True)
        self.taken = 0

    num_labels = 1
    device = torch.device("cpu")

    def preprocess(self, pairs, **_):
        return {"pairs": pairs}

    def forward(self, inputs, **_):
        count = len(inputs["pairs"])
        scores = self.logits[self.taken : self.taken + count].unsqueeze(1)
        self.taken += count
        return {"scores": scores}


def numbers(rng, count, spread):
    return (rng.integers(-256 * spread, 256 * spread, count) / 256).tolist()


def run(name, loss, settings, lengths, logits, labels, inputs, targets):
    """One case: the value and the gradient by the logits."""
    model = Stub(logits)
    value = loss(model)(inputs, targets)
    value.backward()
    gradient = model.logits.grad.double().tolist()
    return {
        "name": name,
        "settings": settings,
        "lengths": lengths,
        "logits": logits,
        "labels": labels,
        "value": round(value.item(), 8),
        "grad": [float(f"{g:.8g}") for g in gradient],
    }


def list_cases(rng):
    lengths = [4, 1, 6, 3]
    logits = numbers(rng, sum(lengths), 3)
    graded = [2, 0, 1, 0, 1, 3, 0, 2, 0, 0, 1, 0, 0, 1]
    docs, parts, at = [], [], 0
    for length in lengths:
        docs.append([f"d{i}" for i in range(length)])
        parts.append(torch.tensor(graded[at : at + length], dtype=torch.float32))
        at += length
    inputs = [["q"] * len(lengths), docs]
    schemes = {
        "none": losses.NoWeightingScheme(),
        "ndcg_loss1": losses.NDCGLoss1Scheme(),
        "ndcg_loss2": losses.NDCGLoss2Scheme(),
        "lambda_rank": losses.LambdaRankScheme(),
        "ndcg_loss2_pp": losses.NDCGLoss2PPScheme(),
    }
    plans = [("lambda", {"weightingScheme": s}, lambda m, w=w: losses.LambdaLoss(m, weighting_scheme=w)) for s, w in schemes.items()]
    plans += [
        ("lambda", {"k": 2, "sigma": 0.5, "reductionLog": "natural"}, lambda m: losses.LambdaLoss(m, k=2, sigma=0.5, reduction_log="natural")),
        ("lambda", {"mu": 3, "weightingScheme": "ndcg_loss2_pp", "activationFn": "sigmoid"}, lambda m: losses.LambdaLoss(m, weighting_scheme=losses.NDCGLoss2PPScheme(mu=3), activation_fn=torch.nn.Sigmoid())),
        ("rank_net", {}, lambda m: losses.RankNetLoss(m)),
        ("rank_net", {"k": 1, "sigma": 2}, lambda m: losses.RankNetLoss(m, k=1, sigma=2.0)),
        ("list_net", {}, lambda m: losses.ListNetLoss(m)),
        ("list_mle", {"respectInputOrder": True}, lambda m: losses.ListMLELoss(m)),
        ("plist_mle", {"respectInputOrder": True}, lambda m: losses.PListMLELoss(m)),
        ("plist_mle", {"respectInputOrder": True, "activationFn": "sigmoid"}, lambda m: losses.PListMLELoss(m, activation_fn=torch.nn.Sigmoid())),
    ]
    return [run(name, loss, settings, lengths, logits, graded, inputs, parts) for name, settings, loss in plans]


def sorted_cases(rng):
    """Labels without ties, so that the order by labels is known."""
    lengths = [5, 3]
    logits = numbers(rng, 8, 3)
    labels = [3, 1, 4, 0, 2, 0, 2, 1]
    parts = [torch.tensor(labels[:5], dtype=torch.float32), torch.tensor(labels[5:], dtype=torch.float32)]
    inputs = [["q", "r"], [["a"] * 5, ["b"] * 3]]
    plans = [
        ("list_mle", lambda m: losses.ListMLELoss(m, respect_input_order=False)),
        ("plist_mle", lambda m: losses.PListMLELoss(m, respect_input_order=False)),
    ]
    return [run(name, loss, {}, lengths, logits, labels, inputs, parts) for name, loss in plans]


def pair_cases(rng):
    logits = numbers(rng, 6, 3)
    labels = [1, 0, 0.5, 1, 0.25, 0]
    columns = [["q"] * 6, ["p"] * 6]
    target = torch.tensor(labels)
    plans = [
        ("binary_cross_entropy", {}, lambda m: losses.BinaryCrossEntropyLoss(m)),
        ("binary_cross_entropy", {"posWeight": 3}, lambda m: losses.BinaryCrossEntropyLoss(m, pos_weight=torch.tensor(3.0))),
        ("mse", {}, lambda m: losses.MSELoss(m)),
        ("mse", {"activationFn": "sigmoid"}, lambda m: losses.MSELoss(m, activation_fn=torch.nn.Sigmoid())),
    ]
    return [run(name, loss, settings, [1] * 6, logits, labels, columns, target) for name, settings, loss in plans]


def column_cases(rng):
    """Three rows of a positive and two negatives. The library asks for columns; the file holds lists."""
    by_list = np.array(numbers(rng, 9, 3)).reshape(3, 3)
    logits = by_list.T.flatten().tolist()
    scores = np.array(numbers(rng, 9, 2)).reshape(3, 3)
    columns = [["q"] * 3, ["p"] * 3, ["n"] * 3, ["m"] * 3]
    sigmoid = torch.nn.Sigmoid()
    cases = []
    for settings, extra in (({}, {}), ({"activationFn": "sigmoid"}, {"activation_fn": sigmoid})):
        case = run("margin_mse", lambda m, e=extra: losses.MarginMSELoss(m, **e), settings, [3] * 3, logits, None, columns, torch.tensor(scores, dtype=torch.float32))
        case["labels"] = scores.flatten().tolist()
        cases.append(case)
    # All in-batch negatives: (3 - 1) rows of three texts. The library asks for positives, in-batch and hard negatives.
    whole = np.array(numbers(rng, 27, 3)).reshape(9, 3)
    for settings, extra in (({}, {}), ({"activationFn": "identity", "scale": 2}, {"activation_fn": None, "scale": 2.0})):
        loss = lambda m, e=extra: losses.MultipleNegativesRankingLoss(m, num_negatives=None, **e)
        case = run("multiple_negatives_ranking", loss, settings, [9] * 3, whole.flatten().tolist(), None, columns, None)
        case["labels"] = [0] * 27
        cases.append(case)
    for case in cases:
        width = case["lengths"][0]
        for key in ("logits", "grad"):
            case[key] = np.array(case[key]).reshape(width, 3).T.flatten().tolist()
    return cases


def main():
    rng = np.random.default_rng(SEED)
    cases = list_cases(rng) + sorted_cases(rng) + pair_cases(rng) + column_cases(rng)
    head = {
        "sentence_transformers": sentence_transformers.__version__,
        "torch": torch.__version__.split("+")[0],
        "seed": SEED,
    }
    lines = ",\n".join(json.dumps(case) for case in cases)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
