# Loads what save-families.mjs wrote in transformers, sentence-transformers and ONNX Runtime, and compares the numbers.
#
#   python peers/load_families.py OUT
#
# Prints a line for each model: the largest difference to Sinter, relative to the largest number. Exit status 1 when a float
# model differs by more than 1e-4 (f16: 2e-2); quantized files only have to run and keep the direction (cosine 0.9).

import argparse
import json
import pathlib
import sys

import numpy as np

FILES = {
    "model.onnx": 1e-4,
    "model_fp16.onnx": 2e-2,
    "model_quantized.onnx": None,
    "model_int8.onnx": None,
    "model_q4.onnx": None,
    "model_qdq.onnx": None,
}


def unpadded(values, lengths, per_token):
    values = np.asarray(values, dtype=np.float64)
    if not per_token:
        return values.reshape(-1)
    return np.concatenate([values[row, :length].reshape(-1) for row, length in enumerate(lengths)])


def difference(got, wanted):
    wanted = np.asarray(wanted, dtype=np.float64)
    if got.shape != wanted.shape:
        return float("inf")
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def cosine(got, wanted):
    wanted = np.asarray(wanted, dtype=np.float64)
    return float(got @ wanted / np.linalg.norm(got) / np.linalg.norm(wanted))


def outputs_of(results, task, lengths):
    """What Sinter calls these results, without padding."""
    if task == "question-answering":
        both = np.stack([results["start_logits"], results["end_logits"]], axis=-1)
        return {"logits": unpadded(both, lengths, True)}
    if task == "embedding":
        return {"hidden": unpadded(results["last_hidden_state"], lengths, True)}
    return {"logits": unpadded(results["logits"], lengths, task != "classification")}


def with_transformers(folder, expected):
    import torch
    import transformers

    config = json.loads((folder / "config.json").read_text())
    model = getattr(transformers, config["architectures"][0]).from_pretrained(folder, attn_implementation="eager")
    names = ("input_ids", "attention_mask", "token_type_ids")
    batch = {name: torch.tensor(expected["batch"][name]) for name in names if name in expected["batch"]}
    with torch.no_grad():
        results = model.eval()(**batch)
    return {name: value.numpy() for name, value in results.items() if hasattr(value, "numpy")}


def with_onnx_runtime(path, expected):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {value.name: np.array(expected["batch"][value.name]) for value in session.get_inputs()}
    return dict(zip([value.name for value in session.get_outputs()], session.run(None, feeds)))


def with_sentence_transformers(folder, rows):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return model.encode([row["text"] for row in rows]).reshape(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    failed = False
    for folder in sorted(path.parent for path in parser.parse_args().out.glob("*/expected.json")):
        expected = json.loads((folder / "expected.json").read_text())
        task, lengths = expected["task"], expected["lengths"]
        found, wrong = [], False

        def compare(what, results, limit):
            nonlocal wrong
            for name, got in outputs_of(results, task, lengths).items():
                wanted = expected["outputs"][name]
                if limit is None:
                    found.append(f"{what} cos {cosine(got, wanted):.4f}")
                    wrong |= not cosine(got, wanted) > 0.9
                else:
                    found.append(f"{what} {difference(got, wanted):.1e}")
                    wrong |= not difference(got, wanted) < limit

        compare("transformers", with_transformers(folder / "model", expected), 1e-4)
        for file, limit in FILES.items():
            name = file.removeprefix("model").removesuffix(".onnx") or "_f32"
            compare(f"onnx{name}", with_onnx_runtime(folder / "onnx" / "onnx" / file, expected), limit)
        if expected["texts"]:
            wanted = [x for row in expected["texts"] for x in row["vector"]]
            got = with_sentence_transformers(folder / "sentence", expected["texts"])
            found.append(f"sentence-transformers {difference(got, wanted):.1e}")
            wrong |= not difference(got, wanted) < 1e-4
        print(expected["name"], "DIFFERS:" if wrong else "ok:", ", ".join(found))
        failed |= wrong
    sys.exit(1 if failed else 0)


main()
