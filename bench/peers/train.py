# Fine-tunes an encoder with PyTorch and transformers on rows that bench/train wrote, and prints one JSON line: real tokens a
# second (padding not counted), and with --epochs the predictions for the test rows. A measuring tool, not product code.
#
# ROWS is a JSON file { kind, labels, train, test }; kind `classification` has rows { text, label }, `similarity` rows
# { sentence1, sentence2, score }, trained with CoSENT, and `tokens` rows { words, tags }.

import argparse
import json
import random
import time

import torch
from transformers import (AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer,
                          get_linear_schedule_with_warmup)

WARM_STEPS = 3
# transformers 5 would train in the type of the file, which is half precision for the model of this repository.
FLOAT = dict(dtype=torch.float32, attn_implementation='sdpa')


def read_arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--model', required=True, help='a Hugging Face folder')
    p.add_argument('--rows', required=True)
    p.add_argument('--steps', type=int, default=0, help='take so many steps and predict nothing')
    p.add_argument('--epochs', type=int, default=0, help='train whole epochs and predict the test rows')
    p.add_argument('--group', action='store_true', help='batches of similar lengths')
    p.add_argument('--threads', type=int, default=2)
    p.add_argument('--batch', type=int, default=32)
    p.add_argument('--lr', type=float, default=1e-4)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--max-tokens', type=int, default=128)
    p.add_argument('--lora', type=int, default=0, help='rank of adapters beside every matrix (peft), in place of full fine-tuning')
    p.add_argument('--pooling', choices=['mean', 'cls'], default='mean', help='for similarity')
    return p.parse_args()


class Texts:
    """One text a row, and its class."""

    def __init__(self, a, tokenizer, labels):
        self.tokenizer, self.labels = tokenizer, labels
        self.model = AutoModelForSequenceClassification.from_pretrained(a.model, num_labels=len(labels), **FLOAT)
        if a.lora:
            from peft import LoraConfig, get_peft_model
            self.model = get_peft_model(self.model, LoraConfig(task_type='SEQ_CLS', r=a.lora, lora_alpha=16, lora_dropout=0.0,
                                                               target_modules='all-linear'))

    def encode(self, row, limit):
        return [self.tokenizer(row['text'], truncation=True, max_length=limit)['input_ids']]

    def loss(self, batch, inputs):
        wanted = torch.tensor([self.labels.index(row['label']) for row, _ in batch])
        return torch.nn.functional.cross_entropy(self.model(**inputs).logits, wanted)

    def predict(self, batch, inputs):
        return [self.labels[i] for i in self.model(**inputs).logits.argmax(1).tolist()]


class Words:
    """Words and the tag of each; the first piece of a word is trained and read."""

    def __init__(self, a, tokenizer, labels):
        self.tokenizer, self.labels = tokenizer, labels
        self.model = AutoModelForTokenClassification.from_pretrained(a.model, num_labels=len(labels), **FLOAT)

    def encode(self, row, limit):
        return [self.tokenizer(row['words'], is_split_into_words=True, truncation=True, max_length=limit)['input_ids']]

    def firsts(self, row, limit):
        """(position, word) of the first piece of each word that was kept."""
        words = self.tokenizer(row['words'], is_split_into_words=True, truncation=True, max_length=limit).word_ids()
        return [(i, w) for i, w in enumerate(words) if w is not None and w != words[i - 1]]

    def loss(self, batch, inputs):
        wanted = torch.full(inputs['input_ids'].shape, -100)
        for r, (row, ids) in enumerate(batch):
            for i, w in self.firsts(row, len(ids[0])):
                wanted[r, i] = self.labels.index(row['tags'][w])
        logits = self.model(**inputs).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-100)

    def predict(self, batch, inputs):
        best, found = self.model(**inputs).logits.argmax(-1), []
        for r, (row, ids) in enumerate(batch):
            tags = ['O'] * len(row['words'])
            for i, w in self.firsts(row, len(ids[0])):
                tags[w] = self.labels[best[r, i]]
            found.append(tags)
        return found


