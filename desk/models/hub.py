"""The door to the Hugging Face hub: finished graphs of the catalogue, fetched file by file into the store.

huggingface_hub knows the addresses, the tokens and what the hub's answers mean; `HF_ENDPOINT`, `HF_TOKEN` and
`HF_HUB_OFFLINE` work as its users know them. The bytes are received here: its own downloads begin anew after a crash,
while these go on where they were cut, are hashed as they come, and say how they do.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, cast

import msgspec
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from desk import __version__
from desk.facts.trouble import Trouble
from desk.models.archives import place_of
from desk.models.catalogue import Entry, Variant
from desk.models.claims import alone
from desk.models.contacts import contacted
from desk.models.disk import require_room, written
from desk.models.foreign.layout import describe
from desk.models.manifest import FileStamp
from desk.models.partial import Digest, Plan, Wanted, forget_plan, growing, plan_in
from desk.models.store import MISMATCH, Mismatch, Origin, Report, folder_of, note, part_of, precision_for, variant_of

TIMEOUT_S = 20.0
WAITS_S = (0.5, 1.0, 2.0, 4.0)
"""The pauses before trying a broken connection again; after the last one without a new byte the fetch is given up."""

LONGEST_WAIT_S = 60.0
"""How long a hub that says it is busy is waited for, where it names a time."""

_CHUNK = 1 << 18
_TICK_S = 0.05
_PASSING = (408, 429, 500, 502, 503, 504)
"""Answers that may be others a moment later."""

_BESIDE = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "README.md",
    "LICENSE",
    "LICENSE.txt",
)
"""What a graph needs beside it to be served, and to be known by."""

_NEVER = (".py", ".bin", ".pt", ".pth", ".pkl", ".pickle", ".h5", ".msgpack", ".safetensors")
"""Programs, pickles and other programs' weights that may lie in the folder of a graph."""

