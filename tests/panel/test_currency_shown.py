"""A window names all money in the currency of its run: what it paints, what its labels say, and what is read aloud."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QComboBox, QLabel, QTableView, QWidget

from desk.facts.happened import TariffChanged
from desk.facts.tiers import Tariff
from desk.panel.capture import picture_of
from desk.panel.heartbeat import Heartbeat
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant import settings
from desk.plant.plant import Plant
from desk.plant.presets import Preset
from desk.plant.settings import Settings


@pytest.fixture
def said(monkeypatch):
    """All that is painted by hand."""
    told = []
    draw = QPainter.drawText

    def spy(painter, *where):
        told.append(str(where[-1]))
        return draw(painter, *where)

    monkeypatch.setattr(QPainter, "drawText", spy)
    return told


@pytest.fixture
def desk(application, home, told):
    """A window with a run in dollars, 1 minute old, of a factory that has not opened: (window, heartbeat)."""
    window = Window("live", Theme("dark"), (1600, 900))
    heartbeat = Heartbeat(window, Plant(()))
    for fact in told(source="nvml-counter", stopped=False):
        heartbeat.books.post(fact)
    tiers = tuple(heartbeat.books.ledger.standing.tiers.values())
    cheap = msgspec.structs.replace(tiers[0], price=msgspec.structs.replace(tiers[0].price, output=0.125))
    heartbeat.edits.origin = Preset(name="cheap", title="Cheap", note="", tiers=(cheap, *tiers[1:]))
    window.show()
    heartbeat.refresh()
    heartbeat.charts.run.refresh_all()
    yield window, heartbeat
    window.close()
    window.deleteLater()


def words(window, painted):
    """All words of the page that is seen, one on each line, painted, written and spoken."""
    painted.clear()
    picture_of(window, 1.0)
    told = list(painted)
    for part in window.findChildren(QWidget):
        told += [part.accessibleName(), part.accessibleDescription(), part.toolTip()]
        if isinstance(part, QLabel):
            told.append(part.text())
        if isinstance(part, QComboBox):
            told.append(part.currentText())
        if isinstance(part, QTableView) and part.model() is not None:
            told += cells(part)
    return "\n".join(told)


def cells(table):
    model = table.model()
    for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
        for column in range(model.columnCount()):
            yield str(model.headerData(column, Qt.Orientation.Horizontal, role))
            for row in range(min(model.rowCount(), 40)):
                yield str(model.index(row, column).data(role))


def test_a_run_in_euros_shows_no_dollars_anywhere(desk, said):
    window, heartbeat = desk
    before = words(window, said)
    assert "$/Mtok" in before
    assert "dollars per hour" in before
    assert "€" not in before
    settings.save(Settings(tariff=Tariff(currency="EUR")))
    heartbeat.books.post(TariffChanged(t=heartbeat.books.moment, tariff=Tariff(currency="EUR")))
    heartbeat.refresh()
    heartbeat.charts.run.refresh_next()
    heartbeat.charts.run.refresh_all()
    window.floor.open_tier(window.shown.tiers[0].tier.name)
    heartbeat.charts.run.toggle_tables()
    window.runbar.ask_limits()
    floor = words(window, said)
    window.visit("tiers")
    tiers = words(window, said)
    window.visit("system")
    window.view.turn_to("Settings")
    system = words(window, said)
    for seen in (floor, tiers, system):
        assert "€" in seen
        left = [line for line in seen.split("\n") if "$" in line or "dollar" in line.lower()]
        assert not left
    for wanted in ("€/Mtok", "€/h", "€/kWh", "€ implied", "euros per hour", "Implied revenue by tier"):
        assert wanted in floor
    assert "</b> €/Mtok" in tiers
    assert "EUR, €" in system


def test_a_lineage_names_the_currency_of_the_run(desk):
    window, heartbeat = desk
    heartbeat.books.post(TariffChanged(t=heartbeat.books.moment, tariff=Tariff(currency="CHF")))
    heartbeat.refresh()
    for key in ("energy_cost_per_mtok", "revenue_per_hour"):
        window.lineage.show_figure(key)
        text = window.lineage.text()
        assert "CHF/" in text
        assert "$" not in text


def test_the_currency_is_a_setting_and_one_that_is_not_offered_still_shows(desk):
    window, _ = desk
    settings.save(Settings(tariff=Tariff(currency="SEK")))
    window.visit("system")
    window.view.turn_to("Settings")
    rows = window.view.form.rows
    box = rows["tariff.currency"].control
    assert (box.currentText(), box.currentData()) == ("SEK", "SEK")
    assert rows["tariff.dollars_per_kwh"]._unit.text() == "SEK/kWh"
    box.setCurrentIndex(box.findData("EUR"))
    box.activated.emit(box.currentIndex())
    assert settings.load()[0].tariff.currency == "EUR"
    assert rows["tariff.dollars_per_kwh"].control.accessibleName() == "Price of energy, euros per kilowatt hour"
