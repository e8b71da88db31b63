"""The System view on a real plant: what is set is in force and in the file at once, and what is told is so."""

import json
import socket
import sys
import tomllib
from itertools import cycle

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from desk.doctor.examination import NAMES, SUBJECTS, Check, Diagnosis
from desk.facts import places
from desk.facts.tiers import Tariff
from desk.models.contacts import contacted
from desk.panel.furniture import Label
from desk.panel.heartbeat import Heartbeat
from desk.panel.numbers import Numbers
from desk.panel.system import about
from desk.panel.system.checkup import Checkup, report
from desk.panel.system.options import GROUPS, OFFERED, hours
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant import settings
from desk.plant.plant import Plant
from desk.plant.settings import Settings, Watts

PATIENCE_MS = 60_000
OPTIONS = [option for _, options in GROUPS for option in options]


@pytest.fixture
def page(factory, qtbot):
    """The view, opened as its key would, on a factory whose tariff is known."""
    window, heartbeat = factory
    qtbot.waitUntil(lambda: len(heartbeat.books.ledger.standing.tiers) == 2, timeout=PATIENCE_MS)
    heartbeat.refresh()
    window.visit("system")
    yield window.view
    window.theme.choose(text_size=100)


@pytest.fixture
def quiet(application):
    """The view of a factory that has not opened: no child is needed to look at what is here."""
    window = Window("live", Theme("dark"))
    Heartbeat(window, Plant(()))
    window.show()
    window.visit("system")
    yield window.view
    window.theme.choose(text_size=100)
    window.close()
    window.deleteLater()


@pytest.fixture
def form(page):
    page.turn_to("Settings")
    return page.form


@pytest.fixture
def sheet(quiet):
    """The settings alone."""
    quiet.turn_to("Settings")
    return quiet.form


def saved():
    return tomllib.loads(places.settings_file().read_text())


def type_in(qtbot, form, path, text):
    field = form.rows[path].control
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def choose(form, path, words):
    box = form.rows[path].control
    place = box.findText(words)
    assert place >= 0
    box.setCurrentIndex(place)
    box.activated.emit(place)


# ---- settings


def test_all_that_can_be_set_is_offered_once_and_is_not_too_much():
    paths = [option.path for option in OPTIONS]
    assert len(set(paths)) == len(paths) <= 30
    assert set(Settings.__struct_fields__) >= OFFERED
    by_hour = (*[0.25] * 6, *[0.38] * 16, *[0.25] * 2)
    full = Settings(watts=Watts(idle=20, busy=65.5), tariff=Tariff(dollars_per_kwh_by_hour=by_hour))
    for option in OPTIONS:
        if option.kind in ("number", "watts", "hours") and option.of(full) is not None:
            assert option.into(full, option.read(option.write(full))) == full


def test_hours_that_make_no_day_are_refused():
    slips = {
        "6 0.38": "begin with 0",
        "0 0.2; 0 0.3": "and rise",
        "0 0.2; 24 1": "23 at most",
        "0.25": "is not an hour",
    }
    for text, words in slips.items():
        with pytest.raises(ValueError, match=words):
            hours(text)


def test_a_number_is_in_force_and_in_the_file_at_once_and_undo_takes_it_back(page, form, qtbot):
    standing = page.desk.books.ledger.standing
    type_in(qtbot, form, "tariff.dollars_per_kwh", "0,25")
    qtbot.waitUntil(lambda: standing.tariff.dollars_per_kwh == 0.25, timeout=PATIENCE_MS)
    assert saved()["tariff"]["dollars_per_kwh"] == 0.25
    type_in(qtbot, form, "tariff.dollars_per_kwh_by_hour", "0 0.25; 6 0,38")
    qtbot.waitUntil(lambda: standing.tariff.dollars_per_kwh_by_hour[5:7] == (0.25, 0.38), timeout=PATIENCE_MS)
    assert len(saved()["tariff"]["dollars_per_kwh_by_hour"]) == 24
    choose(form, "tariff.currency", "EUR, €")
    qtbot.waitUntil(lambda: page.desk.window.shown.currency == "EUR", timeout=PATIENCE_MS)
    assert page.desk.numbers.unit("$/h") == "€/h"
    type_in(qtbot, form, "budget.joules", "2")
    qtbot.waitUntil(lambda: standing.budget.joules == 7200, timeout=PATIENCE_MS)
    type_in(qtbot, form, "watts", "20, 65")
    assert saved()["watts"] == {"idle": 20.0, "busy": 65.0, "assumed": False}
    for _ in range(5):
        form.undo.click()
    qtbot.waitUntil(lambda: standing.tariff.dollars_per_kwh == 0.31, timeout=PATIENCE_MS)
    assert settings.load()[0] == Settings()
    assert not form.undo.isEnabled()


