"""One quantity is one number on every page: what pages show of a (model, data, regime, metric) is collected and compared."""

import ast
import re
from collections import defaultdict

import pytest

from qhelpers import chapter, ledger
from qhelpers.ledger import shown
from qhelpers.ledger.evidence import Evidence
from qhelpers.papers.low_energy import answer


def collected(*pages):
    """Every marked value of some pages: the texts that were shown for each thing measured."""
    found = defaultdict(set)
    for page in pages:
        for of, text in shown.marked(page):
            found[of].add(text)
    return found


def typed(value):
    """An entry of a config as it was before it was written into a mark: a number, a truth value, or a text."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


@pytest.fixture
def tables(monkeypatch):
    """What the chapters' tables of verdicts show of all results."""
    markups = []
    monkeypatch.setattr(chapter, "_show", lambda markup, plain: markups.append(markup))
    page = chapter.start("1.6", profile="quick", source="twin", seed=0)
    results = [claim.id for claim in ledger.claims("1") if claim.sort == "results"]
    page.verdicts(*results, caption="all")
    scores = [page.score("low-energy", data=data, regime="300+300", **config) for data in answer.TASKS for config in MODELS]
    return ["".join(markups), "".join(scores), "".join(ledger.answer("1"))]


MODELS = [*answer.NETWORKS.values(), *answer.CLASSICAL.values(), *answer.SIMPLE.values()]


def test_every_page_shows_one_number_for_one_quantity(front, board, tables):
    rows = board.verdicts()
    answers = "".join(map(front.of_paper, front.papers()))
    pages = [answers, board.table(rows), *tables]
    found = collected(*pages)
    assert len(found) > 100
    assert {of: texts for of, texts in found.items() if len(texts) > 1} == {}
    evidence = Evidence()
    for of, (text,) in found.items():
        experiment, *entries, metric = of.split("; ")
        config = dict(entry.split("=", 1) for entry in entries)
        numbers = {name: typed(value) for name, value in config.items()}
        found_in = [evidence.sample(experiment, one, metric).values for one in (config, numbers)]
        values = next(values for values in found_in if len(values))
        # what experiments call a value is a setting, a count or a number of parameters
        spread = values.std(ddof=1) if len(values) > 1 else None
        counted = {shown.told(values.mean(), spread, "setting")} if metric == "value" else set()
        assert text in {shown.rounded(values.mean())} | counted, of
    both = collected(answers).keys() & collected(board.table(rows)).keys()
    assert len(both) >= 2, "the front page and the scoreboard show no quantity together; nothing was compared"


def test_a_page_that_rounds_in_another_way_is_found():
    one = shown.mark("0.964", "low-energy; model=qnn-h; accuracy")
    other = shown.mark("96.3 %", "low-energy; model=qnn-h; accuracy")
    assert collected(one, other) == {"low-energy; model=qnn-h; accuracy": {"0.964", "96.3 %"}}
    assert shown.mark("<1", "") == "&lt;1"


def test_the_answer_follows_the_records(monkeypatch):
    """What the three sentences say changes when a network is best."""
    plain = " ".join(re.sub("<[^>]+>", "", one) for one in answer.sentences())
    assert "Does the quantum part help? No:" in plain and "What to use instead? In the room" in plain
    real = answer.sample

    def better(experiment, metric="accuracy", **config):
        found = real(experiment, metric, **config)
        gain = 0.2 if config["model"] == "qnn-q" and config["data"] == "ton_iot_gps" else 0.0
        return found._replace(values=found.values + gain)

    monkeypatch.setattr(answer, "sample", better)
    changed = " ".join(re.sub("<[^>]+>", "", one) for one in answer.sentences())
    assert "QNN-Q on the tracker is clearly ahead of the best classical model" in changed
    assert "is clearly above all of the nine" in changed


@pytest.mark.parametrize(
    ("value", "text"), [(0.8794, "0.879"), (9.9996, "10.000"), (33.249, "33.2"), (-12.34, "-12.3"), (0, "0.000")]
)
def test_a_large_number_needs_fewer_decimals(value, text):
    assert shown.rounded(value) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("45% of the runs", "45% of the runs"),
        ("a share of $97.3 \\pm 0.21\\%$", "a share of 97.3 ±0.21%"),
        ('weights, $\\lambda_1 = 0.55$"', 'weights, λ_1 = 0.55"'),
        ("= $0.05/9 = 5%", "= 0.05/9 = 5%"),
    ],
)
def test_a_paper_that_is_typeset_is_quoted_in_plain_words(text, words):
    assert shown.plain(text) == words
