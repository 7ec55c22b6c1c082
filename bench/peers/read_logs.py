# Reads the logs of a training of Sinter with TensorBoard's own reader, and compares them with each other and with Trainer.
#
#   sinter train --train rows.csv --hold-out 0.25 --out model --save-to saved --log-to log.jsonl --tensorboard board
#   python peers/read_logs.py board log.jsonl [--trainer MODEL]
#
# Every number of the lines must be in the event files, at its step, once, and the other way round. A log of a training that was
# broken off and resumed must pass too. --trainer trains the classifier in the folder MODEL for some steps with Trainer, and prints
# the names that one of both logs has and the other one lacks. Exit status 1 when numbers differ. Needs tensorboard (2.21), and
# for --trainer transformers (5.24), accelerate and torch.

import argparse
import json
import os
import sys
import tempfile

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def scalars_of(folder):
    reader = EventAccumulator(folder, size_guidance={"scalars": 0})
    reader.Reload()
    return {tag: [(one.step, one.value) for one in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def tag_of(name):
    return f"eval/{name[5:]}" if name.startswith("eval_") else f"train/{name}"


def lines_of(path):
    tags = {}
    with open(path) as file:
        for line in file:
            entry = json.loads(line)
            step = entry.pop("step")
            for name, value in entry.items():
                tags.setdefault(tag_of(name), []).append((step, np.float32(value)))
    return tags


def compare(events, lines):
    wrong = sorted(set(events) ^ set(lines))
    for tag in sorted(set(events) & set(lines)):
        if events[tag] != lines[tag]:
            wrong.append(tag)
    return wrong


def trainer_tags(model):
    """The tags that Trainer writes for a training of eight steps."""
    import torch
    from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

    rows = [{"input_ids": [2, 5 + i % 7, 6, 3], "attention_mask": [1] * 4, "labels": i % 2} for i in range(32)]
    folder = tempfile.mkdtemp()
    os.environ["TENSORBOARD_LOGGING_DIR"] = os.path.join(folder, "board")
    arguments = TrainingArguments(
        output_dir=folder, report_to="tensorboard", logging_steps=1, eval_strategy="epoch",
        per_device_train_batch_size=8, num_train_epochs=2, use_cpu=True, save_strategy="no", disable_tqdm=True)
    network = AutoModelForSequenceClassification.from_pretrained(model, num_labels=2, ignore_mismatched_sizes=True)
    torch.manual_seed(0)
    Trainer(network, arguments, train_dataset=rows, eval_dataset=rows,
            compute_metrics=lambda result: {"accuracy": float((result.predictions.argmax(-1) == result.label_ids).mean())},
            ).train()
    return set(scalars_of(os.environ["TENSORBOARD_LOGGING_DIR"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("log")
    parser.add_argument("--trainer", metavar="MODEL")
    options = parser.parse_args()
    events, lines = scalars_of(options.folder), lines_of(options.log)
    wrong = compare(events, lines)
    count = sum(len(values) for values in events.values())
    print(f"{len(events)} tags, {count} numbers, {'equal' if not wrong else 'different: ' + ', '.join(wrong)}")
    if options.trainer:
        theirs = trainer_tags(options.trainer)
        print("only Trainer:", ", ".join(sorted(theirs - set(events))) or "nothing")
        print("only Sinter:", ", ".join(sorted(set(events) - theirs)) or "nothing")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
