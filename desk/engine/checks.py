"""The checks of the doctor that need the engine: each drives the code that serves requests, and says what it found."""

import contextlib
import ctypes
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from desk.engine.batch import Batch
from desk.engine.feeds import open_cache
from desk.engine.recording import CLOSE, PROOFS, STEADY
from desk.engine.runtime import VERSION, Network, Runtime, Used
from desk.engine.selftest import check_rows
from desk.engine.toy import CONTEXT, EIGHT_BIT, HALF, PLAIN, Toy
from desk.engine.trials import Text, compared, forced, overheard, random_texts, refusal, run_through, step_seconds
from desk.facts.trouble import Trouble
from desk.models.precision import Precision
from desk.models.store import open_model

Status = Literal["ok", "warn", "fail", "skipped"]

LIBRARIES: dict[str, dict[str, str]] = {
    "linux": {
        "libcudart.so.13": "nvidia-cuda-runtime",
        "libcublasLt.so.13": "nvidia-cublas",
        "libcublas.so.13": "nvidia-cublas",
        "libcurand.so.10": "nvidia-curand",
    },
    "win32": {
        "cudart64_13.dll": "nvidia-cuda-runtime",
        "cublasLt64_13.dll": "nvidia-cublas",
        "cublas64_13.dll": "nvidia-cublas",
    },
}
"""What the CUDA provider links against, in the order to load it, and the distribution that brings each."""

RECORDED = {
    "smollm2-135m": (
        (
            [6403, 1980, 253, 655, 28, 281, 253, 1165, 6560, 411, 260, 3426, 28],
            [665, 436, 253, 9357, 1573, 267, 19341, 3365, 17644, 793, 30, 909, 4161, 281, 253, 11637],
        ),
        (
            [12615, 36411, 418, 216, 33, 32, 32, 5027, 975],
            [357, 314, 253, 3468, 17346, 30, 198, 198, 504, 6714, 282, 260, 4981, 282, 253, 17346],
        ),
    )
}
"""Prompts and their greedy continuations, as transformers gives them in 32-bit floats on the same weights."""

SPEED_ROWS = (1, 4, 8)

ROOMS = tuple(1 << exponent for exponent in range(16, 22))
"""Bytes beside the weights to try: the first in which a token can be decoded is too little for a chunk of a prompt."""

TOYS = (Toy(3), Toy(4))
"""Three heads to one as in the embedded model, and four to one, which has an attention kernel of its own on cards."""

DISTRUST: dict[Used, str] = {
    "cpu": "Do not trust its answers here; install onnxruntime again, and report the processor with this text.",
    "cuda": "Choose the provider cpu until the driver is updated, and report the card with this text.",
}


@dataclass
class Finding:
    """How a check went, in words for people."""

    status: Status
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Tolerance:
    """`error` is the largest difference of a logit, as a part of the largest logit; `agreement` the least part of
    positions at which the likeliest token must be the same."""

    error: float
    agreement: float


TOLERANCES = {"fp32": Tolerance(1e-4, 0.99), "fp16": Tolerance(2e-2, 0.98), "q8": Tolerance(0.1, 0.85)}
"""Measured on a processor: 2e-6 and 1.0; 2.4e-3 and 0.997; 5e-2 and 0.94. Random weights have many near ties, so 8-bit
activations change the likeliest token of one position in twenty."""

TIE = 0.5
"""Logits of a real model closer than this are a tie, which rounding may break either way."""


@dataclass
class Bench:
    """What the checks of one process share. `scratch` is a folder to write into; `model` is empty without one. With
    `graphs` decode steps are recorded."""

    provider: Used
    scratch: Path
    model: str = ""
    precision: str = ""
    graphs: bool = False
    _runtime: Runtime | None = None
    _toys: dict[tuple[int, str], Network] = field(default_factory=dict)
    _network: Network | None = None

    @property
    def runtime(self) -> Runtime:
        """The runtime, strictly on the provider; raises `Trouble`."""
        if self._runtime is None:
            self._runtime = Runtime(self.provider, graphs=self.graphs)
        if self._runtime.refusal is not None:
            raise self._runtime.refusal
        return self._runtime

    def toy(self, toy: Toy, precision: Precision) -> Network:
        key = toy.heads, precision.name
        if key not in self._toys:
            folder = Path(tempfile.mkdtemp(dir=self.scratch))
            manifest = toy.write(folder, precision)
            self._toys[key] = self.runtime.load(folder, manifest, self.provider)
        return self._toys[key]

    @property
    def network(self) -> Network:
        """The configured model, loaded once."""
        if self._network is None:
            folder, manifest = open_model(self.model, self.precision, self.provider)
            self._network = self.runtime.load(folder, manifest, self.provider)
        return self._network


