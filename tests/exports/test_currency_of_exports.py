import pytest

from desk.exports.receipt import markdown, priced, receipt
from desk.exports.report import report
from desk.exports.table import dollars
from desk.facts.currency import sign, unit
from desk.facts.happened import TariffChanged
from desk.facts.tiers import Tariff
from desk.ledger.ledger import Ledger


@pytest.mark.parametrize(
    ("code", "money", "rate"), [("USD", "$12.50", "$/h"), ("EUR", "€12.50", "€/h"), ("CHF", "CHF 12.50", "CHF/h")]
)
def test_money_is_written_in_the_currency_of_the_run(code, money, rate):
    assert (dollars(12.5, code), unit("$/h", code)) == (money, rate)


def test_what_is_no_code_has_the_sign_of_any_currency():
    assert (sign("SEK"), sign("<b>")) == ("SEK", "¤")


def test_pages_of_a_run_in_euros_have_no_dollar():
    ledger = Ledger()
    ledger.post(TariffChanged(t=0.0, tariff=Tariff(currency="EUR")))
    told = receipt(ledger, "")
    assert told["currency"] == "EUR"
    for page in (markdown(told), report(ledger)):
        assert "€" in page
        assert "$" not in page


def test_a_price_by_the_hour_stands_on_the_receipt_in_place_of_the_flat_one():
    ledger = Ledger()
    prices = (0.125, *[0.25] * 22, 0.5)
    ledger.post(TariffChanged(t=0.0, tariff=Tariff(dollars_per_kwh_by_hour=prices, pue=1.5)))
    told = receipt(ledger, "")
    assert told["tariff"]["usd_per_kwh_by_hour"] == list(prices)
    assert priced(told) == "at 0.125 to 0.5 $/kWh by the hour × 1.5 PUE, assumed"
