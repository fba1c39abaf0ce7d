"""The front page says what the records say, whichever way these go, and leaves nobody with "most claims hold"."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from qhelpers.ledger.ingredients import Ingredient
from qhelpers.verdicts import VERDICTS


def one(says, paper="1", control="none", what="a circuit", **more):
    ends = {"ahead": (1.0, 3.0), "behind": (-3.0, -1.0), "open": (-1.0, 1.0)}
    low, high = ends[says]
    p = 0.9 if says == "open" else 1e-9
    return Ingredient(what, control, "a task", "accuracy", (low + high) / 2, low, high, 20, p=p, paper=paper, **more)


def text(markup):
    return re.sub("<[^>]+>", "", markup)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (["behind", "open", "open"], "Not that we could see. 3 times"),
        (["ahead", "open", "open"], "Not that we could see. 3 times"),
        (["ahead", "ahead", "ahead"], "Here and there. 3 times"),
    ],
)
def test_whether_it_helps_is_counted(front, found, said):
    rows = [one(says) for says in found] + [
        replace(one("ahead", what="another"), n=3, p=float("nan")),
        one("ahead", classical=False),
    ]
    told = text(front.helps(rows))
    assert said in told and f"clearly better in {front.told(found.count('ahead'))}," in told
    rest = f"; in the other {front.told(found.count('open'))} we could not tell." if "open" in found else "."
    assert told.endswith(f"clearly worse in {front.told(found.count('behind'))}{rest}")
    assert ". Once we put something classical" in text(front.helps([one("open")]))


def test_where_it_helps_is_a_part_and_all_rivals_count(front):
    assert "Nowhere that we found" in front.where([one("open"), one("behind")])
    some = [one("ahead", "3", "softmax"), one("behind", "3", "any bin"), one("open")]
    told = text(front.where(some))
    assert "Only in Part 3 (remaining useful life), and there another classical choice does as well." in told
    assert "Nowhere did it beat everything" in told
    told = text(front.where([one("ahead", "3", "softmax", "an annealer"), one("ahead", "3", "any bin", "an annealer")]))
    assert told.endswith("In Part 3 (remaining useful life): ahead of all that we put in its place is an annealer.")


def test_the_three_sentences_of_the_records_fit_a_screen(front):
    answer = front.answer()
    assert answer.count("<p>") == 3 and len(text(answer).split()) < 100
    for paper in front.papers():
        assert paper.instead(), "each paper that is answered says what to use instead"
        assert paper.instead() in answer


@pytest.fixture
def rows():
    """Verdicts that a ledger could give: in paper 1 a result holds, settings hold, and a rival was printed too low."""
    from qhelpers import ledger

    claims = ledger.claims("1")
    results = [claim.id for claim in claims if claim.sort == "results"]
    rival = next(claim.id for claim in claims if claim.sort == "results" and claim.of.get("model") == "lda")
    settings = [claim.id for claim in claims if claim.sort == "counts and settings"]

    def verdict(of, says, sort):
        return SimpleNamespace(id=of, paper="1", verdict=says, sort=sort, reconstructed=False)

    found = [verdict(results[0], "holds", "results"), verdict(results[1], "falls short", "results")]
    return [*found, verdict(rival, "exceeded", "results"), *(verdict(of, "holds", "counts and settings") for of in settings[:5])]


def test_what_holds_is_said_plainly(front, rows):
    told = text(front.holding(rows))
    assert "3 of the 3 measured values that the papers print could be checked: 1 holds, 0 more under some readings" in told
    assert "Of all 6 claims that hold, 5 are settings" in told
    assert "1 came out better than printed; 1 of these is of rivals that the papers compare theirs with." in told
    assert told.endswith("what was set, not what came of it.")
    assert "Of all 1 claim that holds, 0 are settings" in text(front.holding(rows[:3]))
    rows[-1].reconstructed = True
    assert text(front.holding(rows)).endswith("it. 1 is a formula that we rebuilt.")


def test_bars_are_of_measured_values_alone(front, rows):
    markup = front.bars(rows)
    assert "Part 1, Low-energy IoT: 1 of 3 holds" in text(markup)
    assert "Part 2, Threat detection: none could be judged" in text(markup)
    shares = [int(share) for share in re.findall(r"--qh-share:(\d+)", markup)]
    assert sum(shares) == 3 and all(name in VERDICTS for name in re.findall(r'title="(.*?): \d', markup))


def test_the_circuit_of_the_front_page_is_a_recorded_one(front):
    import json

    from qhelpers.papers.low_energy.live import front as markup
    from qhelpers.runs import records

    shown = markup()
    assert shown in front.live() and len(shown) < 20_000
    given = json.loads(re.search(r'data-brief><script type="application/json">(.*?)</script>', shown)[1].replace("<\\/", "</"))
    (task,) = given["tasks"]
    assert "train" not in task and list(task["formulas"]) == ["chain", "ring"]
    for kind, formula in task["formulas"].items():
        wanted = {"model": "qnn-p", "data": "occupancy", "regime": "300+300", "entangler": kind}
        runs = records.select(records.measured("low-energy"), **wanted)
        run = next(run for run in runs if run.id == formula["record"])
        scores = [each.metrics["accuracy"] for each in runs]
        assert (
            np.mean(np.array(scores) <= run.metrics["accuracy"]) >= 0.5 and f"{run.metrics['accuracy']:.3f}" in formula["about"]
        )
