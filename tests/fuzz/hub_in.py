"""What a hub answers: listings, files, refusals and redirections, all of them lies."""

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import huggingface_hub
from huggingface_hub import constants
from models_in import _layout
from spoil import NAMES, as_json, changed, spoiled

from desk.models import hub
from desk.models.catalogue import Entry, Variant

constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True  # whoever runs this may be logged in, which is nobody's business

REPO, GRAPH = "someone/tiny", "onnx/model_q4.onnx"
STATUSES = (
    200,
    200,
    200,
    200,
    206,
    204,
    301,
    302,
    307,
    400,
    401,
    403,
    404,
    408,
    410,
    416,
    418,
    429,
    500,
    502,
    503,
    599,
)
HEADERS = (
    *(("Retry-After", value) for value in ("0", "-1", "nan", "inf", "soon", "1e999", "9" * 400)),
    *(("X-Error-Code", code) for code in ("EntryNotFound", "RepoNotFound", "RevisionNotFound", "GatedRepo", "x")),
    *(
        ("Location", where)
        for where in ("/", "//", "file:///etc/passwd", "http://[", "ftp://x/", "http://x/" + "y" * 9999)
    ),
    *(("Content-Encoding", how) for how in ("gzip", "br", "zstd", "x")),
    *(("Content-Length", size) for size in ("0", "-1", "1", "99999999999999999999")),
    *(("Content-Type", kind) for kind in ("application/json", "text/html; charset=x", "text/plain; charset=utf-16")),
    *(("Content-Range", "bytes 0-0/1"), ("X-Error-Message", "\u00e9" * 2000), ("Set-Cookie", "a=b; Max-Age=x")),
)
WANTED = Entry(
    name="tiny",
    title="Tiny",
    licence="Apache-2.0",
    repo=REPO,
    precisions=("q4",),
    variants={"q4": Variant(providers=("cpu",), path=GRAPH)},
)


@cache
def _client() -> Any:
    """The library that huggingface_hub speaks HTTP with: which one, depends on its version."""
    return importlib.import_module(hub._ClientError.__module__.partition(".")[0])


def replies(chance: Random, folder: Path) -> object:
    """A whole fetch from a hub whose every answer may be a lie; the transport alone is not the real one."""
    files = dict(_layout("js-llama")) | {chance.choice(NAMES): b"hostile", f"onnx/{chance.choice(NAMES)}": b"hostile"}
    client = _client()

    def answer(request: Any) -> Any:
        honest = chance.randrange(3) > 0
        if not honest and chance.randrange(4) == 0:
            raise _broken(client, chance)(f"{chance.choice(NAMES)}")
        status = 200 if honest else chance.choice(STATUSES)
        headers = [] if honest else [_header(*chance.choice(HEADERS)) for _ in range(chance.randrange(3))]
        name = next((name for name in files if request.url.path.endswith(f"/{name}") and name), None)
        content = as_json(_listing(chance, files)) if name is None else files[name]
        return client.Response(status, headers=headers, content=content if honest else _lied(chance, content))

    with _speaking(client, answer):
        return hub.fetch(WANTED, "q4", lambda *_: None)


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode(), value.encode()


def _lied(chance: Random, content: bytes) -> Any:
    match chance.randrange(4):
        case 0:
            return content
        case 1:
            return spoiled(chance, content)
        case 2:
            return content + content
        case _:
            return iter([content[: len(content) // 2]])


def _listing(chance: Random, files: dict[str, bytes]) -> object:
    siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
    listing = {"id": REPO, "modelId": REPO, "sha": "c0ffee" * 6 + "beef", "tags": [], "siblings": siblings}
    return changed(chance, listing, 3) if chance.randrange(3) == 0 else listing


def _broken(client: Any, chance: Random) -> type[Exception]:
    names = ("ConnectError", "ReadTimeout", "RemoteProtocolError", "ReadError", "ProxyError", "DecodingError")
    return getattr(client, chance.choice(names))


class _speaking:
    """Has the library speak over `answer` in a block, without pauses."""

    def __init__(self, client: Any, answer: Callable[[Any], Any]) -> None:
        self._transport = client.MockTransport(answer)
        self._client = client
        self._kept = (hub.WAITS_S, hub.LONGEST_WAIT_S, hub.precision_for)

    def __enter__(self) -> None:
        made = {"event_hooks": {"request": []}, "follow_redirects": True, "transport": self._transport}
        huggingface_hub.set_client_factory(lambda: self._client.Client(**made))
        hub.WAITS_S, hub.LONGEST_WAIT_S, hub.precision_for = (0.0, 0.0), 0.0, lambda *_: "q4"

    def __exit__(self, *_: object) -> None:
        hub.WAITS_S, hub.LONGEST_WAIT_S, hub.precision_for = self._kept
        huggingface_hub.set_client_factory(huggingface_hub.utils._http.default_client_factory)
