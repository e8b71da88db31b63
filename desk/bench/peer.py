"""Another engine as a contestant of `desk bench`: a script for the interpreter of an environment that has that engine.

    PYTHON peer.py genai FOLDER THREADS      onnxruntime-genai's Generator on a folder as its builder writes it
    PYTHON peer.py llama.cpp FILE THREADS    llama.cpp, through llama-cpp-python, on a GGUF file

It imports nothing of this package, and speaks as `desk.engine.contestant` does: a line of JSON on stdout for each line
on stdin, the first one unasked. Every engine gets random prompts of the same lengths and decodes greedily; the least
work that its interface allows is done around it.
"""

import ctypes
import json
import os
import random
import sys
import time
from pathlib import Path

import numpy as np

WARM_STEPS = 2
LOWEST_ID = 100
"""Below it lie a vocabulary's special tokens."""


def drawn(rows: int, tokens: int, vocabulary: int) -> np.ndarray:
    """Random prompts [rows, tokens], the same at every call."""
    chance = random.Random(f"{rows}/{tokens}")
    return np.array(
        [[chance.randrange(min(LOWEST_ID, vocabulary // 2), vocabulary) for _ in range(tokens)] for _ in range(rows)]
    )


class Genai:
    """onnxruntime-genai with one Generator a batch, so all rows of a batch go in step."""

    def __init__(self, folder: str, threads: int) -> None:
        import onnxruntime_genai as og  # noqa: PLC0415 # ty: ignore[import-not-found] - in the peers' environment

        self._og = og
        config = og.Config(folder)
        settings = {"intra_op_num_threads": threads}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": settings}}}))
        self._model = og.Model(config)
        told = json.loads((Path(folder) / "genai_config.json").read_text(encoding="utf-8"))["model"]
        self._vocabulary = told["vocab_size"]
        self.about = {"engine": "onnxruntime-genai", "version": og.__version__}

    def prefill(self, tokens: int, times: int) -> float:
        """Seconds for that many prompts one after the other."""
        seconds = 0.0
        for _ in range(times):
            generator = self._generator(1, tokens + 1)
            prompt = drawn(1, tokens, self._vocabulary).astype(np.int32)
            start = time.perf_counter()
            generator.append_tokens(prompt)
            generator.generate_next_token()
            seconds += time.perf_counter() - start
        return seconds

    def decode(self, rows: int, tokens: int, steps: int) -> float:
        """Seconds for `steps` steps of that many rows after prompts of `tokens` tokens."""
        generator = self._generator(rows, tokens + steps + WARM_STEPS + 1)
        generator.append_tokens(drawn(rows, tokens, self._vocabulary).astype(np.int32))
        for _ in range(1 + WARM_STEPS):  # the first one only draws from the logits of the prompt
            generator.generate_next_token()
        start = time.perf_counter()
        for _ in range(steps):
            generator.generate_next_token()
        return time.perf_counter() - start

    def _generator(self, rows: int, length: int):  # noqa: ANN202 - a class of the peer's own library
        params = self._og.GeneratorParams(self._model)
        # With a least length an end mark ends nothing: every row goes all the way.
        params.set_search_options(batch_size=rows, max_length=length, min_length=length, do_sample=False)
        return self._og.Generator(self._model, params)


class LlamaCpp:
    """llama.cpp with one sequence a row, all in one batch."""

    def __init__(self, file: str, threads: int) -> None:
        import llama_cpp  # noqa: PLC0415 # ty: ignore[import-not-found] - in the peers' environment

        self._api = api = llama_cpp
        self._threads = threads
        self._hush = api.llama_log_callback(lambda level, text, data: None)
        api.llama_log_set(self._hush, ctypes.c_void_p(0))
        api.llama_backend_init()
        params = api.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = api.llama_model_load_from_file(file.encode(), params)
        if not self._model:
            raise ValueError(f"llama.cpp does not load {Path(file).name}")
        self._vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self._model))
        heads, kv_heads = api.llama_model_n_head(self._model), api.llama_model_n_head_kv(self._model)
        width = api.llama_model_n_embd(self._model) // heads * api.llama_model_n_layer(self._model)
        self.about = {
            "engine": "llama.cpp",
            "version": f"llama-cpp-python {api.__version__}",
            "precision": next((name for name in ("Q4_0", "Q4_1", "Q8_0", "F16", "F32") if name in Path(file).name), ""),
            "weight_bytes": api.llama_model_size(self._model),
            "madds": api.llama_model_n_params(self._model),
            "quantised": True,
            "kv_bytes": 2 * 2 * width * kv_heads,  # keys and values of 16 bits
            "attention_madds": 2 * width * heads,
        }

    def prefill(self, tokens: int, times: int) -> float:
        """Seconds for that many prompts one after the other."""
        context = self._context(1, tokens + 1, tokens)
        seconds = 0.0
        for _ in range(times):
            self._api.llama_memory_clear(self._api.llama_get_memory(context), True)
            start = time.perf_counter()
            self._run(context, drawn(1, tokens, self._vocabulary), 0)
            seconds += time.perf_counter() - start
        self._api.llama_free(context)
        return seconds

    def decode(self, rows: int, tokens: int, steps: int) -> float:
        """Seconds for `steps` steps of that many rows after prompts of `tokens` tokens."""
        context = self._context(rows, tokens + steps + WARM_STEPS + 1, rows * tokens)
        ids = self._run(context, drawn(rows, tokens, self._vocabulary), 0)
        start = 0.0
        for step in range(WARM_STEPS + steps):
            if step == WARM_STEPS:
                start = time.perf_counter()
            ids = self._run(context, ids[:, None], tokens + step)
        seconds = time.perf_counter() - start
        self._api.llama_free(context)
        return seconds

    def _context(self, rows: int, length: int, most: int):  # noqa: ANN202 - a pointer of the peer's own library
        params = self._api.llama_context_default_params()
        params.n_ctx = rows * -(-length // 256) * 256
        params.n_seq_max = rows
        params.n_batch = most
        params.n_threads = params.n_threads_batch = self._threads
        context = self._api.llama_init_from_model(self._model, params)
        if not context:
            raise ValueError(f"llama.cpp gives no context of {rows} rows")
        return context

    def _run(self, context: object, ids: np.ndarray, past: int) -> np.ndarray:
        """Run the tokens [rows, tokens] of all rows at that position; gives the likeliest next token of each."""
        rows, tokens = ids.shape
        batch = self._api.llama_batch_init(rows * tokens, 0, 1)
        batch.n_tokens = rows * tokens
        for row in range(rows):
            for token in range(tokens):
                index = row * tokens + token
                batch.token[index], batch.pos[index] = int(ids[row, token]), past + token
                batch.n_seq_id[index], batch.seq_id[index][0] = 1, row
                batch.logits[index] = token == tokens - 1
        failed = self._api.llama_decode(context, batch)
        if failed:
            raise ValueError(f"llama.cpp failed in a run ({failed})")
        best = [
            np.ctypeslib.as_array(
                self._api.llama_get_logits_ith(context, (row + 1) * tokens - 1), (self._vocabulary,)
            ).argmax()
            for row in range(rows)
        ]
        self._api.llama_batch_free(batch)
        return np.array(best)


ENGINES = {"genai": Genai, "llama.cpp": LlamaCpp}


def main(engine: str, model: str, threads: str) -> int:
    """Answer until stdin ends; gives the exit code."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a native library prints must not spoil a line

    def tell(**what: object) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    try:
        peer = ENGINES[engine](model, int(threads))
        tell(**peer.about)
        for line in sys.stdin:
            asked = json.loads(line)
            if asked["do"] == "prefill":
                tell(seconds=peer.prefill(asked["prompt"], asked["times"]))
            else:
                tell(seconds=peer.decode(asked["rows"], asked["prompt"], asked["steps"]))
    except Exception as error:  # whatever a foreign engine raises is its end, and told in a line
        tell(cause=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}", remedy="")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
