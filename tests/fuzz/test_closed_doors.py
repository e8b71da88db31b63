"""What the program never does: run what it reads, or listen to anybody."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "desk"
FILES = sorted(PACKAGE.rglob("*.py"))

PROGRAMS = {"pickle", "cPickle", "dill", "shelve", "marshal", "joblib", "cloudpickle", "code", "codeop", "runpy"}
LISTENERS = {"socketserver", "http.server", "xmlrpc", "asyncio", "wsgiref", "flask", "fastapi", "uvicorn", "aiohttp"}
RUNNING = {"eval", "exec", "compile", "__import__", "execfile"}
LISTENING = {"listen", "create_server", "start_server", "serve_forever", "QTcpServer", "QUdpSocket"}
SHELL = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}

SINGLE_INSTANCE = PACKAGE / "panel" / "instance.py"
"""A local socket that only this user reaches: a second launch raises the window of the first."""


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(tree):
    """The names of what is called, with what they are called on, and the calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield f"{ast.unparse(node.func.value)}.{node.func.attr}", node


def found_in(source, path=None):
    """The doors that a module opens."""
    tree = ast.parse(source)
    modules = {name for full in imported(tree) for name in (full, full.partition(".")[0])}
    doors = {f"imports {name}" for name in modules if name in PROGRAMS | LISTENERS}
    for name, node in called(tree):
        listens = name.rpartition(".")[2] in LISTENING and path != SINGLE_INSTANCE
        if listens or name in RUNNING | SHELL or {word.arg for word in node.keywords} & {"allow_pickle", "shell"}:
            doors.add(f"calls {ast.unparse(node)}")
    return doors


def test_no_module_runs_what_it_reads_or_listens():
    assert len(FILES) > 100
    doors = {path.relative_to(PACKAGE): found_in(path.read_text(encoding="utf-8"), path) for path in FILES}
    assert {path: found for path, found in doors.items() if found} == {}


def test_the_doors_are_found():
    for source in (
        "import pickle",
        "from http.server import HTTPServer",
        "eval('1')",
        "exec(x)",
        "server.listen(5)",
        "import socket; socket.create_server(('', 80))",
        "import numpy as np; np.load(f, allow_pickle=True)",
        "import subprocess; subprocess.run('ls', shell=True)",
        "import os; os.system('ls')",
    ):
        assert found_in(source), source
    assert found_in("server.listen('name')", SINGLE_INSTANCE) == set()


def test_chat_templates_run_in_the_sandbox_alone():
    naming = [path for path in FILES if "jinja2" in path.read_text(encoding="utf-8")]
    users = [
        path for path in naming if any(name.startswith("jinja2") for name in imported(ast.parse(path.read_text())))
    ]
    assert [path.relative_to(PACKAGE).as_posix() for path in users] == ["models/text.py"]
    assert "ImmutableSandboxedEnvironment" in users[0].read_text()