# ---- the checks


def opens(bench: Bench) -> Finding:
    """The runtime starts; on a card a strict session lands there and computes."""
    try:
        runtime = bench.runtime
    except Trouble as trouble:
        if "no kernel image" not in trouble.cause:
            raise
        cause = f"onnxruntime {VERSION} has no machine code for the generation of this card."
        return Finding(
            "fail", cause, "Choose the provider cpu, or use a card of compute capability 7.5 to 9.0 or 12.0."
        )
    device, _ = runtime.device(bench.provider)
    threads = "" if bench.provider == "cuda" else f" with {_count(runtime.threads, 'thread')}"
    return Finding("ok", f"onnxruntime {VERSION} computes on {device}{threads}.")


def libraries(bench: Bench) -> Finding:
    """Every library that the CUDA provider links against loads."""
    provider = {"win32": "onnxruntime_providers_cuda.dll"}.get(sys.platform, "libonnxruntime_providers_cuda.so")
    package = importlib.util.find_spec("onnxruntime")
    if package is None or package.origin is None or not (Path(package.origin).parent / "capi" / provider).is_file():
        cause = f"The installed onnxruntime {VERSION} was built without CUDA."
        return Finding("fail", cause, "Install onnxruntime-gpu in place of onnxruntime.")
    with contextlib.suppress(Trouble):  # why CUDA does not open is for the next check to say
        _ = bench.runtime  # opening also looks for libraries that came as Python distributions
    missing: dict[str, str] = {}
    wanted = LIBRARIES.get(sys.platform, {})
    for library, distribution in wanted.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing[library] = distribution
    if missing:
        how = "is missing or does" if len(missing) == 1 else "are missing or do"
        remedy = f'Run pip install "token-desk[cuda]": it brings {" and ".join(dict.fromkeys(missing.values()))}.'
        return Finding("fail", f"{' and '.join(missing)} {how} not load.", remedy)
    return Finding("ok", f"All {len(wanted)} libraries of CUDA 13 load.")


def placement(bench: Bench) -> Finding:
    """A whole decoder lies on the card: sessions here refuse a graph of which one node does not.

    This check wants a process of its own: the runtime goes on naming its attention kernels, which takes time.
    """
    os.environ["ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO"] = "1"
    with overheard() as said:
        for toy in TOYS:
            for _ in forced(Batch(bench.toy(toy, HALF), 2, CONTEXT), random_texts(toy, answer=2)):
                pass
    kernels = sorted(set(re.findall(r"SdpaKernel=(\w+)", said())))
    attention = f" Attention kernels: {', '.join(kernels)}." if kernels else ""
    return Finding("ok", f"Every node of a decoder lies on the card.{attention}")


def numerics(bench: Bench) -> Finding:
    """A tiny decoder gives the numbers that numpy gives: prompts in chunks, ragged decode, slots used again."""
    told = []
    for precision in (HALF,) if bench.provider == "cuda" else (PLAIN, EIGHT_BIT):
        allowed = TOLERANCES[precision.name]
        errors, same, positions = zip(*(compared(bench.toy(toy, precision), toy) for toy in TOYS), strict=True)
        error, agreed, asked = float(np.max(errors)), sum(same), sum(positions)  # np.max, unlike max, keeps a NaN
        words = f"{precision.words} off by up to {error:.1g} of the top logit, {agreed} of {asked} guesses alike"
        if not error <= allowed.error or agreed < allowed.agreement * asked:
            cause = f"A tiny decoder computes other numbers than it must: in {words}."
            return Finding("fail", cause, DISTRUST[bench.provider])
        told.append(words)
    return Finding("ok", f"A tiny decoder computes what numpy does. In {'; in '.join(told)}.")


def tokens(bench: Bench) -> Finding:
    """The configured model gives the tokens that are recorded of it, in a batch of rows of different lengths."""
    network = bench.network
    title = f"{network.manifest.title} in {network.manifest.precision}"
    check_rows(network)
    recorded = RECORDED.get(network.manifest.name)
    if recorded is None:
        return Finding("ok", f"{title} loads, and its rows leave each other alone; no tokens of it are recorded.")
    texts = [Text([*prompt, *answer], len(prompt)) for prompt, answer in recorded]
    same = total = 0
    for guess in forced(Batch(network, len(texts), CONTEXT), texts):
        wanted = guess.text.ids[guess.position]
        behind = guess.logits[0] - guess.logits[guess.ids == wanted]  # empty where it is not even a candidate
        if not (behind.size and behind[0] <= TIE):
            cause = f"{title} answers with token {guess.ids[0]} where {wanted} is recorded."
            return Finding("fail", cause, DISTRUST[bench.provider])
        same += int(guess.ids[0] == wanted)
        total += 1
    close = "" if same == total else ", the others by a hair"
    return Finding("ok", f"{title} gives {same} of {total} recorded tokens{close}.")


