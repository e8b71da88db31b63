"""What is read of runs: lines, orders, folded facts, recordings and what lies beside them."""

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import msgspec
from spoil import NAMES, as_json, changed, spoiled

from desk import journal
from desk.board import Board
from desk.exports.periods import rows
from desk.exports.summary import summary
from desk.facts import places
from desk.facts.codec import decode_fact, decode_order, encode
from desk.facts.figures import FIGURES
from desk.facts.happened import AnyFact
from desk.facts.orders import Calibrate, ChangeLoad, ChangeTier, Generate, OpenFactory, Watch
from desk.facts.trouble import Trouble
from desk.ledger.ledger import Ledger
from desk.ledger.stream import Streams
from desk.models.claims import holders
from desk.models.contacts import contacts
from desk.plant.presets import preset
from desk.runs.carry import bring, send
from desk.runs.store import Runs

FEW_LINES = 40


@cache
def recording() -> tuple[bytes, ...]:
    """The lines of the recording that ships, and of facts that are not in it."""
    with gzip.open(places.shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz")) as file:
        lines = file.readlines()
    start = json.loads(lines[0])["t"]
    rare = (
        {"fact": "tier_changed", "tier": json.loads(lines[0])["tiers"][0]},
        {"fact": "tier_removed", "tier": "Free"},
        {"fact": "load_changed", "load": 2.0},
        {"fact": "budget_changed", "budget": {"joules": 10.0, "seconds": 60.0}},
        {"fact": "tariff_changed", "tariff": {"dollars_per_kwh": 0.5}},
        {"fact": "noted", "text": "a mark"},
        {"fact": "troubled", "where": "meter", "cause": "A cause."},
        {"fact": "alarm_raised", "alarm": "ttft", "subject": "Free", "title": "Late", "cause": "A cause."},
        {"fact": "alarm_cleared", "alarm": "ttft", "subject": "Free", "title": "Gone"},
        {"fact": "alarm_shelved", "alarm": "ttft", "subject": "Free", "until": start + 60},
        {"fact": "unrecorded", "since": start},
        {"fact": "child_stale", "child": "engine", "age": 1.0},
        {"fact": "child_answered", "child": "engine"},
        {"fact": "child_given_up", "child": "meter", "cause": "A cause.", "remedy": ""},
        {"fact": "lane_failed", "tier": "Free", "cause": "A cause.", "remedy": ""},
        {"fact": "lane_draining", "tier": "Free"},
        {"fact": "said", "tier": "Free", "request": 1, "text": "hello"},
        {"fact": "paused"},
        {"fact": "resumed"},
        {"fact": "calibrating", "tier": "Free", "seconds": 3.0},
        {"fact": "calibrated"},
        {"fact": "floor_learned", "device": "cpu0", "watts": 20.0, "seconds": 5.0},
        {
            "fact": "solo_learned",
            "device": "cpu0",
            "tier": "Free",
            "watts": 9.0,
            "seconds": 5.0,
            "model": "m",
            "precision": "q4",
            "context": 512,
            "slots": 4,
        },
    )
    return (*lines, *(as_json(fact | {"t": start + 1.0}) + b"\n" for fact in rare))


@cache
def orders() -> tuple[bytes, ...]:
    tiers = preset("this-machine").tiers
    sent = (OpenFactory(tiers=tiers), ChangeTier(tier=tiers[0]), ChangeLoad(load=2.0), Calibrate(), Watch(tier="Free"))
    return tuple(encode(order) for order in (*sent, Generate(model="m", prompt="Hello")))


def lines(chance: Random, folder: Path) -> object:
    """A line on the pipe of a child, or in a file."""
    return _decoded(decode_fact, chance, chance.choice(recording()))


def orders_in(chance: Random, folder: Path) -> object:
    """A line on the stdin of a child."""
    return _decoded(decode_order, chance, chance.choice(orders()))


def _decoded(decode: Callable[[bytes], msgspec.Struct], chance: Random, line: bytes) -> object:
    line = spoiled(chance, line) if chance.randrange(2) else as_json(changed(chance, json.loads(line))) + b"\n"
    message = decode(line)
    assert decode(encode(message)) == message
    return message


def folded(chance: Random, folder: Path) -> object:
    """Facts whose values are hostile, through the ledger, the board and what is told of them."""
    ledger, board, streams = Ledger(), Board(hours=0.05), Streams()
    facts = _facts(chance)
    for fact in facts:
        streams.see(fact)
        for period in ledger.post(fact):
            board.add(period)
    for figure in chance.sample(list(FIGURES), 4):
        for tier in (None, *list(ledger.standing.tiers)[:2]):
            board.value(figure, tier)
            board.basis(figure, tier)
            board.curve(figure, tier, 60.0, 50, back_s=chance.choice((0.0, 5.0, 1e9)))
    told = [summary(ledger, "replay"), streams.rate, list(rows(facts))]
    return msgspec.json.encode(told)


def _facts(chance: Random) -> list[AnyFact]:
    facts = []
    for _ in range(200):
        line = recording()[0] if not facts else chance.choice(recording())
        if facts or not chance.randrange(4):
            line = as_json(changed(chance, json.loads(line), 3)) if chance.randrange(2) else line
        try:
            facts.append(decode_fact(line))
        except Trouble:
            continue
        if len(facts) == FEW_LINES:
            break
    return facts


def _file(chance: Random, folder: Path) -> Path:
    """A recording of a few lines, some of them spoiled, whole or torn, plain or packed, in one part or two."""
    head, *others = recording()
    start = chance.randrange(len(others))
    text = [head, *others[start : start + FEW_LINES]]
    if chance.randrange(2):
        text = [
            as_json(changed(chance, json.loads(line), 2)) + b"\n" if chance.randrange(4) == 0 else line for line in text
        ]
    content = b"".join(text)
    if chance.randrange(2):
        content = spoiled(chance, content)
    path = folder / "run.jsonl"
    if chance.randrange(2):
        content, path = gzip.compress(content, 1, mtime=0), folder / "run.jsonl.gz"
        content = spoiled(chance, content, 2) if chance.randrange(2) else content
    path.write_bytes(content)
    if chance.randrange(4) == 0:
        run = json.loads(head)["run"]
        further = as_json({"fact": "run_continued", "t": 1.0, "run": run, "part": 2}) + b"\n" + others[0]
        (folder / "run.2.jsonl").write_bytes(further if chance.randrange(2) else spoiled(chance, further))
    return path


def recordings(chance: Random, folder: Path) -> object:
    """A recording from anywhere, read and read on from a place in its middle."""
    path = _file(chance, folder)
    with _closed(journal.read(path)) as reading:
        seen, stop = 0, chance.randrange(FEW_LINES)
        place = reading.place()
        for _ in reading:
            seen += 1
            if seen == stop:
                place = reading.place()
        reading.go(place)
        again = sum(1 for _ in reading)
        assert again == seen - stop if stop and seen >= stop else again == seen
    return seen


def runs(chance: Random, folder: Path) -> object:
    """A recording from anywhere, taken in among the user's runs, summed up and sent on."""
    path = _file(chance, folder)
    (folder / "runs").mkdir()
    mine = Runs(folder / "runs")
    run, _ = bring(path, mine)
    (folder / "out").mkdir()
    send(run, folder / "out")
    return mine.all(), mine.summed(run)


def notes(chance: Random, folder: Path) -> object:
    """The small files that this program keeps for itself, spoiled: the index and marks of runs, claims and contacts."""
    (folder / "runs").mkdir()
    (folder / "runs" / "r.jsonl.gz").write_bytes(gzip.compress(b"".join(recording()[:FEW_LINES]), 1, mtime=0))
    mine = Runs(folder / "runs")
    mine.summed(mine.find("r"))
    mine.note(mine.find("r"), "a note")
    claim = {"pid": 1, "born": 1.0, "folders": [str(folder)]}
    for path in [each for each in (folder / "runs").iterdir() if each.suffix == ".json"]:
        path.write_bytes(_note(chance, json.loads(path.read_bytes())))
    for path in (places.data_dir() / "held" / "1.json", places.data_dir() / "held" / "x.json"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_note(chance, claim))
    (places.data_dir() / "hosts.jsonl").write_bytes(_note(chance, {"host": "h", "why": "w", "wall": 1.0}) + b"\n")
    found = mine.find(chance.choice(("r", "latest", *NAMES)))
    return mine.summed(found), holders(folder), contacts()


def _note(chance: Random, value: object) -> bytes:
    if chance.randrange(4) == 0:
        return as_json(value)
    return spoiled(chance, as_json(value)) if chance.randrange(2) else as_json(changed(chance, value))


class _closed:
    """Lets go of a reading's file at the end of a block."""

    def __init__(self, reading: journal.Reading) -> None:
        self._reading = reading

    def __enter__(self) -> journal.Reading:
        return self._reading

    def __exit__(self, *_: object) -> None:
        self._reading.close()
