# Entities and scores of seqeval's strict mode in four schemes, for test/fixtures/metrics/entity-schemes.json.
#
#   PYTHON bench/peers/make_entity_schemes.py OUT.json
#
# Sequences are drawn at random, so that most hold tags that do not fit together. Needs numpy, scikit-learn and seqeval.

import json
import sys

import numpy as np
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, Entities

SEED = 4715
PREFIXES = {IOB1: "BI", IOB2: "BI", IOBES: "BIES", BILOU: "BILU"}


def sequences(rng, prefixes, count):
    tags = ["O", "O"] + [f"{prefix}-{kind}" for prefix in prefixes for kind in ("PER", "LOC")]
    return [[tags[i] for i in rng.integers(0, len(tags), rng.integers(1, 12))] for _ in range(count)]


def changed(rng, texts, prefixes):
    """Predictions: most tags as they are."""
    others = sequences(rng, prefixes, 40)
    pool = [tag for text in others for tag in text]
    return [[pool[rng.integers(len(pool))] if rng.random() < 0.25 else tag for tag in text] for text in texts]


def spans(texts, scheme):
    found = Entities(texts, scheme=scheme).entities
    return [[[one.tag, one.start, one.end - 1] for one in text] for text in found]


def main():
    rng = np.random.default_rng(SEED)
    cases = []
    for scheme, prefixes in PREFIXES.items():
        truth = sequences(rng, prefixes, 12)
        predicted = changed(rng, truth, prefixes)
        scores = {}
        for average in ("micro", "macro", "weighted"):
            p, r, f, _ = precision_recall_fscore_support(truth, predicted, average=average, scheme=scheme)
            scores[average] = {"precision": float(p), "recall": float(r), "f1": float(f)}
        cases.append({
            "scheme": scheme.__name__,
            "y_true": truth,
            "y_pred": predicted,
            "entities_true": spans(truth, scheme),
            "entities_pred": spans(predicted, scheme),
            "scores": scores,
        })
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write('{"seqeval": "%s", "seed": %d, "cases": [\n%s\n]}\n' % ("1.2.2", SEED, lines))


if __name__ == "__main__":
    main()
