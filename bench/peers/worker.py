# Runs other engines for the benches: one JSON object a line on stdin, one answer a line on stdout.
#
#   {"do": "batch", "batch": B, "ids": [[...], ...]}             token ids of a workload
#   {"do": "open", "setting": S, "engine", "path", "precision", "name", "threads"}
#   {"do": "run", "setting": S, "batch": B, "size": n}           -> {"ms", "cpuMs"}: one pass, sorted batches of n
#   {"do": "vectors", "setting": S, "batch": B, "size": n}       -> {"vectors": base64 of f32 [texts, width]}
#   {"do": "close", "setting": S}
#
# Batches are cut, padded and turned into tensors before the clock starts, as for every engine here; pooling and
# normalizing are timed. A failure answers {"error": message}.

import base64
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

# NumPy must not start threads of its own for the pooling.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np  # noqa: E402


def sorted_batches(ids, size):
    """Batches with the longest texts first, so that engines that run batches side by side end together."""
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    return [order[i : i + size] for i in range(0, len(order), size)]


def padded(ids, rows, dtype):
    """(ids, mask), both [rows, longest], 0 after the end of a text."""
    longest = max(len(ids[i]) for i in rows)
    tokens = np.zeros((len(rows), longest), dtype)
    mask = np.zeros((len(rows), longest), dtype)
    for r, i in enumerate(rows):
        tokens[r, : len(ids[i])] = ids[i]
        mask[r, : len(ids[i])] = 1
    return tokens, mask


class CTranslate2:
    """Settings named `lanes` run a batch on each thread, `split` one batch on all of them."""

    def __init__(self, path, precision, name, threads):
        import ctranslate2

        compute, _, way = name.partition(", ")
        split = way == "split"
        self.engine = ctranslate2
        self.encoder = ctranslate2.Encoder(
            path,
            device="cpu",
            compute_type=compute,
            inter_threads=1 if split else threads,
            intra_threads=threads if split else 1,
        )
        self.pool = ThreadPoolExecutor(1 if split else threads)

    def prepare(self, ids, rows):
        view = self.engine.StorageView.from_array
        tokens, mask = padded(ids, rows, np.int32)
        lengths = mask.sum(1, dtype=np.int32)
        average = (mask / lengths[:, None]).astype(np.float32)[:, None, :]
        # The arrays are kept, because the views refer to their memory.
        return view(tokens), view(lengths), average, (tokens, lengths)

    def one(self, batch):
        tokens, lengths, average, _ = batch
        states = np.asarray(self.encoder.forward_batch(tokens, lengths).last_hidden_state)
        vectors = np.matmul(average, states)[:, 0]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def run(self, batches):
        return list(self.pool.map(self.one, batches))


class OpenVINO:
    """As `lanes`: one stream per thread; as `split`: one stream on all threads."""

    def __init__(self, path, precision, name, threads):
        import openvino

        self.jobs = 1 if name.endswith(", split") else threads
        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": self.jobs,
            # Without this setting f32 files run in bf16 where the CPU has it.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.compiled = core.compile_model(core.read_model(path), "CPU", settings)
        self.output = self.compiled.output("sentence_embedding")
        self.queue = openvino.AsyncInferQueue(self.compiled, self.jobs)
        self.queue.set_callback(self.take)

    def prepare(self, ids, rows):
        tokens, mask = padded(ids, rows, np.int64)
        feeds = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        names = {name for port in self.compiled.inputs for name in port.get_names()}
        return {name: value for name, value in feeds.items() if name in names}

    def take(self, request, index):
        self.results[index] = request.get_tensor(self.output).data.copy()

    def run(self, batches):
        self.results = [None] * len(batches)
        for index, feeds in enumerate(batches):
            self.queue.start_async(feeds, index)
        self.queue.wait_all()
        return self.results


ENGINES = {"ctranslate2": CTranslate2, "openvino": OpenVINO}


class Worker:
    def __init__(self):
        self.workloads = {}
        self.settings = {}
        self.engines = {}
        self.prepared = {}

    def batch(self, batch, ids):
        self.workloads[batch] = ids
        self.prepared.clear()
        return {}

    def open(self, setting, engine, path, precision, name, threads):
        # Reused and never destroyed: OpenVINO's queue ends the process when it is freed between calls.
        key = (engine, path, name, threads)
        if key not in self.engines:
            self.engines[key] = ENGINES[engine](path, precision, name, threads)
        self.settings[setting] = self.engines[key]
        return {}

    def batches(self, setting, batch, size):
        """(rows, inputs) of each group of texts; made once for a setting."""
        key = (setting, batch, size)
        if key not in self.prepared:
            ids = self.workloads[batch]
            groups = sorted_batches(ids, size)
            engine = self.settings[setting]
            self.prepared[key] = groups, [engine.prepare(ids, rows) for rows in groups]
        return self.prepared[key]

    def run(self, setting, batch, size):
        _, inputs = self.batches(setting, batch, size)
        cpu, start = time.process_time(), time.perf_counter()
        self.settings[setting].run(inputs)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        return {"ms": 1000 * wall, "cpuMs": 1000 * cpu}

    def vectors(self, setting, batch, size):
        groups, inputs = self.batches(setting, batch, size)
        results = self.settings[setting].run(inputs)
        vectors = np.concatenate(results).astype(np.float32)
        ordered = np.empty_like(vectors)
        ordered[np.concatenate(groups)] = vectors
        return {"vectors": base64.b64encode(ordered.tobytes()).decode()}

    def close(self, setting):
        self.settings.pop(setting)
        self.prepared = {key: value for key, value in self.prepared.items() if key[0] != setting}
        return {}


def main():
    # Libraries may print to stdout, which must hold nothing but answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    calls = {"batch", "open", "run", "vectors", "close"}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            name = request.pop("do")
            if name not in calls:
                raise ValueError(f"do must be one of {sorted(calls)}, got {name}")
            answer = getattr(worker, name)(**request)
        except Exception as error:  # noqa: BLE001: it is the answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    # Ends without destructors, for the reason given in `open`.
    os._exit(0)


main()
