"""What the recorded references say, and what a batch answers."""

import json
from pathlib import Path

from desk.engine.batch import Row
from desk.engine.sampling import Chooser
from desk.facts.tiers import Sampling

DATA = Path(__file__).parents[1] / "data" / "layouts"
CONTEXT = 128


def expected(layout):
    """What transformers answers: prompt, greedy tokens, and the four best logits before each of them."""
    return json.loads((DATA / layout / "expected.json").read_text())["answers"]


def row_of(prompt):
    return Row(list(prompt), Chooser(Sampling(), seed=0))


def step(batch):
    """One run, and what it gave: row, token, and its candidates, values and ids."""
    run = batch.next_run()
    run.feed.run()
    given = [
        (row, token, run.feed.top_v[run.rows.index(row)].copy(), run.feed.top_i[run.rows.index(row)].copy())
        for row, token in batch.settle(run).tokens
    ]
    for row, token, *_ in given:
        row.take(token)
    return given


def greedy(batch, prompts, count):
    """For each prompt its greedy tokens with their lead over the second best; prompts join as slots become free."""
    waiting, active, answers = list(enumerate(prompts)), {}, [[] for _ in prompts]
    while waiting or active:
        if waiting and not batch.full:
            number, prompt = waiting.pop(0)
            row = row_of(prompt)
            batch.join(row)
            active[row] = number
        for row, token, values, _ in step(batch):
            answer = answers[active[row]]
            answer.append((token, float(values[0] - values[1])))
            if len(answer) == count:
                batch.leave(row)
                del active[row]
    return answers


def same(one, other, tie):
    """Whether two answers are the same up to the first place where the best two are as good as equal."""
    for (token, lead), (another, _) in zip(one, other, strict=True):
        if token != another:
            return lead <= tie
    return True
