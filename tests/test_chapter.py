"""What every chapter starts with refuses wrong parameters and never passes a twin off as a measurement."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from qhelpers import chapter, ledger
from qhelpers.runs import records
from qhelpers.runs.records import RecordsError


@pytest.fixture
def shown(monkeypatch):
    pieces = []
    monkeypatch.setattr(chapter, "_show", lambda markup, plain: pieces.append(markup))
    return pieces


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"profile": "fast", "source": "twin", "seed": 0}, "profile 'fast' is unknown; allowed are: quick, laptop, paper"),
        ({"profile": "quick", "source": "fake", "seed": 0}, "source 'fake' is unknown; allowed are: twin, real"),
        ({"profile": "quick", "source": "twin", "seed": -1}, "seed -1; allowed is a whole number from 0"),
        ({"profile": "quick", "source": "twin", "seed": "0"}, "seed '0'; allowed"),
        ({"profile": "quick", "source": "twin", "seed": 1.5}, "seed 1.5; allowed"),
        ({"profile": "quick", "source": "twin", "seed": True}, "seed True; allowed"),
        ({"profile": "quick", "source": "twin", "seed": 2**32}, "allowed is a whole number from 0 to 4294967295"),
        ({"profile": "", "source": "twin", "seed": 0}, "profile '' is unknown; allowed are: quick, laptop, paper"),
        ({"profile": None, "source": "twin", "seed": 0}, "profile None is unknown"),
    ],
)
def test_wrong_parameters_say_what_is_allowed(shown, parameters, message):
    with pytest.raises(ValueError, match=message):
        chapter.start("1.1", **parameters)
    assert not shown


def test_the_banner_names_the_twin(shown):
    chapter.start("1.1", profile="quick", source="twin", seed=3)
    assert "none of their numbers is a measurement" in shown[0] and "seed 3" in shown[0]
    chapter.start("1.1", profile="quick", source="real", seed=3)
    assert "twin" not in shown[1]


def test_a_page_takes_records_on_real_data_only_and_stops_without(shown, monkeypatch, tmp_path, one_record):
    monkeypatch.setenv("QHELPERS_RECORDS", str(tmp_path))
    page = chapter.start("1.1", profile="quick", source="twin", seed=0)
    for number, changes in enumerate(({"source": "twin"}, {"profile": "quick"})):
        records.append(replace(one_record, id=str(number), **changes), {}, tmp_path)
    with pytest.raises(RecordsError, match=r"python -m qhelpers\.runs run trial --profile laptop --source real"):
        page.recorded("trial")
    records.append(replace(one_record, id="9"), {}, tmp_path)
    assert [r.id for r in page.recorded("trial", model="a")] == ["9"]
    assert list(page.frame("trial")["accuracy"]) == [0.5]
    assert "1 networks" in page.cost("trial", models=["a"])


def test_claims_come_from_the_ledger_with_a_link(shown):
    page = chapter.start("1.1", profile="quick", source="twin", seed=0)
    page.claims("1.T1.qnn-p.f1", caption="c")
    printed = ledger.claim("1.T1.qnn-p.f1").printed
    assert 'href="../scoreboard.html#1.T1.qnn-p.f1"' in shown[-1] and f">{printed}</td>" in shown[-1]
    assert page.printed("1.T1.qnn-p.f1") == printed == "0.95"
    assert page.printed("1.T9.nothing", missing_ok=True) is None
    with pytest.raises((KeyError, ValueError), match=r"1\.T9\.nothing"):
        page.printed("1.T9.nothing")


def test_twin_data_follow_the_seed(shown):
    pages = [chapter.start("1.1", profile="quick", source="twin", seed=seed) for seed in (0, 0, 1)]
    prints = [page.dataset("occupancy", n=500).fingerprint for page in pages]
    assert prints[0] == prints[1] != prints[2]


def test_the_foot_names_versions_and_seconds(shown, monkeypatch):
    page = chapter.start("1.1", profile="quick", source="twin", seed=0)
    monkeypatch.setattr(chapter, "time", SimpleNamespace(perf_counter=lambda: page._started + 7.4))
    page.finish()
    assert "Python 3" in shown[-1] and "numpy" in shown[-1] and "seed 0" in shown[-1]
    assert 'This run: <span class="qh-cost">7 s</span> after the imports, profile quick' in shown[-1]


def test_times_of_this_run_are_marked(shown):
    chapter.start("1.1", profile="quick", source="twin", seed=0).took("a step takes 3 ms & more")
    assert shown[-1] == '<p class="qh-cost">a step takes 3 ms &amp; more</p>'
