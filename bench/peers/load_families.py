# Loads the models of save-families.mjs in transformers, sentence-transformers and ONNX Runtime, and compares the numbers.
#
#   python peers/load_families.py OUT [--table docs/guide/export.md]
#
# Prints a line for each model: for float files the largest difference to Sinter, relative to the largest number; for quantized
# files the cosine to Sinter's f32 numbers. Exit status 1 when a float model differs by more than 1e-4 (f16: 2e-2), or the
# cosine of a quantized one is too low. OpenVINO takes part where it is installed.

import argparse
import importlib.util
import json
import pathlib
import sys

import numpy as np

FILES = {
    "model.onnx": ("ONNX f32", 1e-4),
    "model_fp16.onnx": ("f16", 2e-2),
    "model_quantized.onnx": ("q8", None),
    "model_int8.onnx": ("int8", None),
    "model_q4.onnx": ("q4", None),
    "model_qdq.onnx": ("qdq", None),
}
# The fixtures are random and 32 wide: few bits lose much more than in a trained model.
LEAST_COSINE = 0.7


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
    """The results under Sinter's names, without padding."""
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


def with_openvino(path, expected):
    import openvino

    core = openvino.Core()
    model = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    feeds = {value.get_any_name(): np.array(expected["batch"][value.get_any_name()]) for value in model.inputs}
    results = model(feeds)
    names = ("last_hidden_state", "logits", "start_logits", "end_logits")
    return {name: results[value] for value in model.outputs for name in names if name in value.names}


def measure(folder, expected):
    """Compares every reader of the model with Sinter: column -> (kind, number, whether it is good)."""
    task, lengths = expected["task"], expected["lengths"]
    measured = {}

    def compare(column, results, limit):
        for name, got in outputs_of(results, task, lengths).items():
            wanted = expected["outputs"][name]
            if limit is None:
                measured[column] = ("cosine", cosine(got, wanted), cosine(got, wanted) > LEAST_COSINE)
            else:
                measured[column] = ("difference", difference(got, wanted), difference(got, wanted) < limit)

    compare("transformers", with_transformers(folder / "model", expected), 1e-4)
    for file, (column, limit) in FILES.items():
        compare(column, with_onnx_runtime(folder / "onnx" / "onnx" / file, expected), limit)
    if importlib.util.find_spec("openvino"):
        compare("OpenVINO f32", with_openvino(folder / "onnx" / "onnx" / "model.onnx", expected), 1e-4)
        compare("OpenVINO q8", with_openvino(folder / "onnx" / "onnx" / "model_quantized.onnx", expected), None)
    if expected["texts"]:
        wanted = [x for row in expected["texts"] for x in row["vector"]]
        found = difference(with_sentence_transformers(folder / "sentence", expected["texts"]), wanted)
        measured["sentence-transformers"] = ("difference", found, found < 1e-4)
    return measured


def text_of(cell):
    if cell is None:
        return ""
    kind, number, _ = cell
    return f"{number:.0e}" if kind == "difference" else f"{number:.3f}"


def table(rows):
    """Markdown: a row for each family and head, a column for each reader."""
    columns = list(dict.fromkeys(column for _, measured in rows for column in measured))
    lines = [["family", "head", *columns]]
    for expected, measured in rows:
        cells = [text_of(measured.get(column)) for column in columns]
        lines.append([expected["family"], expected["task"], *cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |\n" for line in lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path, help="a file with the two markers between which the table goes")
    arguments = parser.parse_args()
    rows, failed = [], False
    for folder in sorted(path.parent for path in arguments.out.glob("*/expected.json")):
        expected = json.loads((folder / "expected.json").read_text())
        measured = measure(folder, expected)
        good = all(fine for _, _, fine in measured.values())
        found = ", ".join(f"{column} {text_of(cell)}" for column, cell in measured.items())
        print(folder.name, "ok:" if good else "DIFFERS:", found, flush=True)
        failed |= not good
        rows.append((expected, measured))
    if arguments.table:
        begin, end = "<!-- table -->\n", "<!-- end -->\n"
        before, rest = arguments.table.read_text().split(begin)
        after = rest.split(end)[1]
        first = {}
        for expected, measured in rows:
            first.setdefault((expected["family"], expected["task"]), (expected, measured))
        arguments.table.write_text(before + begin + table(list(first.values())) + end + after)
    sys.exit(1 if failed else 0)


main()
