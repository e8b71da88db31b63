"""Runs built graphs, in the plainest way: the cache is fed in and read back, nothing is bound or shared."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper

from desk.engine.runtime import open_session
from desk.models.manifest import read_manifest


class Running:
    """A built model folder in a session. `everywhere` opens the logits of all positions instead of the candidates."""

    def __init__(self, folder, *, everywhere=False):
        self.manifest = read_manifest(folder)
        path = _with_all_logits(folder / self.manifest.graph) if everywhere else folder / self.manifest.graph
        # Through the engine's door: what is proved here is what serves.
        self._session = open_session(path, "cpu")
        self._caches = [cache.name for cache in self._session.get_inputs() if cache.name.startswith("past")]

    def logits(self, ids):
        """Logits of every position [tokens, vocabulary]; the session must be open `everywhere`."""
        logits, *_ = self._session.run(None, self._feeds(np.array([ids]), 0, self._empty(1, len(ids))))
        return logits[0].astype(np.float64)

    def first(self, ids):
        """The candidates after `ids`: values and token ids, best first."""
        values, tokens = self._session.run(
            ["top_v", "top_i"], self._feeds(np.array([ids]), 0, self._empty(1, len(ids)))
        )
        return values[0, 0], tokens[0, 0]

    def first_in_pieces(self, ids, length):
        """What `first` gives, the prompt read in pieces of that many tokens, each into the cache of those before."""
        past = self._empty(1, len(ids))
        for start in range(0, len(ids), length):
            piece = np.array([ids[start : start + length]])
            values, tokens, *cache = self._session.run(None, self._feeds(piece, np.array([start]), past))
            past = dict(zip(self._caches, cache, strict=True))
        return values[0, 0], tokens[0, 0]

    def greedy(self, prompts, tokens):
        """The likeliest continuation of each prompt, all rows decoded in one batch, and every candidate value met."""
        room = max(map(len, prompts)) + tokens
        rows, chosen = [], []
        for prompt in prompts:
            values, likeliest, *cache = self._session.run(
                None, self._feeds(np.array([prompt]), 0, self._empty(1, room))
            )
            rows.append(cache)
            chosen.append((likeliest[0, 0, 0], values[0, 0]))
        past = dict(zip(self._caches, (np.concatenate(parts) for parts in zip(*rows, strict=True)), strict=True))
        lengths = np.array([len(prompt) for prompt in prompts])
        said, met = [[token] for token, _ in chosen], [[values] for _, values in chosen]
        for _ in range(tokens - 1):
            ids = np.array([[row[-1]] for row in said])
            values, likeliest, *cache = self._session.run(None, self._feeds(ids, lengths, past))
            past = dict(zip(self._caches, cache, strict=True))
            lengths = lengths + 1
            for row, (token, value) in enumerate(zip(likeliest[:, 0, 0], values[:, 0], strict=True)):
                said[row].append(token)
                met[row].append(value)
        return [[int(token) for token in row] for row in said], np.array(met)

    def _feeds(self, ids, before, past):
        total = np.broadcast_to(np.asarray(before) + ids.shape[1], len(ids)).astype(np.int32)
        last = np.full((len(ids), 1), ids.shape[1] - 1)
        inputs = {"input_ids": ids, "seqlens_k": total - 1, "total_len": np.array(total.max()), "last_idx": last}
        wanted = {tensor.name for tensor in self._session.get_inputs()}
        return {name: value for name, value in inputs.items() if name in wanted} | past

    def _empty(self, rows, room):
        shape = (rows, self.manifest.kv_heads, room, self.manifest.head_size)
        return {name: np.zeros(shape, self.manifest.kv_type) for name in self._caches}


def _with_all_logits(path):
    """The same graph and weights, without the choice of positions and of candidates."""
    model = onnx.load(path, load_external_data=False)
    nodes = {node.output[0]: node for node in model.graph.node}
    every = nodes["last_hidden"].input[0]
    nodes["last_hidden"].CopyFrom(helper.make_node("Identity", [every], ["last_hidden"]))
    logits = nodes["top_v"].input[0]
    model.graph.node.remove(nodes["top_v"])
    model.graph.initializer.remove(
        next(constant for constant in model.graph.initializer if constant.name == "candidates")
    )
    del model.graph.output[:2]
    model.graph.output.insert(0, helper.make_tensor_value_info(logits, TensorProto.FLOAT, None))
    changed = path.with_name("everywhere.onnx")
    onnx.save(model, changed)
    return changed


def divergence(reference, logits):
    """Mean Kullback-Leibler divergence over positions, in nats, from logits [positions, vocabulary]."""
    p, q = _log_softmax(reference), _log_softmax(logits)
    return float((np.exp(p) * (p - q)).sum(-1).mean())


def _log_softmax(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def agreement(reference, logits):
    """The part of positions whose likeliest token is the same."""
    return math.fsum(reference.argmax(-1) == logits.argmax(-1)) / len(reference)
