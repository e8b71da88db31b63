"""What a picture tells: one moment of a run, taken from its books once and painted as often as wanted."""

from dataclasses import dataclass

from desk.exports.imprint import Imprint, imprint
from desk.exports.privacy import Veil
from desk.facts.figures import FIGURES
from desk.facts.trouble import Trouble
from desk.lineage import Lineage, lineage
from desk.panel.books import Books
from desk.panel.charts.setting import Setting, Stretch, StripSpec
from desk.panel.charts.specs import FLOOR, SHORTEST_SPAN_S
from desk.panel.furniture import WINDOWS_MIN
from desk.panel.look import look, setting_of
from desk.panel.numbers import MINUS, Numbers
from desk.panel.shown import Mode, Shown, Value
from desk.panel.statusline import badge_words
from desk.panel.words import tr

SMOOTH_S = 3.0
"""Curves are means over so many seconds, whatever is chosen in a window."""
CHARTS = {spec.figure: spec for spec in FLOOR}
COUNTS = (
    *(tr("no tiers"), tr("one tier"), tr("two tiers"), tr("three tiers")),
    *(tr("four tiers"), tr("five tiers"), tr("six tiers"), tr("seven tiers")),
)


@dataclass(frozen=True)
class Scene:
    """`figure` is what one card or one chart shows, `stretch` the time that charts show."""

    books: Books
    shown: Shown
    imprint: Imprint
    veil: Veil
    setting: Setting
    stretch: Stretch
    figure: str
    numbers: Numbers

    @property
    def mode(self) -> str:
        """LIVE, or REPLAY and the date."""
        return badge_words(self.shown)

    @property
    def value(self) -> Value:
        """The figure of one card."""
        return self.values[self.figure]

    @property
    def values(self) -> dict[str, Value]:
        return {value.key: value for value in self.shown.values}

    @property
    def spec(self) -> StripSpec:
        """The strip of one chart."""
        return CHARTS[self.figure]

    @property
    def span(self) -> str:
        """The seconds of the charts in words: `5 min`."""
        return self.numbers.ago(-self.stretch.span).removeprefix(MINUS)

    def lineages(self) -> list[Lineage]:
        """Where the headline figures come from, of the whole and of each tier."""
        ledger, board = self.books.ledger, self.books.board
        ages = self.books.ages()
        keys = [key for key in self.values if key in FIGURES]
        found = [lineage(key, ledger, board, moment=self.books.moment, ages=ages) for key in keys]
        for tier in ledger.standing.tiers:
            tiered = (key for key in keys if FIGURES[key].tiers)
            found += [lineage(key, ledger, board, tier, moment=self.books.moment, ages=ages) for key in tiered]
        return found


def scene(
    books: Books,
    *,
    mode: Mode = "replay",
    figure: str = "",
    stretch: Stretch | None = None,
    kind: str = "floor",
) -> Scene:
    """One moment of these books; without a `stretch`, the shortest window that holds the run.

    Raises `Trouble` for a figure that no card, or no chart, shows.
    """
    numbers = Numbers(currency=books.ledger.standing.currency)
    if stretch is None:
        stretch = Stretch(books.board.end, whole_span(books.board.end))
    shown = look(books, numbers, mode=mode, window_s=max(stretch.span, 60.0))
    known = {value.key for value in shown.values} if kind == "value" else set(CHARTS)
    figure = figure or "tokens_per_second"
    if kind in ("value", "chart", "chart-table") and figure not in known:
        raise Trouble(
            tr("There is no card of {figure}.", figure=figure)
            if kind == "value"
            else tr("There is no chart of {figure}.", figure=figure),
            tr("Choose {known}.", known=", ".join(sorted(known))),
        )
    ledger = books.ledger
    setting = setting_of(books, shown, stretch.span, SMOOTH_S)
    return Scene(
        books, shown, imprint(ledger, books.board.end), Veil(ledger.standing), setting, stretch, figure, numbers
    )


def whole_span(seconds: float) -> float:
    """What a picture shows of a run of that length: all of it, up to the longest window of the charts."""
    return min(60.0 * WINDOWS_MIN[-1], max(SHORTEST_SPAN_S, seconds))
