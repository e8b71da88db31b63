"""Facts and orders as lines: what goes in comes out, and nothing else gets through."""

from copy import copy, deepcopy
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.facts.codec import decode_fact, decode_order, encode
from desk.facts.fact import Fact, tag
from desk.facts.happened import AnyFact, LaneWork, Noted, RunStarted, Slot, Worked, now
from desk.facts.metered import DeviceReading, Read
from desk.facts.orders import AnyOrder, Halt, OpenFactory, Order
from desk.facts.plans import Plan
from desk.facts.tiers import Price, Promise, Sampling, Tariff, Tier
from desk.facts.trouble import Trouble

numbers = st.floats(0.0, 1e10)
small = st.integers(1, 200)

# Hypothesis builds every message from its annotations; only what refuses some values is helped along.
st.register_type_strategy(float, numbers)
st.register_type_strategy(int, st.integers(-(2**53), 2**53))
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"])))
st.register_type_strategy(
    Tier,
    st.builds(
        Tier,
        name=st.text(max_size=20),
        model=st.text(max_size=20),
        context=st.integers(16, 4096),
        slots=small,
        share=st.floats(0.01, 100.0),
        users=small,
        think_s=st.floats(0.0, 60.0),
        answer_tokens=small,
        sampling=st.builds(Sampling, temperature=st.floats(0.0, 2.0), top_k=st.integers(0, 64)),
        price=st.builds(Price, output=st.floats(0.0, 1000.0)),
        promise=st.builds(Promise, ttft_s=st.none() | st.floats(0.001, 60.0)),
    ),
)
st.register_type_strategy(
    Tariff,
    st.builds(Tariff, dollars_per_kwh_by_hour=st.just(()) | st.lists(numbers, min_size=24, max_size=24).map(tuple)),
)
st.register_type_strategy(
    Plan, st.builds(Plan, slots=st.tuples(small), contexts=st.tuples(st.integers(16, 4096)), repeats=st.integers(1, 9))
)
st.register_type_strategy(
    LaneWork,
    st.builds(
        LaneWork,
        tier=st.text(max_size=20),
        busy=numbers,
        emitted=small,
        slots=st.tuples(st.builds(Slot)),
        gaps=st.dictionaries(small, small),
    ),
)

st.register_type_strategy(
    Worked, st.builds(Worked, t=numbers, span=st.floats(0.0, 3600.0), lanes=st.lists(st.from_type(LaneWork)).map(tuple))
)


@pytest.fixture(scope="module", autouse=True)
def types_as_before():
    """The registry of types is global: other tests must not find these strategies in it."""
    yield
    for kind in (float, int, str):
        st.register_type_strategy(kind, {float: st.floats(), int: st.integers(), str: st.text()}[kind])


@pytest.mark.parametrize("kind", get_args(AnyFact), ids=lambda kind: kind.__name__)
def test_every_fact_comes_back_from_its_line(kind):
    @given(st.from_type(kind))
    @settings(max_examples=25, deadline=None)
    def check(fact):
        line = encode(fact)
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert decode_fact(line) == fact
        assert copy(fact) is deepcopy(fact) is fact

    check()


@pytest.mark.parametrize("kind", get_args(AnyOrder), ids=lambda kind: kind.__name__)
def test_every_order_comes_back_from_its_line(kind):
    @given(st.from_type(kind))
    @settings(max_examples=25, deadline=None)
    def check(order):
        assert decode_order(encode(order)) == order

    check()


def test_no_fact_and_no_order_is_left_out_of_its_union():
    def kinds(base):
        return {each for each in base.__subclasses__() if each.__module__.startswith("desk.facts.")}

    assert set(get_args(AnyFact)) == kinds(Fact)
    assert set(get_args(AnyOrder)) == kinds(Order)


def test_names_on_the_wire_are_stable():
    """These words are in files that people keep."""
    assert encode(Noted(t=1.5, text="here")) == b'{"fact":"noted","text":"here","t":1.5}\n'
    assert encode(Halt()) == b'{"order":"halt"}\n'
    assert tag("RunStarted") == "run_started"
    assert encode(Read(t=1.0, devices=(DeviceReading(device="gpu0", edges=((0.5, 2.0),)),))) == (
        b'{"fact":"read","devices":[{"device":"gpu0","edges":[[0.5,2.0]]}],"t":1.0}\n'
    )


def test_an_old_line_without_new_fields_still_reads():
    fact = decode_fact(b'{"fact":"worked","t":1.0,"span":0.1,"lanes":[{"tier":"Free"}]}')
    assert fact == Worked(t=1.0, span=0.1, lanes=fact.lanes)
    assert fact.lanes[0].emitted == 0
    machine = b'{"system":"Linux","processor":"p","cores":1,"memory_bytes":1}'
    line = (
        b'{"fact":"run_started","t":1.0,"run":"r","wall":1.0,"desk":"0","machine":%s,"tiers":[],"tariff":{}}' % machine
    )
    assert decode_fact(line).format == 1  # for ever: a file without the field is of the first format
    assert isinstance(decode_fact(line), RunStarted)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}",
        b"[]",
        b'{"fact":"dreamt","t":1}',
        b'{"fact":"noted","t":1}',
        b'{"fact":"noted","t":1,"te',
        b"\xff",
        b'{"fact":"noted","order":"watch","t":1,"text":"\xff","tier":"\xff"}',
        b'{"fact":"noted","order":"halt","t":1,"text":"a","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"fact":"noted","order":"change_load","t":1e16,"text":"a","load":1e999}',
    ],
)
def test_other_lines_are_trouble(line):
    with pytest.raises(Trouble, match="not a fact"):
        decode_fact(line)
    with pytest.raises(Trouble, match="not an order"):
        decode_order(line)


def test_an_order_that_no_lane_can_run_is_refused_in_words():
    good = OpenFactory(tiers=(Tier(name="Ultra", model="m", slots=4),))
    line = encode(good).replace(b'"slots":4', b'"slots":0')
    with pytest.raises(Trouble, match="slots of tier Ultra is 0, but must lie between 1 and 256"):
        decode_order(line)


def test_facts_do_not_change():
    with pytest.raises(AttributeError):
        Noted(t=1.0, text="here").text = "there"
    assert msgspec.structs.replace(Noted(t=1.0, text="here"), text="there").text == "there"


def test_now_is_the_machines_own_clock():
    first, second = now(), now()
    assert first <= second
    assert Tariff().dollars_per_hour is None
