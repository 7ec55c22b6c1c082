# Checks ONNX files with onnx itself: the checker with full shape inference, then (--run) one pass in ONNX Runtime.
#
#   python peers/onnx_check.py [--run] FILE_OR_FOLDER...
#
# Prints a line for each file; exit status 1 when one is not valid. Files are given by path, so that external data is found.

import argparse
import pathlib
import sys

import onnx


def check(path):
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(str(path), load_external_data=False)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    opset = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    known = {value.name for value in inferred.graph.value_info}
    missing = [name for node in model.graph.node for name in node.output if name not in known]
    outputs = {value.name for value in model.graph.output}
    unknown = [name for name in missing if name not in outputs]
    return f"IR {model.ir_version}, {opset}, {len(model.graph.node)} nodes, {len(unknown)} of unknown shape"


def run(path):
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    ids = np.array([[1, 2, 3, 4], [1, 2, 0, 0]], dtype=np.int64)
    values = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64), "token_type_ids": ids * 0}
    feeds = {value.name: values[value.name] for value in session.get_inputs()}
    for value, result in zip(session.get_outputs(), session.run(None, feeds)):
        if not np.isfinite(result).all():
            raise ValueError(f"{value.name} has numbers that are not finite")
    return "runs"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", action="store_true")
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    failed = False
    for given in arguments.paths:
        for path in sorted(given.rglob("*.onnx")) if given.is_dir() else [given]:
            try:
                print(path, "ok:", check(path), *([run(path)] if arguments.run else []))
            except Exception as error:  # every kind of failure is a finding
                failed = True
                print(path, "NOT VALID:", error)
    sys.exit(1 if failed else 0)


main()
