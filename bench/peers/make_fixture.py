# Makes a folder of test/fixtures/encoders: a tiny random encoder in the Hugging Face layout, and what PyTorch computes with it:
# outputs, loss, gradients, ten steps of AdamW, with and without clipping.
#
#   PYTHON bench/peers/make_fixture.py NAME --class ErnieForSequenceClassification --config '{"use_task_id": true}' \
#       --tokenizer test/fixtures/encoders/bert-seqcls --seed 20268
#
# The tokenizer and its samples are those of another fixture. The settings of --config are added to those of a tiny BERT.
# Classes: a bare encoder (mean square of the hidden states), one ForSequenceClassification (cross entropy, 3 labels), or one
# ForMaskedLM (cross entropy of the tokens that --mask hides).
# Needs torch, transformers and safetensors; nothing is downloaded.

import argparse
import json
import pathlib
import shutil

import tokenizers
import torch
import transformers
from safetensors.torch import save_file

LENGTHS = [17, 3, 9, 30]
STEPS, RATE, DECAY, WARMUP, CLIP = 10, 1e-3, 0.01, 3, 0.1
FILES = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]
SIZES = {
    **{"hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 32, "num_hidden_layers": 2},
    **{"max_position_embeddings": 40, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
}
# Biases of keys, which add the same to all scores of a row.
NO_GRADIENT = ("self.key.bias", "attention.key.bias", "k_lin.bias", "attn.k.bias")
# What each head's loss is called; without a head it is the mean square of the hidden states.
HEADS = {"ForSequenceClassification": "cross_entropy", "ForMaskedLM": "cross_entropy_ignore_-100"}


def is_norm(name):
    return "norm" in name.lower()


def make_model(args, vocabulary, generator):
    cls = getattr(transformers, args.model_class)
    usual = cls.config_class()
    sizes = {name: size for name, size in SIZES.items() if hasattr(usual, name)}
    settings = {**sizes, **json.loads(args.config), "vocab_size": vocabulary}
    head = next((kind for kind in HEADS if args.model_class.endswith(kind)), None)
    if head == "ForSequenceClassification":
        settings |= {"num_labels": 3, "problem_type": "single_label_classification"}
    model = cls._from_config(cls.config_class(**settings), attn_implementation="eager").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if is_norm(name) and name.endswith("weight"):
                parameter.uniform_(0.5, 1.5, generator=generator)
            else:
                # Tables that a decoder is tied to are as wide as matrices, or all words would be as likely.
                small = "embeddings.weight" in name and head != "ForMaskedLM"
                spread = 0.05 if small else 0.2
                parameter.normal_(0, spread, generator=generator)
    return model, head


def make_batch(model, head, vocabulary, generator, special, hidden):
    """Random rows of two parts; ids of words go from 5 to the first special token above them, if there is one."""
    first, last, padding = special
    words = min([vocabulary, *(number for number in special if number >= 5)])
    ids = torch.full((len(LENGTHS), max(LENGTHS)), padding)
    mask, kinds = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        ids[row, :length] = torch.randint(5, words, (length,), generator=generator)
        ids[row, 0], ids[row, length - 1] = first, last
        mask[row, :length] = 1
        kinds[row, length // 2 : length] = 1
    batch = {"input_ids": ids, "attention_mask": mask}
    if getattr(model.config, "type_vocab_size", 0) > 1:
        batch["token_type_ids"] = kinds
    if head == "ForSequenceClassification":
        batch["labels"] = torch.arange(len(LENGTHS)) % 3
    if head == "ForMaskedLM":
        chosen = torch.rand(ids.shape, generator=generator) < 0.3
        chosen &= (ids >= 5) & (mask == 1)
        batch["labels"] = torch.where(chosen, ids, -100)
        ids[chosen] = hidden
    return batch


def loss_of(model, head, batch):
    out = model(**batch, output_hidden_states=True)
    if head:
        return out.loss, out
    kept = out.last_hidden_state[batch["attention_mask"] == 1]
    return (kept**2).mean(), out


def decayed(name):
    return not is_norm(name) and "bias" not in name


def train(model, head, batch, initial, clip):
    """Ten steps from the initial weights; with `clip`, clipped gradients and a schedule with a warmup."""
    model.load_state_dict(initial)
    reached = dict(model.named_parameters())
    groups = [
        {"params": [p for n, p in reached.items() if decayed(n)], "weight_decay": DECAY},
        {"params": [p for n, p in reached.items() if not decayed(n)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    log = {"losses": [], "grad_norms": [], "lrs": []}
    for step in range(STEPS):
        rate = RATE if not clip else RATE * min(step / WARMUP, (STEPS - step) / (STEPS - WARMUP))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss, _ = loss_of(model, head, batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP if clip else float("inf"))
        optimizer.step()
        log["losses"].append(loss.item())
        log["grad_norms"].append(norm.item())
        log["lrs"].append(rate)
    with torch.no_grad():
        log["loss_after"] = loss_of(model, head, batch)[0].item()
    return log


def numbers(model, head, batch, initial):
    """Every tensor of golden.safetensors in the model's own precision, and the logs of both trainings."""
    model.load_state_dict(initial)
    model.zero_grad()
    loss, out = loss_of(model, head, batch)
    loss.backward()
    tensors = {f"hidden_states.{i}": h for i, h in enumerate(out.hidden_states)}
    tensors["last_hidden_state"] = out.hidden_states[-1] if head else out.last_hidden_state
    if head:
        tensors["logits"] = out.logits
    bare = model.base_model if head else model
    pooled = getattr(bare(**{n: t for n, t in batch.items() if n != "labels"}), "pooler_output", None)
    if pooled is not None:
        tensors["pooler_output"] = pooled
    tensors["loss"] = loss.reshape(1)
    grads = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    tensors |= {f"grad.{n}": g for n, g in grads.items()}
    adamw = train(model, head, batch, initial, clip=False)
    tensors |= {f"final.{n}": p for n, p in model.named_parameters()}
    tensors = {n: t.detach().clone().contiguous() for n, t in tensors.items()}
    return tensors, grads, adamw, train(model, head, batch, initial, clip=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--class", dest="model_class", required=True)
    parser.add_argument("--config", default="{}")
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--special", default="2,3,0", help="ids of the first token, the last one, and padding")
    parser.add_argument("--mask", type=int, default=4, help="id of the token that hides another from a masked language model")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("test/fixtures/encoders"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    samples = json.loads((args.tokenizer / "golden.json").read_text())["tokenizer_samples"]
    tokenizer = json.loads((args.tokenizer / "tokenizer.json").read_text())
    ids = [token["id"] for token in tokenizer["added_tokens"]]
    vocabulary = max([len(tokenizer["model"]["vocab"]), *(number + 1 for number in ids)])
    generator = torch.Generator().manual_seed(args.seed)
    model, head = make_model(args, vocabulary, generator)
    special = [int(number) for number in args.special.split(",")]
    batch = make_batch(model, head, vocabulary, generator, special, args.mask)
    initial = {n: t.clone() for n, t in model.state_dict().items()}
    folder = args.out / args.name
    model.save_pretrained(folder)
    for file in FILES:
        if (args.tokenizer / file).exists():
            shutil.copyfile(args.tokenizer / file, folder / file)

    tensors, grads, adamw, clipped = numbers(model, head, batch, initial)
    exact = {n: t.double() if t.is_floating_point() else t for n, t in initial.items()}
    if hasattr(model.config, "local_attention"):
        # ModernBERT's eager softmax is a float32 one, in which the masks of float64 are infinite and padding becomes NaN.
        model.config._attn_implementation = "sdpa"
    wide, _, wide_adamw, wide_clipped = numbers(model.double(), head, batch, exact)
    difference = {n: (t.double() - wide[n]).abs().max().item() for n, t in tensors.items()}
    part = lambda kind: {n[len(kind) :]: d for n, d in difference.items() if n.startswith(kind)}
    outputs = {n: d for n, d in difference.items() if not n.startswith(("grad.", "final."))}
    parameters = [n for n, _ in model.named_parameters()]
    settings = {"steps": STEPS, "lr": RATE, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": DECAY}
    lists = {
        "decayed": [n for n in parameters if decayed(n)],
        "not_decayed": [n for n in parameters if not decayed(n)],
    }
    run = {k: v for k, v in adamw.items() if k != "lrs"}
    limits = {"warmup_steps": WARMUP, "max_grad_norm": CLIP}
    golden = {
        **{"format": 1, "name": args.name, "architecture": args.model_class, "seed": args.seed},
        **{"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__},
        **{"tokenizers": tokenizers.__version__, "dtype": "float32", "attention": "eager"},
        **{"lengths": LENGTHS, "batch": {n: t.tolist() for n, t in batch.items()}},
        **{"loss_kind": HEADS.get(head, "mean_square_of_unmasked_last_hidden_state"), "loss": tensors["loss"].item()},
        "hidden_states": model.config.num_hidden_layers + 1,
        "parameters": parameters,
        "parameters_without_gradient": [n for n in parameters if n not in grads],
        "parameters_with_zero_gradient": [n for n in parameters if n.endswith(NO_GRADIENT)],
        "train_adamw": {**settings, **lists, **run},
        "train_clip_linear": {**settings, **limits, **clipped},
        "float64": {
            "loss": wide["loss"].item(),
            "train_adamw_losses": wide_adamw["losses"],
            "train_clip_linear_losses": wide_clipped["losses"],
            "max_abs_diff": {"outputs": outputs, "grad": part("grad."), "final": part("final.")},
        },
        "tokenizer_samples": samples,
    }
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, allow_nan=False) + "\n")
    save_file(tensors, folder / "golden.safetensors")


if __name__ == "__main__":
    main()