_NO_LISTING = (msgspec.ValidationError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes of a listing that the hub never wrote: the library takes it for what it should be."""

# Neither what else is installed nor what runs this is anybody's business.
constants.HF_HUB_DISABLE_TELEMETRY = True

# The errors of the library's own client, whichever it is in this version.
_ClientError = cast(type[Exception], HfHubHTTPError.__bases__[0])


def fetch(wanted: Entry, precision: str, report: Report) -> Path:
    """Fetch a variant of `wanted` (empty: the catalogue's first) into the store; gives its folder.

    Goes on with what an earlier fetch has left. Raises `Trouble` for a hub that cannot be reached or refuses, a disk
    without room, and for a file that is not what it must be; what was fetched until then is kept.
    """
    if not wanted.repo:
        raise Trouble(f"{wanted.title} is built here, not fetched.", f"Build it: desk models build {wanted.name}")
    precision = precision_for(wanted.name, precision, "auto")
    folder = folder_of(wanted.name, precision)
    part = part_of(folder)
    with (
        written(folder.parent, wanted.title),
        alone(folder, f"{wanted.title} in precision {precision} is being fetched already"),
        _explained(wanted),
        _noted(f"fetching {wanted.name}"),
    ):
        plan = _plan(wanted, variant_of(wanted, precision), part, report)
        require_room(part, plan.bytes - plan.here(part), f"{wanted.title} in precision {precision}")
        stamps = _receive_all(plan, part, report)
        note(part, Origin(repo=plan.repo, revision=plan.revision, files=stamps, wall=time.time()))
        forget_plan(part)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    describe(folder)  # what cannot run stays, and is told
    return folder


# ---- what to fetch


def _plan(wanted: Entry, variant: Variant, part: Path, report: Report) -> Plan:
    """What an earlier fetch set out to get, or what the hub has to offer now."""
    begun = plan_in(part)
    if begun is not None and begun.repo == wanted.repo and wanted.revision in ("main", begun.revision):
        return begun
    report("asking the hub", 0, None)
    try:
        found = HfApi(library_name="token-desk", library_version=__version__).model_info(
            wanted.repo, revision=wanted.revision, files_metadata=True, timeout=TIMEOUT_S
        )
        plan = Plan(
            repo=wanted.repo,
            revision=msgspec.convert(found.sha or wanted.revision, str),
            files=tuple(_chosen(wanted, variant, found.siblings or ())),
        )
        msgspec.json.encode(plan)  # halves of characters cannot be written down
    except _NO_LISTING as error:
        raise _unreadable(error) from error
    if part.exists():  # of another revision
        shutil.rmtree(part)
    part.mkdir(parents=True)
    plan.write(part)
    return plan


def _chosen(wanted: Entry, variant: Variant, siblings: Iterable[Any]) -> Generator[Wanted]:
    """The files that make up a variant, the small ones first: what is missing among them is known early."""
    whole = variant.path if variant.path.endswith("/") else ""
    files = []
    for sibling in siblings:
        name = msgspec.convert(sibling.rfilename, str)
        inside = name.startswith(whole) if whole else re.fullmatch(rf"{re.escape(variant.path)}(_data(_\d+)?)?", name)
        if (inside or name in _BESIDE) and not name.endswith(_NEVER):
            place = str(place_of(name.removeprefix(whole) if inside else name, f"The repository {wanted.repo}"))
            known = variant.sha256.get(name) or (sibling.lfs.sha256 if sibling.lfs else "")
            said = {"bytes": sibling.size or 0, "sha256": known, "blob": sibling.blob_id or ""}
            files.append(msgspec.convert({"name": name, "place": place, **said}, Wanted))
    graphs = [file for file in files if file.place.endswith(".onnx")]
    if not graphs:
        cause = f"The repository {wanted.repo} has no {variant.path} at revision {wanted.revision}."
        raise Trouble(cause, "Its makers may have moved it; choose another precision or another model.")
    # A folder's own tokenizer counts, not the one of the repository's root.
    by_place = {file.place: file for file in sorted(files, key=lambda file: file.name.startswith(whole or "onnx/"))}
    yield from sorted(by_place.values(), key=lambda file: file.bytes)


# ---- receiving


class _Progress:
    """How far the whole fetch is, told as the bytes of one file."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total, self.before = report, total, 0

    def __call__(self, received: int) -> None:
        self._report("downloading", self.before + received, self._total)


def _receive_all(plan: Plan, part: Path, report: Report) -> dict[str, FileStamp]:
    """Have every file of the plan in its place; gives their stamps."""
    (part / MISMATCH).unlink(missing_ok=True)
    stamps, tell = {}, _Progress(report, plan.bytes)
    for file in plan.files:
        place, digest = part / file.place, Digest(file)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_file():
            digest.read(place, tell)
        else:
            _receive(plan, digest, growing(place), tell)
            growing(place).rename(place)
        if not digest.agrees:
            place.unlink()
            note(part, Mismatch(file=file.place, expected=file.sha256 or file.blob, found=digest.sha256))
            cause = f"The file {file.name} came with other content than {plan.repo} has: its hash is another one."
            raise Trouble(cause, "Get it again; if that does not help, something between here and the hub changes it.")
        stamps[file.place] = FileStamp(bytes=file.bytes, sha256=digest.sha256)
        tell.before += file.bytes
    tell(0)
    return stamps


def _receive(plan: Plan, digest: Digest, path: Path, tell: _Progress) -> None:
    """Receive one file into `path`, going on behind what is there; `digest` takes it in."""
    wanted = digest.wanted
    url = hf_hub_url(plan.repo, wanted.name, revision=plan.revision)
    headers = build_hf_headers(library_name="token-desk", library_version=__version__) | {"Accept-Encoding": "identity"}
    path.touch()
    digest.read(path, tell)
    if digest.bytes > wanted.bytes:
        path.write_bytes(b"")
        digest.reset()
    tries = 0
    while digest.bytes < wanted.bytes:
        had, wait = digest.bytes, 0.0
        try:
            _stream(url, headers, path, digest, tell)
            if digest.bytes == had:
                raise Trouble(f"The hub sends nothing of {wanted.name}.", "Try again later.")
        except _ClientError as error:
            if isinstance(error, HfHubHTTPError):
                if error.response.status_code not in _PASSING:
                    raise
                wait = _asked_for(error)
            tries = 0 if digest.bytes > had else tries + 1
            if tries > len(WAITS_S):
                raise
            _pause(max(wait, WAITS_S[max(tries, 1) - 1]), tell, digest.bytes)


def _stream(url: str, headers: dict[str, str], path: Path, digest: Digest, tell: _Progress) -> None:
    """Receive the rest of a file, or all of it again where the hub does not go on in the middle."""
    ranged = {"Range": f"bytes={digest.bytes}-"} if digest.bytes else {}
    with (
        path.open("ab") as sink,
        get_session().stream("GET", url, headers=headers | ranged, timeout=TIMEOUT_S) as response,
    ):
        if response.status_code >= 400:
            response.read()  # the reason stands in the body
        try:
            hf_raise_for_status(response)
        except (AttributeError, TypeError, ValueError) as error:  # the body of a refusal is read, too
            raise _unreadable(error) from error
        if digest.bytes and response.status_code != 206:
            sink.truncate(0)
            digest.reset()
        for chunk in response.iter_bytes(_CHUNK):
            sink.write(chunk)
            digest.update(chunk)
            tell(digest.bytes)
            if digest.bytes > digest.wanted.bytes:
                break  # more than there can be: it is not what was wanted
        sink.flush()
        os.fsync(sink.fileno())


def _pause(seconds: float, tell: _Progress, received: int) -> None:
    """Wait, and ask again and again whether anybody still wants it: whoever cancels does not wait for the hub."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tell(received)
        time.sleep(_TICK_S)


def _asked_for(error: HfHubHTTPError) -> float:
    """The seconds that the hub asks to wait, 0 where it names none."""
    try:
        return min(LONGEST_WAIT_S, float(error.response.headers.get("Retry-After", 0)))
    except ValueError:
        return 0.0


# ---- the hub's answers in words


@contextlib.contextmanager
def _noted(why: str) -> Generator[None]:
    """Have every host noted before it is spoken to, those that the hub sends on to included."""
    hooks, met = get_session().event_hooks["request"], set()

    def notice(request: Any) -> None:
        host = request.url.host
        if host not in met:
            met.add(host)
            contacted(host, why)

    hooks.append(notice)
    try:
        yield
    finally:
        hooks.remove(notice)


@contextlib.contextmanager
def _explained(wanted: Entry) -> Generator[None]:
    """Put what the hub refuses, and what stands between here and it, into words."""
    page = f"{constants.ENDPOINT}/{wanted.repo}"
    host = constants.ENDPOINT.partition("//")[2]
    kept = "What has been fetched is kept; get it again to go on."
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise Trouble("HF_HUB_OFFLINE forbids to contact the hub.", "Unset it, or import the model.") from error
    except GatedRepoError as error:
        cause = f"{wanted.title} is gated: its makers want their licence ({wanted.licence}) accepted first."
        raise Trouble(cause, f"Accept it at {page}, log in with: hf auth login, then get it again.") from error
    except RevisionNotFoundError as error:
        cause = f"The repository {wanted.repo} has no revision {wanted.revision} any more."
        raise Trouble(cause, "Choose another model.") from error
    except RemoteEntryNotFoundError as error:
        raise Trouble(
            f"A file of {wanted.title} is gone from {page}.", "Remove what is here, then get it again."
        ) from error
    except RepositoryNotFoundError as error:
        cause = f"The hub has no repository {wanted.repo}, or shows it only to those who log in."
        raise Trouble(cause, f"Look at {page}; if it wants a login: hf auth login, then get it again.") from error
    except HfHubHTTPError as error:
        raise _refused(error, wanted, page, kept) from error
    except _ClientError as error:
        words = str(error) or type(error).__name__
        raise Trouble(f"The hub {host} cannot be reached: {words}.", f"Check the network. {kept}") from error


def _unreadable(error: Exception) -> Trouble:
    words = f"The hub's answer is not what a hub answers: {type(error).__name__}."
    return Trouble(words, "Try again later; if that does not help, something between here and the hub changes it.")


def _refused(error: HfHubHTTPError, wanted: Entry, page: str, kept: str) -> Trouble:
    status = error.response.status_code
    if status in (401, 403):
        cause = f"The hub refuses {wanted.title} to this login (HTTP {status})."
        return Trouble(cause, f"Look at {page} for what it asks, log in with: hf auth login, then get it again.")
    if status == 429:
        seconds = _asked_for(error)
        when = f"{seconds:.0f} seconds" if seconds else "a few minutes"
        return Trouble("The hub has had too many requests from here (HTTP 429).", f"Try again in {when}. {kept}")
    if status == 404:
        return Trouble(f"The hub has no file of {wanted.title} at {page} (HTTP 404).", "Choose another precision.")
    if status >= 500:
        return Trouble(f"The hub has trouble of its own (HTTP {status}).", f"Try again later. {kept}")
    return Trouble(f"The hub answers with HTTP {status} to the request for {wanted.title}.", kept)
