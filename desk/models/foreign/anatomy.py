"""What an ONNX file is made of, read off its bytes without its weights.

A graph may hold gigabytes, and may come from anywhere. So nothing is loaded to look at it: the file is mapped, and the
few fields that matter are picked out of the protobuf encoding (numbers as in onnx.proto, which is frozen).
"""

import mmap
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from desk.facts.trouble import Trouble

TYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 16: "bfloat16"}
"""The names of the element types that are talked about; others go by their number."""

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9  # fields of ModelProto, GraphProto and TensorProto

Buffer = bytes | mmap.mmap
Span = tuple[int, int]
"""Where a message lies in the buffer, from and to."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph; a size that is not fixed goes by its name."""

    kind: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One operator. Of its attributes, the numbers."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """One constant. `outside` says where its data lies, if not in the graph: location, offset, length, as written.

    `number` is its value where it is a single int64.
    """

    shape: tuple[int, ...]
    kind: str
    outside: dict[str, str]
    number: int | None = None


@dataclass(slots=True)
class Anatomy:
    """The parts of one graph, those of subgraphs among its nodes and tensors; a `Constant` is a tensor, too."""

    inputs: dict[str, Port] = field(default_factory=dict)
    outputs: dict[str, Port] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def all_of(self, operator: str) -> list[Node]:
        return [node for node in self.nodes if node.operator == operator]


def read(path: Path) -> Anatomy:
    """The anatomy of the graph in `path`; raises `Trouble` for a file that is no whole ONNX graph."""
    anatomy = Anatomy()
    with _mapped(path) as buffer:
        _read_graph(buffer, _graph(buffer), anatomy, outermost=True)
    return anatomy


def skeleton(path: Path) -> bytes:
    """The file without the data of its graph's constants: the same graph, in kilobytes, for whoever parses it whole."""
    with _mapped(path) as buffer:
        return _without(buffer, (0, len(buffer)), (_GRAPH, _INITIALIZER, _RAW_DATA))


def joined(edited: bytes, path: Path) -> bytes:
    """A model without constants and the constants of the graph in `path`, as one: where a message comes in two parts,
    protobuf merges them. Of large weights that lie in the graph itself, this is the only copy made."""
    with _mapped(path) as buffer:
        spans = [(start, end) for number, _, start, _, end in _fields(buffer, _graph(buffer)) if number == _INITIALIZER]
        head = _varint(_GRAPH << 3 | _LENGTH) + _varint(sum(end - start for start, end in spans))
        with memoryview(buffer) as view:
            return b"".join([edited, head, *(view[start:end] for start, end in spans)])


@contextmanager
def _mapped(path: Path) -> Generator[mmap.mmap]:
    """The bytes of a file; what is found not to be a graph while they are read is told as `Trouble`."""
    with path.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
                yield buffer
        except (ValueError, IndexError, RecursionError) as error:
            cause = f"The file {path.name} is not a whole ONNX graph."
            raise Trouble(cause, "Fetch or export the model again.") from error


def _graph(buffer: Buffer) -> Span:
    for number, span in _messages(buffer, (0, len(buffer))):
        if number == _GRAPH:
            return span
    raise ValueError("no graph")


def _without(buffer: Buffer, span: Span, path: tuple[int, ...]) -> bytes:
    """The message with the fields at the end of `path` left out."""
    kept = bytearray()
    for number, wire, start, value, end in _fields(buffer, span):
        if number != path[0] or wire != _LENGTH:
            kept += buffer[start:end]
        elif len(path) > 1:
            inner = _without(buffer, (value, end), path[1:])
            kept += _varint(number << 3 | _LENGTH) + _varint(len(inner)) + inner
    return bytes(kept)


# ---- onnx.proto


def _read_graph(buffer: Buffer, span: Span, anatomy: Anatomy, outermost: bool = False) -> None:
    for number, part in _messages(buffer, span):
        if number == 1:
            _read_node(buffer, part, anatomy)
        elif number == _INITIALIZER:
            name, tensor = _tensor(buffer, part)
            anatomy.tensors[name] = tensor
        elif number in (11, 12) and outermost:
            name, port = _port(buffer, part)
            (anatomy.inputs if number == 11 else anatomy.outputs)[name] = port