def speed(bench: Bench) -> Finding:
    """Decode steps of several batch sizes; on a card also what a step costs that has next to nothing to compute."""
    network, toy = bench.network, TOYS[0]
    took = {rows: step_seconds(network, rows) for rows in SPEED_ROWS}
    told = ", ".join(f"{rows / s:,.0f} tok/s with {_count(rows, 'row')} ({1e3 * s:.3g} ms)" for rows, s in took.items())
    if bench.provider == "cuda":
        launching = step_seconds(bench.toy(toy, HALF), 1)
        told += f"; launching a step of {toy.architecture.layers} layers takes {1e3 * launching:.2g} ms"
    told = f"{network.manifest.title} in {network.manifest.precision}: {told}."
    if took[max(took)] / max(took) > took[min(took)] / min(took):
        return Finding(
            "warn", f"A batch is slower than its rows one by one. {told}", "Close what else computes, and ask again."
        )
    return Finding("ok", told)


def out_of_memory(bench: Bench) -> Finding:
    """A cache no card holds, and a run in a session with too little room, are refused; smaller runs go on."""
    toy = TOYS[0]
    network = bench.toy(toy, HALF)
    if refusal(lambda: open_cache(network, 1 << 12, 1 << 20)) is None:
        return Finding("fail", "A cache of 2 TiB was granted.", DISTRUST["cuda"])
    small, large = Text([1, 2, 3], 1), Text([*range(1, 100)], 97)
    run_through(network, large)
    session = network.session
    name = session.get_providers()[0]
    used = session.get_provider_options()[name]
    before = {option: used[option] for option in ("device_id", "arena_extend_strategy", "enable_cudnn")}
    try:
        for room in ROOMS:
            # Setting a limit makes a fresh session, so that what the arena already holds does not count.
            limit = network.manifest.weights_bytes + room
            session.set_providers([name], [before | {"gpu_mem_limit": str(limit)}])
            if refusal(lambda: run_through(network, small)) is None:
                break
        if refusal(lambda: run_through(network, large)) is None:
            cause = "A session with a limit on its memory went beyond it, so a limit does not protect other programs."
            return Finding("warn", cause, "Leave room on the card: choose fewer slots or a shorter context.")
        run_through(network, small)
    finally:
        session.set_providers([name], [before])
    run_through(network, large)
    return Finding("ok", "A cache and a run that do not fit are refused, and the session computes on.")


def graphs(bench: Bench) -> Finding:
    """Decode steps that are recorded as CUDA graphs give what plain ones give, and what that saves."""
    toy = TOYS[0]
    plain, recorded = (Bench(bench.provider, bench.scratch, graphs=graphs).toy(toy, HALF) for graphs in (False, True))
    texts = random_texts(toy, answer=STEADY + PROOFS + 20)
    guesses = zip(*(forced(Batch(network, 3, CONTEXT), texts) for network in (plain, recorded)), strict=True)
    errors = [np.abs(one.logits - other.logits).max() / max(np.abs(one.logits).max(), 1.0) for one, other in guesses]
    took = [step_seconds(network, 1, after=STEADY + PROOFS) for network in (plain, recorded)]
    if recorded.unrecorded:
        return Finding("warn", f"Steps cannot be recorded as CUDA graphs: {recorded.unrecorded}", _LEAVE_OFF)
    if not np.max(errors) <= CLOSE:
        cause = f"Recorded steps give other numbers than plain ones, off by up to {np.max(errors):.1g}."
        return Finding("warn", cause, _LEAVE_OFF)
    one, other = (f"{1e3 * seconds:.2g} ms" for seconds in took)
    told = f"a step of {toy.architecture.layers} layers takes {other} in place of {one}"
    return Finding("ok", f"Recorded steps give what plain ones give; {told}. The setting cuda_graphs switches them on.")


_LEAVE_OFF = "Leave the setting cuda_graphs off; everything else runs without it."


CHECKS: dict[str, Callable[[Bench], Finding]] = {
    "opens": opens,
    "libraries": libraries,
    "placement": placement,
    "numerics": numerics,
    "tokens": tokens,
    "speed": speed,
    "oom": out_of_memory,
    "graphs": graphs,
}


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
