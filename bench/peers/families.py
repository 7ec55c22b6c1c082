# Tiny random models of every family and head. `make DIR` has transformers write them with their outputs. `check DIR` has
# transformers load the models that Sinter wrote from them (bench/peers/families.mjs), and compares the outputs.
#
# Needs torch, transformers and safetensors; nothing is downloaded.

import argparse
import json
import pathlib

import torch
import transformers as hf
from safetensors.torch import load_file, save_file

SUFFIXES = {
    "embedding": "Model",
    "classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "question-answering": "ForQuestionAnswering",
    "masked-lm": "ForMaskedLM",
}
LENGTHS = [17, 3, 9, 30]
VOCABULARY = 300
TOLERANCE = 1e-5


def configs():
    """Name -> config: one of every family, and one for each setting that changes the graph."""
    size = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_attention_heads": 4, "initializer_range": 0.2}
    plain = {**size, "intermediate_size": 64, "max_position_embeddings": 40}
    plain |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    two = {**plain, "num_hidden_layers": 2}
    modern = {**size, "intermediate_size": 48, "max_position_embeddings": 64, "local_attention": 8}
    modern |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    deberta = {**two, "relative_attention": True, "type_vocab_size": 0, "position_biased_input": False}
    v3 = {**deberta, "position_buckets": 8, "share_att_key": True}
    distil = {"vocab_size": VOCABULARY, "dim": 32, "n_heads": 4, "n_layers": 2, "hidden_dim": 64}
    distil |= {"max_position_embeddings": 40, "initializer_range": 0.2}
    return {
        "bert": hf.BertConfig(**two),
        "bert-silu": hf.BertConfig(**two, hidden_act="silu"),
        "distilbert": hf.DistilBertConfig(**distil),
        "roberta": hf.RobertaConfig(**two, type_vocab_size=1, layer_norm_eps=1e-5),
        "xlm-roberta": hf.XLMRobertaConfig(**two, type_vocab_size=1),
        "camembert": hf.CamembertConfig(**two, type_vocab_size=1),
        "mpnet": hf.MPNetConfig(**two),
        "albert": hf.AlbertConfig(**plain, num_hidden_layers=4, embedding_size=16, num_hidden_groups=2),
        "albert-inner": hf.AlbertConfig(**plain, num_hidden_layers=2, embedding_size=16, inner_group_num=2),
        "electra": hf.ElectraConfig(**two, embedding_size=16),
        "electra-wide": hf.ElectraConfig(**two, embedding_size=32),
        "ernie": hf.ErnieConfig(**two, use_task_id=True),
        "ernie-plain": hf.ErnieConfig(**two),
        "modernbert": hf.ModernBertConfig(**modern, num_hidden_layers=4, classifier_pooling="mean"),
        "modernbert-bias": hf.ModernBertConfig(
            **modern,
            num_hidden_layers=3,
            global_attn_every_n_layers=2,
            attention_bias=True,
            mlp_bias=True,
            norm_bias=True,
            classifier_bias=True,
            decoder_bias=False,
        ),
        "deberta-v3": hf.DebertaV2Config(**v3, norm_rel_ebd="layer_norm", pos_att_type=["p2c", "c2p"]),
        "deberta-c2p": hf.DebertaV2Config(
            **v3, max_relative_positions=30, pos_att_type=["c2p"], legacy=False, tie_word_embeddings=False
        ),
        "deberta-v2": hf.DebertaV2Config(
            **{**deberta, "type_vocab_size": 2, "position_biased_input": True},
            max_relative_positions=12,
            pos_att_type=["c2p", "p2c"],
        ),
        "deberta-plain": hf.DebertaV2Config(**two, embedding_size=16),
    }


