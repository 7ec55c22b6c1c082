# Makes the files that other engines run from the files that Sinter exports. OUT/peers.json lists them.
#
# ONNX Runtime's own tools make the fused f32 file and the int8 files (per channel, reduced and full range, plain and
# fused); CTranslate2's folder is written through its specification classes from the safetensors weights; NNCF makes an
# int8 file for OpenVINO, with calibration texts. No PyTorch.

import argparse
import json
import pathlib

import numpy as np


def ort_files(onnx_file, out, config):
    """The fused file, and int8 forms of the plain and of the fused one."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    # opt_level 0: the fusions of the transformers optimizer alone; ONNX Runtime's own run when the file is opened.
    fused = optimizer.optimize_model(
        str(onnx_file),
        model_type="bert",
        num_heads=config["num_attention_heads"],
        hidden_size=config["hidden_size"],
        opt_level=0,
    )
    found = fused.get_fused_operator_statistics()
    if found["Attention"] != config["num_hidden_layers"]:
        raise SystemExit(f"make_models: the optimizer fused {found['Attention']} attentions")
    fused.save_model_to_file(str(out / "fused.onnx"))
    files = [("f32", "optimizer, fused", "fused.onnx")]
    extra = {"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT}
    for source, form in ((onnx_file, "plain"), (out / "fused.onnx", "fused")):
        for reduce_range, scope in ((True, "reduced range"), (False, "full range")):
            name = f"int8-{form}-{'reduced' if reduce_range else 'full'}.onnx"
            quantize_dynamic(
                str(source),
                str(out / name),
                per_channel=True,
                reduce_range=reduce_range,
                weight_type=QuantType.QInt8,
                extra_options=extra,
            )
            files.append(("int8", f"quantizer, {form}, {scope}", name))
    return [
        {"engine": "onnxruntime", "precision": precision, "name": name, "path": str(out / path)}
        for precision, name, path in files
    ]


def ctranslate2_folder(model, out, config):
    """The BertModel in the layout of CTranslate2, without the pooler, which mean pooling does not need."""
    from ctranslate2.specs import common_spec, transformer_spec
    from safetensors.numpy import load_file

    activations = {"gelu": common_spec.Activation.GELU, "relu": common_spec.Activation.RELU}
    tensors = {name: w.astype(np.float32) for name, w in load_file(model / "model.safetensors").items()}
    prefix = "bert." if "bert.embeddings.LayerNorm.weight" in tensors else ""
    weight = lambda name: np.ascontiguousarray(tensors[prefix + name])

    def linear(spec, *names):
        spec.weight = np.concatenate([weight(f"{name}.weight") for name in names])
        spec.bias = np.concatenate([weight(f"{name}.bias") for name in names])

    def norm(spec, name):
        spec.gamma, spec.beta = weight(f"{name}.weight"), weight(f"{name}.bias")

    encoder = transformer_spec.TransformerEncoderSpec(
        config["num_hidden_layers"],
        config["num_attention_heads"],
        pre_norm=False,
        activation=activations[config["hidden_act"]],
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = weight("embeddings.word_embeddings.weight")
    encoder.embeddings[1].weight = weight("embeddings.token_type_embeddings.weight")
    encoder.position_encodings.encodings = weight("embeddings.position_embeddings.weight")
    norm(encoder.layernorm_embedding, "embeddings.LayerNorm")
    for i, layer in enumerate(encoder.layer):
        base = f"encoder.layer.{i}."
        attention = f"{base}attention."
        linear(layer.self_attention.linear[0], *(f"{attention}self.{n}" for n in ("query", "key", "value")))
        linear(layer.self_attention.linear[1], f"{attention}output.dense")
        norm(layer.self_attention.layer_norm, f"{attention}output.LayerNorm")
        linear(layer.ffn.linear_0, f"{base}intermediate.dense")
        linear(layer.ffn.linear_1, f"{base}output.dense")
        norm(layer.ffn.layer_norm, f"{base}output.LayerNorm")
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    spec.config.layer_norm_epsilon = config["layer_norm_eps"]
    rows = encoder.embeddings[0].weight.shape[0]
    # The inputs are ids, so the tokens need no real names, but their number must be right.
    spec.register_vocabulary([f"<{i}>" for i in range(rows)])
    spec.config.unk_token = "<0>"
    folder = out / "ctranslate2"
    folder.mkdir(exist_ok=True)
    spec.validate()
    spec.save(str(folder))
    return [
        {"engine": "ctranslate2", "precision": precision, "name": compute, "path": str(folder)}
        for precision, compute in (("f32", "float32"), ("int8", "int8_float32"))
    ]


def openvino_files(onnx_file, out, calibration):
    """OpenVINO reads the product's f32 export as it is; NNCF makes the int8 file where it is installed."""
    files = [{"engine": "openvino", "precision": "f32", "name": "f32", "path": str(onnx_file)}]
    try:
        import nncf
    except ImportError:
        return files
    import openvino

    def feeds(ids):
        tokens = np.array([ids], np.int64)
        return {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.zeros_like(tokens),
        }

    samples = json.loads(calibration.read_text())
    model = nncf.quantize(
        openvino.Core().read_model(str(onnx_file)),
        nncf.Dataset(samples, feeds),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
    )
    path = out / "openvino-int8.xml"
    openvino.save_model(model, str(path))
    return files + [{"engine": "openvino", "precision": "int8", "name": "NNCF", "path": str(path)}]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=pathlib.Path, required=True, help="Hugging Face folder")
    parser.add_argument("--onnx", type=pathlib.Path, required=True, help="f32 export, opset 17")
    parser.add_argument("--calibration", type=pathlib.Path, required=True, help="JSON: lists of token ids")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config = json.loads((args.model / "config.json").read_text())
    files = ort_files(args.onnx, args.out, config)
    files += ctranslate2_folder(args.model, args.out, config)
    files += openvino_files(args.onnx, args.out, args.calibration)
    (args.out / "peers.json").write_text(json.dumps(files, indent=1) + "\n")


main()