class Pairs:
    """Two texts a row; CoSENT (Su 2022) with a scale of 20 over the cosines of their vectors."""

    def __init__(self, a, tokenizer, _):
        self.tokenizer, self.pooling = tokenizer, a.pooling
        self.model = AutoModel.from_pretrained(a.model, add_pooling_layer=False, **FLOAT)

    def encode(self, row, limit):
        return [self.tokenizer(row[key], truncation=True, max_length=limit)['input_ids'] for key in ('sentence1', 'sentence2')]

    def cosines(self, inputs):
        hidden = self.model(**inputs).last_hidden_state
        mask = inputs['attention_mask'][..., None].float()
        vectors = hidden[:, 0] if self.pooling == 'cls' else (hidden * mask).sum(1) / mask.sum(1)
        vectors = torch.nn.functional.normalize(vectors, dim=1)
        return (vectors[0::2] * vectors[1::2]).sum(1)

    def loss(self, batch, inputs):
        scores = 20 * self.cosines(inputs)
        labels = torch.tensor([row['score'] for row, _ in batch])
        differences = (scores[:, None] - scores[None, :])[labels[:, None] < labels[None, :]]
        return torch.logsumexp(torch.cat([torch.zeros(1), differences]), 0)

    def predict(self, _, inputs):
        return self.cosines(inputs).tolist()


def padded(batch):
    lists = [ids for _, both in batch for ids in both]
    x = torch.zeros(len(lists), max(map(len, lists)), dtype=torch.long)
    mask = torch.zeros_like(x)
    for r, ids in enumerate(lists):
        x[r, :len(ids)] = torch.tensor(ids)
        mask[r, :len(ids)] = 1
    return dict(input_ids=x, attention_mask=mask)


def size(encoded):
    return sum(len(ids) for ids in encoded[1])


def batches(rows, a):
    order = list(range(len(rows)))
    random.shuffle(order)
    if a.group:
        order = [i for k in range(0, len(order), a.batch * 50) for i in sorted(order[k:k + a.batch * 50], key=lambda i: -size(rows[i]))]
    # In timed runs every batch is whole; in trainings no row is left out.
    end = len(order) - a.batch + 1 if a.steps else len(order)
    found = [[rows[i] for i in order[k:k + a.batch]] for k in range(0, end, a.batch)]
    random.shuffle(found)
    return found


def train(a, task, rows):
    task.model.train()
    named = [(n, p) for n, p in task.model.named_parameters() if p.requires_grad]
    plain = lambda name: name.endswith('bias') or 'LayerNorm' in name
    groups = [dict(params=[p for n, p in named if not plain(n)], weight_decay=0.01),
              dict(params=[p for n, p in named if plain(n)], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=a.lr, fused=True)
    steps = a.steps or a.epochs * -(-len(rows) // a.batch)
    schedule = get_linear_schedule_with_warmup(optimizer, -(-steps // 10), steps)
    done = tokens = 0
    seconds = 0.0
    while done < steps:
        for batch in batches(rows, a):
            start = time.perf_counter()
            loss = task.loss(batch, padded(batch))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(task.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            done += 1
            if done > WARM_STEPS:
                seconds += time.perf_counter() - start
                tokens += sum(map(size, batch))
            if done >= steps:
                break
    return tokens / seconds


def predict(task, rows):
    task.model.eval()
    order = sorted(range(len(rows)), key=lambda i: -size(rows[i]))
    found = [None] * len(rows)
    with torch.inference_mode():
        for k in range(0, len(order), 64):
            chosen = order[k:k + 64]
            batch = [rows[i] for i in chosen]
            for i, one in zip(chosen, task.predict(batch, padded(batch))):
                found[i] = one
    return found


def main():
    a = read_arguments()
    torch.set_num_threads(a.threads)
    random.seed(a.seed)
    torch.manual_seed(a.seed)
    with open(a.rows, encoding='utf-8') as file:
        given = json.load(file)
    kinds = dict(classification=Texts, similarity=Pairs, tokens=Words)
    task = kinds[given['kind']](a, AutoTokenizer.from_pretrained(a.model), given['labels'])
    rows = [(row, task.encode(row, a.max_tokens)) for row in given['train']]
    start = time.perf_counter()
    speed = train(a, task, rows)
    result = dict(tokensPerSecond=speed, seconds=time.perf_counter() - start, torch=torch.__version__)
    if a.epochs:
        result['predictions'] = predict(task, [(row, task.encode(row, 512)) for row in given['test']])
    with open('/proc/self/status', encoding='ascii') as status:
        peak = next(line for line in status if line.startswith('VmHWM'))
    result['peakMB'] = int(peak.split()[1]) / 1024
    print(json.dumps(result))


main()