def batch(config):
    """Random ids, padded; two segments where the model has them."""
    generator = torch.Generator().manual_seed(5)
    ids = torch.full((len(LENGTHS), max(LENGTHS)), config.pad_token_id or 0)
    mask, kinds = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        ids[row, :length] = torch.randint(5, VOCABULARY, (length,), generator=generator)
        mask[row, :length] = 1
        kinds[row, length // 2 : length] = 1
    given = {"input_ids": ids, "attention_mask": mask}
    if getattr(config, "type_vocab_size", 0) >= 2:
        given["token_type_ids"] = kinds
    return given


def outputs(model, config):
    with torch.no_grad():
        found = model.eval()(**batch(config), output_hidden_states=True)
    named = {f"hidden.{i}": value for i, value in enumerate(found.hidden_states)}
    if "start_logits" in found:
        named["logits"] = torch.stack([found.start_logits, found.end_logits], -1)
    for ours, theirs in (("logits", "logits"), ("hidden", "last_hidden_state"), ("pooled", "pooler_output")):
        if found.get(theirs) is not None:
            named[ours] = found[theirs]
    return {name: value.contiguous().clone() for name, value in named.items()}


def random_weights(model, tied):
    """Draws all parameters, so that none stays at 0 or 1. Tables get small numbers unless an output layer shares them."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("bias") or value.dim() > 1:
                value.normal_(0, 0.05 if "embeddings" in name and not tied else 0.2)
            else:
                value.uniform_(0.5, 1.5)


def make(folder):
    for seed, (name, base) in enumerate(configs().items()):
        for task, suffix in SUFFIXES.items():
            forms = {"": base.tie_word_embeddings}
            if task == "masked-lm" and base.tie_word_embeddings:
                forms["-untied"] = False
            for form, tied in forms.items():
                config = type(base).from_dict({**base.to_dict(), "tie_word_embeddings": tied})
                config._attn_implementation = "eager"
                if task.endswith("classification"):
                    config.id2label = {i: f"L{i}" for i in range(3)}
                    config.label2id = {f"L{i}": i for i in range(3)}
                torch.manual_seed(seed)
                model = getattr(hf, type(base).__name__.removesuffix("Config") + suffix)(config)
                random_weights(model, task == "masked-lm")
                out = folder / "made" / f"{name}.{task}{form}"
                model.save_pretrained(out)
                given = {key: value.tolist() for key, value in batch(config).items()}
                (out / "batch.json").write_text(json.dumps({"task": task, "lengths": LENGTHS, **given}))
                save_file(outputs(model, config), out / "outputs.safetensors")


def check(folder):
    worst, failed, count = 0.0, [], 0
    for out in sorted((folder / "written").iterdir()):
        config = hf.AutoConfig.from_pretrained(out, attn_implementation="eager")
        (class_name,) = config.architectures
        model, info = getattr(hf, class_name).from_pretrained(out, config=config, output_loading_info=True)
        expected = load_file(out / "outputs.safetensors")
        found = outputs(model, config)
        if "pooled" in found and "pooled" not in expected:  # the file it came from has no pooler
            found.pop("pooled")
            info["missing_keys"] = [key for key in info["missing_keys"] if not key.startswith("pooler.")]
        problems = [f"{key}: {info[key]}" for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[key]]
        for name, theirs in found.items():
            ours = expected[name]
            if theirs.dim() == 3:
                theirs = torch.cat([row[:length] for row, length in zip(theirs, LENGTHS)])
            difference = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1))
            worst = max(worst, difference)
            if not difference < TOLERANCE:
                problems.append(f"{name} differs by {difference:.1e}")
        count += 1
        if problems:
            failed.append(f"{out.name}: {'; '.join(problems)}")
    print("\n".join(failed))
    print(f"{count - len(failed)} of {count} folders load in transformers {hf.__version__} with equal outputs")
    print(f"largest difference {worst:.1e} of the largest output")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["make", "check"])
    parser.add_argument("folder", type=pathlib.Path)
    given = parser.parse_args()
    {"make": make, "check": check}[given.verb](given.folder)
