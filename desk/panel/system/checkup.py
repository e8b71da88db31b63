"""The check-up: the doctor in a process of its own, its checks as they are done, and a report to copy."""

from collections.abc import Callable, Sequence
from itertools import groupby

import msgspec
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desk import __version__
from desk.doctor.examination import NAMES, SUBJECTS, Check, Diagnosis
from desk.panel.bars import paint_rule
from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.system.table import Scrolled
from desk.panel.theme import MARGIN, Theme, font, scaled
from desk.panel.words import plural, tr
from desk.plant.children import command, environment
from desk.plant.machine import this_machine

SIGNS = {
    "ok": ("✓", tr("fine"), "soft"),
    "warn": ("▲", tr("warning"), "warn"),
    "fail": ("■", tr("failed"), "bad"),
}
"""The sign, the word and the colour of how a check went."""
SKIPPED = ("–", tr("skipped"), "mut")
WAITING = ("○", tr("not yet"), "mut")
SAID = tuple(f"{sign} {word}" for sign, word, _ in (*SIGNS.values(), SKIPPED, WAITING))
VERDICTS = {
    "fine": tr("Fine: the factory runs here."),
    "degraded": tr("The factory runs here, with what is marked."),
    "unusable": tr("The factory does not run here: see what failed."),
}
BEFORE = tr("Can this machine be trusted with what it shows?")
UNCHECKED = plural("Not checked yet: {n} check.", "Not checked yet: {n} checks.", len(NAMES))
INVITED = tr("The check-up takes half a minute and much of the machine, so a run that is on will feel it.")
LOST = tr("The check-up ended without a verdict.")
END_MS = 2000
"""How long a check-up that is called off may take to end its own children."""