def test_a_choice_reaches_whoever_goes_by_it_and_reset_can_be_undone(page, form, qtbot):
    window, plant = page.desk.window, page.desk.source
    choose(form, "theme", "Light")
    form.rows["high_contrast"].control.click()
    type_in(qtbot, form, "text_size", "125")
    choose(form, "fahrenheit", "°F")
    choose(form, "binary_bytes", "GiB, by 1024")
    choose(form, "window_s", "15 min")
    choose(form, "smooth_s", "10 s")
    choose(form, "provider", "CPU only")
    type_in(qtbot, form, "warmup_s", "5")

    def in_force():
        theme, numbers, footer = window.theme, window.numbers, window.footer
        look = theme.choice, theme.high_contrast, theme.text_size, footer.span_s, footer.smooth_s
        return *look, numbers.with_unit(45.0, "°C"), numbers.bytes(2.0**31), plant.provider, plant.warmup_s

    wanted = ("light", True, 125, 900.0, 10.0, "113 °F", "2.0 GiB", "cpu", 5.0)
    assert in_force() == wanted
    assert window.runbar.limits.warmup_s == 5.0
    settings.keep(preset="mixed-precisions")
    form.refresh()
    form.reset.click()
    assert in_force()[:3] == ("auto", False, 100)
    assert settings.load()[0] == Settings(preset="mixed-precisions")
    assert not form.reset.isEnabled()
    form.undo.click()
    assert in_force() == wanted


def test_a_value_that_cannot_be_stays_with_a_sentence_until_esc(sheet, qtbot):
    row = sheet.rows["text_size"]
    type_in(qtbot, sheet, "text_size", "300")
    assert row._message.text() == "▲ Text size: it must lie between 90 and 200. Esc takes it back."
    assert (row.control.text(), settings.load()[0].text_size) == ("300", 100)
    qtbot.keyClick(row.control, Qt.Key.Key_Escape)
    assert (row.control.text(), row._message.isVisible()) == ("100", False)
    row._refuse("What takes more than a line. " * 12)
    message = row._message
    qtbot.waitUntil(lambda: message.height() >= message.heightForWidth(message.width()) > 20, timeout=PATIENCE_MS)
    type_in(qtbot, sheet, "watts", "65, 20")
    assert "not two numbers of watts" in sheet.rows["watts"]._message.text()
    type_in(qtbot, sheet, "budget.joules", "-1")
    assert "out of range" in sheet.rows["budget.joules"]._message.text()


def test_settings_are_found_by_any_of_their_words(sheet, qtbot):
    def found():
        return [path for path, row in sheet.rows.items() if row.isVisibleTo(sheet)]

    qtbot.keyClicks(sheet.search, "price kwh")
    assert found() == ["tariff.dollars_per_kwh", "tariff.dollars_per_kwh_by_hour"]
    sheet.search.setText("budget")
    assert found() == ["budget.joules", "budget.dollars", "budget.seconds"]
    sheet.search.setText("nothing of the kind")
    assert not found()
    assert sheet.none.isVisible()
    sheet.search.clear()
    assert len(found()) == len(OPTIONS)


def test_a_broken_file_is_named_with_line_and_field_and_left_alone_until_it_is_mended(sheet):
    text = "theme = 'light'\n\n[tariff]\n# of the site\npue = 0.5\n"
    places.settings_file().write_text(text)
    sheet.refresh()
    assert "line 5: tariff.pue is 0.5, but must lie between 1 and" in sheet.trouble.text()
    assert not any(row.isEnabled() for row in sheet.rows.values())
    places.settings_file().write_text(text.replace("0.5", "1.25"))
    sheet.refresh()
    assert not sheet.trouble.isVisible()
    assert sheet.rows["tariff.pue"].control.text() == "1.25"


def test_labels_follow_a_change_of_theme(quiet, application):
    window = quiet.desk.window
    for part, choice in zip(quiet.parts, cycle(("light", "dark"))):
        quiet.turn_to(part)
        application.processEvents()
        window.theme.choose(choice)
        application.processEvents()
        for label in (*quiet.findChildren(Label), *window.runbar.findChildren(Label)):
            wanted = window.theme.colour(label._token)
            assert label.palette().windowText().color() == wanted, (part, label.text())


# ---- the check-up

SCRIPT = """
import json, sys, time
for line in json.loads(sys.argv[1]):
    print(line if isinstance(line, str) else json.dumps(line), flush=True)
if sys.argv[2] == "hang":
    time.sleep(600)
sys.exit(f"the doctor fainted" if sys.argv[2] == "dies" else 0)
"""

FAILED = Check(
    id="gpu.driver",
    name=NAMES["gpu.driver"],
    status="fail",
    cause="The NVIDIA driver is 470.82, and CUDA 13 needs 580 or newer.",
    remedy="Install NVIDIA driver 580 or newer, and restart the machine.",
)
SKIPPED = [
    Check(id=name, name=NAMES[name], status="skipped", cause="The card cannot be reached.")
    for name in ("gpu.libraries", "gpu.opens")
]