def _read_node(buffer: Buffer, span: Span, anatomy: Anatomy) -> None:
    operator, inputs, outputs, numbers, tensors = "", [], [], {}, []
    for number, part in _messages(buffer, span):
        if number == 1:
            inputs.append(_text(buffer, part))
        elif number == 2:
            outputs.append(_text(buffer, part))
        elif number == 4:
            operator = _text(buffer, part)
        elif number == 5:
            name, value = "", None
            for inner, wire, _, start, end in _fields(buffer, part):
                if inner == 1:
                    name = _text(buffer, (start, end))
                elif inner == 3 and wire == _VARINT:
                    value, _ = _number(buffer, start)
                elif inner in (5, 10):
                    tensors.append(_tensor(buffer, (start, end))[1])
                elif inner in (6, 11):
                    _read_graph(buffer, (start, end), anatomy)
            if value is not None:
                numbers[name] = value
    node = Node(operator, tuple(inputs), tuple(outputs), numbers)
    anatomy.nodes.append(node)
    for place, tensor in enumerate(tensors):
        constant = operator == "Constant" and len(outputs) == 1 and place == 0
        anatomy.tensors[outputs[0] if constant else f"tensor {place} of node {len(anatomy.nodes)}"] = tensor


def _tensor(buffer: Buffer, span: Span) -> tuple[str, Tensor]:
    shape: list[int] = []
    kind, name, numbers = "", "", []
    outside: dict[str, str] = {}
    for number, wire, _, start, end in _fields(buffer, span):
        if number == 1 and wire == _VARINT:
            shape.append(_number(buffer, start)[0])
        elif number == 1:
            shape += _numbers(buffer, (start, end))
        elif number == 2:
            kind = _kind(_number(buffer, start)[0])
        elif number == 7:
            numbers += _numbers(buffer, (start, end)) if wire == _LENGTH else [_number(buffer, start)[0]]
        elif number == _RAW_DATA and end - start == 8:
            numbers = [int.from_bytes(buffer[start:end], "little", signed=True)]
        elif number == 8:
            name = _text(buffer, (start, end))
        elif number == 13:
            pair = {inner: _text(buffer, part) for inner, part in _messages(buffer, (start, end))}
            outside[pair.get(1, "")] = pair.get(2, "")
    number = numbers[0] if kind == "int64" and len(numbers) == 1 else None
    return name, Tensor(tuple(shape), kind, outside, number)


def _port(buffer: Buffer, span: Span) -> tuple[str, Port]:
    name, kind = "", ""
    shape: list[int | str] = []
    for number, part in _messages(buffer, span):
        if number == 1:
            name = _text(buffer, part)
        elif number == 2:
            for _, tensor in (found for found in _messages(buffer, part) if found[0] == 1):
                for inner, wire, _, start, end in _fields(buffer, tensor):
                    if inner == 1 and wire == _VARINT:
                        kind = _kind(_number(buffer, start)[0])
                    elif inner == 2:
                        shape = [_size(buffer, part) for _, part in _messages(buffer, (start, end))]
    return name, Port(kind, tuple(shape))


def _size(buffer: Buffer, span: Span) -> int | str:
    for number, wire, _, start, end in _fields(buffer, span):
        if number == 1 and wire == _VARINT:
            return _number(buffer, start)[0]
        if number == 2:
            return _text(buffer, (start, end))
    return ""


def _kind(number: int) -> str:
    return TYPES.get(number, f"type {number}")


# ---- protobuf


def _fields(buffer: Buffer, span: Span) -> Iterator[tuple[int, int, int, int, int]]:
    """Each field of a message: number, wire type, where it starts, where its value starts, where it ends."""
    position, stop = span
    while position < stop:
        start = position
        tag, position = _number(buffer, position)
        wire, value = tag & 7, position
        if wire == _VARINT:
            _, position = _number(buffer, position)
        elif wire == _LENGTH:
            length, value = _number(buffer, position)
            position = value + length
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {wire}")
        if position > stop:
            raise ValueError("a field that reaches beyond its message")
        yield tag >> 3, wire, start, value, position


def _messages(buffer: Buffer, span: Span) -> Iterator[tuple[int, Span]]:
    """The fields of a message that are messages, texts or bytes."""
    return ((number, (start, end)) for number, wire, _, start, end in _fields(buffer, span) if wire == _LENGTH)


def _number(buffer: Buffer, position: int) -> tuple[int, int]:
    """A varint (signed, 64 bits) and the position behind it."""
    value = shift = 0
    while True:
        byte = buffer[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return (value - (1 << 64) if value >> 63 else value), position
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _numbers(buffer: Buffer, span: Span) -> Iterator[int]:
    position, stop = span
    while position < stop:
        value, position = _number(buffer, position)
        yield value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(buffer: Buffer, span: Span) -> str:
    return bytes(buffer[span[0] : span[1]]).decode(errors="replace")