class Examination(QObject):
    """One visit to the doctor, in a child: `told` hears each check, `ended` the diagnosis, or why there is none."""

    told = Signal(object)
    ended = Signal(object)

    def __init__(self, argv: Callable[..., list[str]] = command, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._diagnosis: Diagnosis | None = None
        self._process = QProcess(self)
        surroundings = QProcessEnvironment()
        for name, value in environment().items():
            surroundings.insert(name, value)
        self._process.setProcessEnvironment(surroundings)
        self._process.readyReadStandardOutput.connect(self._hear)
        self._process.finished.connect(self._end)
        self._process.errorOccurred.connect(self._fail)
        self._argv = argv("doctor", "--lines")

    def start(self) -> None:
        program, *arguments = self._argv
        self._process.start(program, arguments)

    def call_off(self) -> None:
        """End it, and all that it has started."""
        self._process.blockSignals(True)
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.terminate()
            if not self._process.waitForFinished(END_MS):
                self._process.kill()
                self._process.waitForFinished(END_MS)

    def _hear(self) -> None:
        while self._process.canReadLine():
            line = self._process.readLine().data()
            try:
                found = msgspec.json.decode(line)
                if "verdict" in found:
                    self._diagnosis = msgspec.convert(found, Diagnosis)
                else:
                    self.told.emit(msgspec.convert(found, Check))
            except (msgspec.DecodeError, TypeError):
                continue  # a native library's words

    def _fail(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            cause = tr("It could not be started: {cause}.", cause=self._process.errorString())
            self.ended.emit(f"{LOST} {cause}")

    def _end(self) -> None:
        self._hear()
        words = bytes(self._process.readAllStandardError().data()).decode(errors="replace").strip().splitlines()
        self.ended.emit(self._diagnosis or " ".join([LOST, *words[-1:]]))


def report(found: Diagnosis, numbers: Numbers) -> str:
    """The diagnosis as text for others. It names no user, no computer and no folder."""
    lines = [VERDICTS[found.verdict], *machine_words(numbers), ""]
    wide = max(map(len, SAID)) + 1
    for check in found.checks:
        sign, word, _ = SIGNS.get(check.status, SKIPPED)
        lines.append(f"{f'{sign} {word}':<{wide}} {check.name}: {check.cause}".rstrip())
        if check.remedy:
            lines.append(f"{'':<{wide}} → {check.remedy}")
    return "\n".join([*lines, ""])


def machine_words(numbers: Numbers) -> tuple[str, str]:
    """What is checked, in two lines."""
    machine = this_machine()
    software = f"Token Desk {__version__}", f"Python {machine.python}", machine.system
    cores = plural("{n} core", "{n} cores", machine.cores)
    memory = tr("{size} of memory", size=numbers.bytes(machine.memory_bytes))
    return " · ".join(software), " · ".join((machine.processor, cores, memory))


def grouped(checks: Sequence[Check]) -> list[Check]:
    """The checks as they are listed: what was skipped for one reason stands on one line, with its number."""
    listed = []
    for shared, group in groupby(checks, key=_shared):
        same = list(group)
        if shared and len(same) > 1:
            where = same[0].name.partition(":")[0]
            many = plural("{n} check", "{n} checks", len(same))
            listed.append(msgspec.structs.replace(same[0], name=f"{where}: {many}"))
        else:
            listed += same
    return listed


def _shared(check: Check) -> str | None:
    """What skipped checks that belong on one line have in common; `None` for all others."""
    return f"{check.id.partition('.')[0]} {check.cause}" if check.status == "skipped" and check.cause else None


class Checkup(QWidget):
    """Runs the check-up when asked to, and lists what it finds as it finds it."""

    def __init__(self, theme: Theme, numbers: Numbers, argv: Callable[..., list[str]] = command) -> None:
        super().__init__()
        self._theme, self._numbers, self._argv = theme, numbers, argv
        self._examination: Examination | None = None
        self._checks: list[Check] = []
        self._rows: list[Row] = []
        self.found: Diagnosis | None = None
        area = Scrolled(theme, tr("Checks"))
        self.verdict = Label(theme, BEFORE, 16, 600)
        self.verdict.setWordWrap(True)
        self.words = Label(theme, f"{UNCHECKED} {INVITED}", 12, token="mut")
        self.words.setWordWrap(True)
        self.run = QPushButton(tr("Check now"))
        self.run.setProperty("strong", True)
        self.run.clicked.connect(self._toggle)
        self.copy = QPushButton(tr("Copy report"))
        self.copy.setToolTip(tr("As text; it names no user, no computer and no folder"))
        self.copy.setEnabled(False)
        self.copy.clicked.connect(self._copy)
        body = QWidget()
        self._list = QVBoxLayout(body)
        self._list.setContentsMargins(0, 0, MARGIN, 0)
        self._list.setSpacing(0)
        self._list.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.verdict)
        words.addWidget(self.words)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addLayout(words, 1)
        head.addWidget(self.run)
        head.addWidget(self.copy)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(12)
        page.addLayout(head)
        area.hold(body)
        page.addWidget(area, 1)
        self.setFocusProxy(self.run)
        self._show()

    @property
    def checks(self) -> list[Check]:
        """What has been told of the last check-up."""
        return self._checks

    def _toggle(self) -> None:
        if self._examination is not None:
            self.call_off()
            self._say(tr("The check-up was called off."), INVITED)
            return
        self._checks, self.found = [], None
        self._show()
        self.copy.setEnabled(False)
        self.run.setText(tr("Call off"))
        self._say(tr("Looking at this machine …"), _so_far(0))
        self._examination = Examination(self._argv, self)
        self._examination.told.connect(self._hear)
        self._examination.ended.connect(self._end)
        self._examination.start()

    def call_off(self) -> None:
        """End a check-up that is on."""
        if self._examination is not None:
            self._examination.call_off()
            self._leave()

    def _leave(self) -> None:
        if self._examination is not None:
            self._examination.deleteLater()
            self._examination = None
        self.run.setText(tr("Check again"))

    def _hear(self, check: Check) -> None:
        self._checks.append(check)
        self._say(self.verdict.text(), _so_far(len(self._checks)))
        self._show()

    def _end(self, found: Diagnosis | str) -> None:
        self._leave()
        if isinstance(found, str):
            self._say(found, INVITED)
            return
        self.found, self._checks = found, list(found.checks)
        self._say(VERDICTS[found.verdict], "\n".join(machine_words(self._numbers)))
        self.copy.setEnabled(True)
        self._show()

    def _say(self, verdict: str, words: str) -> None:
        self.verdict.setText(verdict)
        self.words.setText(words)

    def _copy(self) -> None:
        if self.found is not None:
            QGuiApplication.clipboard().setText(report(self.found, self._numbers))

    def _show(self) -> None:
        """List the checks that were told and, until there is a diagnosis, those that were not; rows that say the same
        already stay."""
        told = {check.id: check for check in self._checks}
        if self.found is None:
            listed = [told.get(name) or Check(id=name, name=NAMES[name], status="skipped") for name in NAMES]
        else:
            listed = self._checks
        kept = {row.check: row for row in self._rows}
        self._rows = [kept.pop(check, None) or Row(self._theme, check) for check in grouped(listed)]
        for row in kept.values():
            self._list.removeWidget(row)
            row.deleteLater()
        for place, row in enumerate(self._rows):
            if self._list.indexOf(row) != place:
                self._list.insertWidget(place, row)


def _so_far(done: int) -> str:
    return plural("{done} of {n} check", "{done} of {n} checks", len(NAMES), done=done)


class Row(QWidget):
    """One check: how it went, what it is, what was found, and what to do about it. One of which nothing was found yet
    says what it looks at."""

    def __init__(self, theme: Theme, check: Check) -> None:
        super().__init__()
        self.check = check
        self._theme = theme
        sign, word, token = SIGNS.get(check.status, SKIPPED if check.cause else WAITING)
        cause = check.cause or SUBJECTS[check.id]
        self._sign = Label(theme, f"{sign} {word}", 12, 600 if check.status in ("warn", "fail") else 400, token)
        self._name = Label(theme, check.name, 13, 500)
        self._name.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._wrapped(cause, 400, "mut" if check.status == "skipped" else "text"))
        if check.remedy:
            words.addWidget(self._wrapped(f"→ {check.remedy}", 600 if check.status in ("warn", "fail") else 400))
        words.addStretch(1)
        row = QHBoxLayout(self)
        air = 7 if check.cause else 5  # all that wait are seen at once
        row.setContentsMargins(0, air, 0, air + 1)
        row.setSpacing(12)
        for label in (self._sign, self._name):
            column = QVBoxLayout()
            column.addWidget(label)
            column.addStretch(1)
            row.addLayout(column)
        row.addLayout(words, 1)
        self.setAccessibleName(f"{check.name}: {word}. {cause} {check.remedy}".strip())
        theme.changed.connect(self._measure)
        self._measure()

    def _wrapped(self, text: str, weight: int, token: str = "text") -> Label:
        label = Label(self._theme, text, 13, weight, token)
        label.setWordWrap(True)
        return label

    def _measure(self) -> None:
        metrics = QFontMetrics(font(12, 600))
        self._sign.setFixedWidth(max(scaled(76), *(metrics.horizontalAdvance(each) + 1 for each in SAID)))
        self._name.setFixedWidth(scaled(176))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_rule(painter, self._theme, 0, self.height() - 1, self.width())
        painter.end()
