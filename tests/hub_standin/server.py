"""The stand-in: serves one repository at one commit, and sends large files from another host, as the real hub does.

What it is asked for is kept in `requests` as (path, first byte asked for). `fault` is set by tests between requests.
"""

import hashlib
import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" * 6 + "beef"
LARGE = 64 << 10
"""From this size on a file is kept beside git, under its SHA-256."""


@dataclass
class Fault:
    """What goes wrong with requests for paths that end in `path`, `times` times.

    `status` is answered at once, with `headers`. Else the file is sent, but cut after `cut` bytes, held back after
    `hold` bytes until the hub is released, with its byte at `flip` changed, or, with `whole`, from its beginning
    whatever was asked for.
    """

    path: str = ""
    times: int = 1 << 30
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    hold: int | None = None
    flip: int | None = None
    whole: bool = False


class Hub:
    """The running stand-in; `url` is what HF_ENDPOINT names. Use it in a `with` block."""

    def __init__(self, repo, files):
        self.repo, self.files = repo, files
        self.fault = Fault(times=0)
        self.requests = []
        self.released = threading.Event()
        self.holding = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def elsewhere(self):
        """The same machine under another name: the client takes it for another host."""
        return f"http://localhost:{self._server.server_port}"

    def asked(self, end):
        """The first bytes that were asked for of the file whose path ends so."""
        return [start for path, start in self.requests if path.endswith(end) and path.startswith("/elsewhere")]

    def listing(self):
        return {
            "id": self.repo,
            "modelId": self.repo,
            "sha": COMMIT,
            "tags": [],
            "downloads": 0,
            "private": False,
            "siblings": [self._sibling(name, content) for name, content in self.files.items()],
        }

    def _sibling(self, name, content):
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        found = {"rfilename": name, "size": len(content), "blobId": blob}
        if len(content) >= LARGE:
            digest = hashlib.sha256(content).hexdigest()
            found["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
        return found

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = unquote(urlsplit(self.path).path)
            match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(match.group(1)) if match else 0
            hub.requests.append((path, start))
            fault = hub.fault if hub.fault.times > 0 and path.endswith(hub.fault.path) else Fault()
            redirected = path.startswith(f"/{hub.repo}/") and len(self.content(path) or b"") >= LARGE
            if fault is hub.fault and not (redirected and not fault.status):
                hub.fault.times -= 1
            if fault.status:
                return self.answer(fault.status, b"{}", fault.headers)
            if path == f"/api/models/{hub.repo}/revision/main":
                return self.answer(200, json.dumps(hub.listing()).encode(), [("Content-Type", "application/json")])
            content = self.content(path)
            if content is None:
                return self.answer(404, b"{}", [("X-Error-Code", "EntryNotFound")])
            if redirected:
                return self.answer(302, b"", [("Location", f"{hub.elsewhere}/elsewhere{path}")])
            return self.send_file(content, start, fault)

        def content(self, path):
            prefix = f"/{hub.repo}/resolve/{COMMIT}/"
            path = path.removeprefix("/elsewhere")
            return hub.files.get(path.removeprefix(prefix)) if path.startswith(prefix) else None

        def send_file(self, content, start, fault):
            if fault.flip is not None:
                content = content[: fault.flip] + bytes([content[fault.flip] ^ 1]) + content[fault.flip + 1 :]
            start = 0 if fault.whole else start
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            stop = min((at for at in (fault.cut, fault.hold) if at is not None), default=len(content))
            self.write(content[start : max(start, stop)])
            if fault.hold is not None:
                hub.holding.set()
                hub.released.wait()
                self.write(content[max(start, stop) :])
            if fault.cut is not None:
                self.close_connection = True

        def write(self, chunk):
            try:
                self.wfile.write(chunk)
                self.wfile.flush()
            except OSError:
                self.close_connection = True  # whoever asked is gone

        def answer(self, status, body, headers):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.write(body)

        def log_message(self, *_):
            pass

    return Handler