def lines(*found):
    import msgspec

    return [msgspec.to_builtins(each) if not isinstance(each, str) else each for each in found]


@pytest.fixture
def checkup(application, qtbot):
    """A check-up by a doctor who follows a script."""

    def made(found, then="leaves"):
        def argv(*_):
            return [sys.executable, "-c", SCRIPT, json.dumps(found), then]

        part = Checkup(Theme("dark"), Numbers(), argv)
        qtbot.addWidget(part)
        part.show()
        part.run.click()
        return part

    return made


def test_checks_are_listed_as_they_are_told_and_a_report_can_be_copied(checkup, qtbot, home):
    whole = Diagnosis(verdict="degraded", exit=1, checks=(FAILED, *SKIPPED))
    part = checkup(lines("a native library's words", FAILED, *SKIPPED, whole))
    qtbot.waitUntil(lambda: part.found is not None, timeout=PATIENCE_MS)
    said = [row.accessibleName() for row in part._rows]
    assert said[0] == f"GPU: driver and card: failed. {FAILED.cause} {FAILED.remedy}"
    assert said[1:] == ["GPU: 2 checks: skipped. The card cannot be reached."]
    part.copy.click()
    text = QGuiApplication.clipboard().text()
    assert text == report(whole, Numbers())
    assert FAILED.remedy in text
    assert str(home) not in text


def test_a_doctor_who_dies_is_told_and_can_be_asked_again(checkup, qtbot):
    part = checkup(lines(FAILED), "dies")
    qtbot.waitUntil(lambda: part.run.text() == "Check again", timeout=PATIENCE_MS)
    assert part.verdict.text() == "The check-up ended without a verdict. the doctor fainted"
    assert [check.id for check in part.checks] == ["gpu.driver"]
    assert not part.copy.isEnabled()


def test_a_check_up_is_called_off_with_its_process(checkup, qtbot):
    part = checkup(lines(FAILED), "hang")
    qtbot.waitUntil(lambda: len(part.checks) == 1, timeout=PATIENCE_MS)
    assert part.words.text() == f"1 of {len(NAMES)} checks"
    # The others wait below and above it, each with what it will look at.
    assert [row.check.id for row in part._rows] == list(NAMES) == list(SUBJECTS)
    said = {row.check.id: row.accessibleName() for row in part._rows}
    assert said["gpu.driver"].startswith("GPU: driver and card: failed.")
    assert said["folder"] == f"Data folder and settings: not yet. {SUBJECTS['folder']}"
    part.run.click()
    assert part.verdict.text() == "The check-up was called off."


@pytest.mark.live
def test_the_real_doctor_names_the_state_of_this_machine(quiet, qtbot):
    quiet.checkup.run.click()
    qtbot.waitUntil(lambda: quiet.checkup.found is not None, timeout=2 * PATIENCE_MS)
    assert {check.id for check in quiet.checkup.found.checks} == set(NAMES)
    gpu = next(row.check for row in quiet.checkup._rows if row.check.id == "gpu.driver")
    assert gpu.cause
    assert gpu.remedy or gpu.status == "ok"


# ---- network, storage, about


def test_every_host_is_listed_and_who_listens_is_looked_at(quiet):
    quiet.turn_to("Network")
    network = quiet.network
    assert "Nothing here listens" in network.words.text()
    assert "No host was ever contacted." in network.words.text()
    for why in ("fetching one", "fetching another"):
        contacted("hub.example", why)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        network.refresh()
        assert f"Something listens on port {listening.getsockname()[1]}." in network.words.text()
    assert [row[:3] for row in network.table.rows] == [("hub.example", "fetching another", "2")]


def test_what_models_and_recordings_take_is_told(quiet):
    folder = places.models_dir() / "some-model"
    folder.mkdir()
    (folder / "weights").write_bytes(bytes(2_000_000))
    (places.runs_dir() / "a.jsonl.gz").write_bytes(bytes(1_000_000))
    quiet.turn_to("Storage")
    assert quiet.storage.table.rows == (
        ("some-model", "models/some-model", "2.0 MB"),
        ("1 recording", "runs", "1.0 MB"),
    )
    assert quiet.storage.words.text().startswith("3.0 MB in ")


def test_all_that_the_program_is_made_of_is_listed_with_its_terms(quiet):
    quiet.turn_to("About")
    found = {part.name: part for part in about.parts()}
    assert quiet.about.list.count() == len(found)
    for name, words in (
        ("Token Desk", "Apache License"),
        ("Inter, font", "SIL OPEN FONT LICENSE"),
        ("Lucide, icons", "ISC License"),
        ("PySide6_Essentials", "GNU LESSER GENERAL PUBLIC LICENSE"),
        ("numpy", "Copyright"),
        ("msgspec", "Redistribution"),
    ):
        assert words.lower() in found[name].text.lower(), name
        assert found[name].licence != "not told"
    quiet.about.list.setCurrentRow(1)
    assert "Open Font License" in quiet.about.text.toPlainText()
