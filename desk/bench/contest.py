"""`desk bench`: engines on the same weights, threads and prompts, in interleaved rounds (A B C A B C ...).

Each engine is a contestant: a child that lives for the whole bench and measures itself on demand, while all the others
rest. The speeds of one round are pairs, so a ratio is formed round by round and its interval comes from the spread of
those: a machine that is slower for a while is slower for all of them.
"""

import contextlib
import itertools
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from desk.bench.contestant import Contestant, peak_memory
from desk.bench.findings import Bench, Load, Ratio, Row, Surroundings, floor_of, ratio_of
from desk.facts.happened import now
from desk.facts.trouble import Trouble
from desk.plant.children import command
from desk.plant.machine import this_machine

REST_S = 0.25
"""Between measurements all engines rest for so long: threads that spin come to lie down, and the load is looked at."""

LANES = (8, 4, 4, 2, 1)
LOAD_ROWS, LONG_PROMPT, LONG_EVERY_S = 16, 1000, 3.0
PREFILLS, REQUESTS_PER_SLOT = 4, 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure. `models` are names or folders for this engine; `ggufs` files for llama.cpp. A folder made by
    onnxruntime-genai's builder is also run by that, where `peers`, the Python of the others' environment, is given.
    `seconds` is the length of the lanes' and the interference loads, 0 leaves all loads out; the first of the models
    alone gets loads. `rivals` are command lines of other programs that answer as `peer.py` does.
    """

    models: Sequence[str]
    precision: str = ""
    batches: Sequence[int] = (1, 4, 8, 16, 32)
    threads: int
    rounds: int = 5
    prompt: int = 128
    steps: int = 64
    seconds: float = 10.0
    peers: str = ""
    ggufs: Sequence[str] = ()
    rivals: Sequence[Sequence[str]] = ()


@dataclass
class Entrant:
    """One engine in the bench: its child, who it is, and its speeds by what was measured, a value a round."""

    child: Contestant
    about: dict[str, Any]
    ours: bool
    same_file: str = ""
    speeds: dict[tuple[str, int], dict[int, float]] = field(default_factory=dict)
    outside: dict[int, list[float]] = field(default_factory=dict)
    context: dict[int, float] = field(default_factory=dict)
    memory: dict[int, int | None] = field(default_factory=dict)
    loads: dict[str, dict[int, dict[str, float | None]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.about["engine"], self.about["model"], self.about["precision"])))


class Contest:
    """A bench under way; `told` hears in a few words what is measured."""

    def __init__(self, plan: Plan, told: Callable[[str], None]) -> None:
        self._plan, self._told = plan, told
        self._entrants: list[Entrant] = []
        self._machine: dict[str, float] = {}
        self._work: dict[str, dict[str, Any]] = {}
        self._others: list[float] = []
        self.lost: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for entrant in self._entrants:
            entrant.child.close()

    def run(self) -> Bench:
        """Bring up all engines and put them through the rounds; raises `Trouble` where one of ours drops out."""
        plan = self._plan
        self._look_at_machine()
        for model in plan.models:
            self._enter(command("contestant", model, plan.precision, str(plan.threads)), model, ours=True)
        for argv, model in self._peers():
            self._enter(argv, model, ours=False)
        for number in range(plan.rounds):
            # Each round begins with another engine, so that none always comes right after the same one.
            order = self._rotated(number)
            for entrant in order:
                self._prefill(entrant, number)
            for batch in sorted(plan.batches):
                for entrant in order:
                    self._decode(entrant, batch, number)
            if plan.seconds:
                first = self._entrants[0]
                for entrant in order:
                    if entrant is first or not entrant.ours:
                        self._loads(entrant, number)
        self._look_at_machine()  # once more: it may have been disturbed before
        return self._result()

    # ---- who takes part

    def _peers(self) -> list[tuple[list[str], str]]:
        plan = self._plan
        script = str(Path(__file__).with_name("peer.py"))
        peers = [(list(rival), rival[0]) for rival in plan.rivals]
        if plan.peers:
            folders = [model for model in plan.models if (Path(model) / "genai_config.json").is_file()]
            for engine, files in (("genai", folders), ("llama.cpp", plan.ggufs)):
                peers += [([plan.peers, script, engine, file, str(plan.threads)], file) for file in files]
        return peers

    def _enter(self, argv: list[str], model: str, *, ours: bool) -> None:
        self._told(f"Loading {Path(model).name}")
        name = "This engine" if ours else f"The engine for {Path(model).name}"
        try:
            child = Contestant(argv, name, stranger=not ours)
            about = child.answer()
        except Trouble as trouble:
            if ours:
                raise
            self.lost.append(str(trouble))
            return
        path = Path(model)
        same_file = str(path.resolve()) if path.is_dir() else ""
        twin = next((own.about for own in self._entrants if same_file and own.same_file == same_file), {})
        known = {"model": path.stem if path.is_file() else path.name, "precision": twin.get("precision", "")}
        about = known | self._work.get(model, {}) | about
        child.name = f"{about['engine']} on {about['model']}"
        self._entrants.append(Entrant(child, about, ours, same_file))

    def _rotated(self, number: int) -> list[Entrant]:
        start = number % max(1, len(self._entrants))
        return self._entrants[start:] + self._entrants[:start]

    # ---- measuring

    def _ask(self, entrant: Entrant, words: str, **order: Any) -> dict[str, Any] | None:
        """An answer, `None` from a peer that dropped out."""
        if entrant not in self._entrants:
            return None
        self._told(f"{entrant.name}: {words}")
        self._others.append(self._others_busy())
        try:
            return entrant.child.ask(order)
        except Trouble as trouble:
            if entrant.ours:
                raise
            self.lost.append(str(trouble))
            self._entrants.remove(entrant)
            return None

    def _others_busy(self) -> float:
        """Rest, and see which part of the cores' time went to processes that take no part."""
        spent = -sum(entrant.child.cpu_seconds() for entrant in self._entrants)
        start = now()
        psutil.cpu_percent()
        time.sleep(REST_S)
        busy = psutil.cpu_percent() / 100
        spent += sum(entrant.child.cpu_seconds() for entrant in self._entrants)
        return max(0.0, busy - spent / (now() - start) / (psutil.cpu_count() or 1))

    def _look_at_machine(self) -> None:
        """How fast the machine reads and multiplies, at its best so far, and what a token of each of our models
        takes of both."""
        plan = self._plan
        self._told("Measuring the machine itself")
        argv = command("roofline", str(plan.threads), plan.precision, *plan.models)
        child = Contestant(argv, "The look at the machine")
        with contextlib.closing(child):
            speeds = child.answer()
            self._machine = {name: max(speed, self._machine.get(name, 0.0)) for name, speed in speeds.items()}
            self._work = {model: child.answer() for model in plan.models}

    def _prefill(self, entrant: Entrant, number: int) -> None:
        plan = self._plan
        answer = self._ask(entrant, f"round {number + 1}, prompts", do="prefill", prompt=plan.prompt, times=PREFILLS)
        if answer:
            entrant.speeds.setdefault(("prefill", 1), {})[number] = PREFILLS * plan.prompt / answer["seconds"]

    def _decode(self, entrant: Entrant, batch: int, number: int) -> None:
        plan = self._plan
        order = {"do": "decode", "rows": batch, "prompt": plan.prompt, "steps": plan.steps}
        answer = self._ask(entrant, f"round {number + 1}, batch {batch}", **order)
        if answer is None:
            return
        entrant.speeds.setdefault(("decode", batch), {})[number] = batch * plan.steps / answer["seconds"]
        entrant.context[batch] = answer.get("context", plan.prompt + plan.steps / 2)
        if "outside_s" in answer:
            entrant.outside.setdefault(batch, []).append(answer["outside_s"])
        # Batches grow, so in the first round the most memory so far is that of this one.
        entrant.memory.setdefault(batch, peak_memory(entrant.child.pid))

    def _loads(self, entrant: Entrant, number: int) -> None:
        """Let an engine carry those loads that it knows: ours all of them, a rival what it says of itself."""
        plan = self._plan
        rows = min(LOAD_ROWS, max(plan.batches))
        room = entrant.about.get("context", math.inf)
        prompt = min(plan.prompt, room // 4)
        requests = {"slots": rows, "requests": REQUESTS_PER_SLOT * rows, "seed": number}
        long_prompt = min(LONG_PROMPT, room // 2)
        beside = {"long_prompt": long_prompt, "every": LONG_EVERY_S}
        drawn = {"prompt": plan.prompt, "steps": plan.steps}
        lasting = {"prompt": prompt, "seconds": plan.seconds}
        asked: list[tuple[str, dict[str, Any]]] = [
            ("1 row drawn with temperature and top-p", {"do": "drawn", "rows": 1, **drawn}),
            (f"{rows} rows drawn with temperature and top-p", {"do": "drawn", "rows": rows, **drawn}),
            (f"lanes of {', '.join(map(str, LANES))} slots", {"do": "lanes", "slots": LANES, **lasting}),
            (f"mixed lengths, {rows} slots", {"do": "mixed", **requests}),
            (f"{rows} rows beside long prompts", {"do": "interference", "rows": rows, **beside, **lasting}),
        ]
        for load, order in asked:
            if order["do"] in entrant.about.get("loads", ()):
                answer = self._ask(entrant, f"round {number + 1}, {load}", **order)
                if answer is not None:
                    entrant.loads.setdefault(load, {})[number] = answer

    # ---- what came of it

    def _result(self) -> Bench:
        machine = this_machine()
        return Bench(
            machine=Surroundings(
                processor=machine.processor,
                cores=machine.cores,
                read_bytes_per_second=self._machine["read_bytes_per_second"],
                eight_bit_madds_per_second=self._machine["eight_bit_madds_per_second"],
                float_madds_per_second=self._machine["float_madds_per_second"],
                others_busy_median=statistics.median(self._others),
                others_busy_most=max(self._others),
            ),
            rounds=self._plan.rounds,
            prompt=self._plan.prompt,
            steps=self._plan.steps,
            rows=tuple(row for entrant in self._entrants for row in self._rows(entrant)),
            ratios=tuple(itertools.chain(self._against_peers(), self._of_loads())),
            loads=tuple(load for entrant in self._entrants for load in _loads(entrant)),
            lost=tuple(self.lost),
        )

    def _rows(self, entrant: Entrant) -> list[Row]:
        about = entrant.about
        rows = []
        for batch in sorted(self._plan.batches):
            speeds = list(entrant.speeds[("decode", batch)].values())
            typical = statistics.median(speeds)
            outside = entrant.outside.get(batch)
            rows.append(
                Row(
                    engine=about["engine"],
                    version=about["version"],
                    model=about["model"],
                    precision=about["precision"],
                    threads=self._plan.threads,
                    batch=batch,
                    prefill_tokens_per_second=(
                        statistics.median(entrant.speeds[("prefill", 1)].values()) if batch == 1 else None
                    ),
                    decode_tokens_per_second=typical,
                    spread=(max(speeds) - min(speeds)) / typical,
                    peak_rss_bytes=entrant.memory.get(batch),
                    floor_tokens_per_second=self._floor(entrant, batch),
                    outside_run_s=statistics.median(outside) if outside else None,
                )
            )
        return rows

    def _floor(self, entrant: Entrant, batch: int) -> float | None:
        twins = [own for own in self._entrants if own.ours and own.same_file and own.same_file == entrant.same_file]
        work = (twins[0] if twins else entrant).about
        return floor_of(self._machine, work, batch, entrant.context[batch]) if "weight_bytes" in work else None

    def _against_peers(self) -> list[Ratio]:
        """Each of ours against the peer on the same file where there is one, else against all that have none."""
        ratios = []
        ours = [entrant for entrant in self._entrants if entrant.ours]
        peers = [entrant for entrant in self._entrants if not entrant.ours]
        shared = {entrant.same_file for entrant in peers if entrant.same_file}
        for own, peer in itertools.product(ours, peers):
            if own.same_file != peer.same_file and (peer.same_file or own.same_file in shared):
                continue
            for (what, batch), speeds in own.speeds.items():
                others = peer.speeds.get((what, batch), {})
                if common := [number for number in speeds if number in others]:
                    row = f"{what}, batch {batch}: {own.name}"
                    pairs = [speeds[number] / others[number] for number in common]
                    ratios.append(ratio_of(row, peer.name, pairs))
        return ratios

    def _of_loads(self) -> list[Ratio]:
        """Lanes at once against each alone, waits beside long prompts against none, and loads against rivals."""
        ours, *rest = self._entrants
        ratios = []
        for load, rounds in ours.loads.items():
            pairs = [ratio for figures in rounds.values() if (ratio := figures.get("ratio"))]
            if pairs and load.startswith("lanes"):
                ratios.append(ratio_of(f"{load}: {ours.name}", "the mean of the lanes alone", pairs))
            elif pairs:
                what = f"99th percentile of token gaps, {load}: {ours.name}"
                ratios.append(ratio_of(what, "a plain step of as many rows", pairs))
            for rival in rest:
                others = rival.loads.get(load, {})
                pairs = [
                    own / other
                    for number in rounds
                    if (own := rounds[number].get("tokens_per_second"))
                    and (other := others.get(number, {}).get("tokens_per_second"))
                ]
                if pairs:
                    ratios.append(ratio_of(f"{load}: {ours.name}", rival.name, pairs))
        return ratios


def _loads(entrant: Entrant) -> list[Load]:
    about = entrant.about
    return [
        Load(
            load=load,
            engine=about["engine"],
            model=about["model"],
            precision=about["precision"],
            figures=_medians(list(rounds.values())),
        )
        for load, rounds in entrant.loads.items()
    ]


def _medians(rounds: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    values = {name: [value for figures in rounds if (value := figures[name]) is not None] for name in rounds[0]}
    return {name: statistics.median(found) if found else None for name, found in values.items()}
