"""What the claims of every paper rest on is run, and what is small is recorded in full."""

import pytest

from qhelpers import ledger
from qhelpers.ledger.evidence import Evidence
from qhelpers.ledger.predicates import terms
from qhelpers.runs import experiment
from qhelpers.runs.papers import papers

PAPERS = {paper.number: paper for paper in papers()}
every_paper = pytest.mark.parametrize("number", PAPERS)
#: Experiments that hold all that claims ask of them, by paper, or the others, which are recorded layer by layer.
SMALL = {
    "2": {"threats-data", "threats-equations", "threats-literal", "threats-settings"},
    "3": set(PAPERS["3"].experiments)
    - {"useful-life-qaql", "useful-life-baselines", "useful-life-bins", "useful-life-cost", "useful-life-network"},
    "4": {"bearings-settings", "bearings-equations"},
}
#: Where nothing is drawn more than three times.
THREE = ("2", "4")


def wanted(number):
    """Experiment, config and metric of each measurement that a claim names, the claim, and whether the config is a model's.

    Where the paper says what the records call a model, that stands in the place of its name.
    """
    book = ledger.paper(number)
    for claim in book.claims:
        own = claim.measured_by or {}
        if claim.awaits or not own:
            continue
        asked = [(own["experiment"], own["config"], claim.metric)] if claim.kind == "number" else []
        for predicate in claim.predicates:
            asked += [(predicate.get("experiment", own["experiment"]), dict(one.config), one.metric) for one in terms(predicate)]
        for name, config, metric in asked:
            name = name if claim.kind == "number" else book.experiment(config, name)
            model = book.models.get(config.get("model"), {})
            config = {key: value for key, value in config.items() if not (model and key == "model")} | model
            yield name, config, metric.removesuffix("_sd"), claim.id, bool(model)


@every_paper
def test_what_measures_a_claim_is_run(number):
    named = list(wanted(number))
    assert {name for name, *_ in named} <= set(PAPERS[number].experiments)
    grids = {name: [config for config, _ in experiment.get(name).grid("laptop")] for name, *_ in named}
    for name, config, _, claim, of_model in named:
        run = [one for one in grids[name] if all(one.get(key) == value for key, value in config.items())]
        assert run, (claim, name, config)
        # a model of paper 4 is one config, so that its seeds are its own
        assert len(run) == 1 or not (of_model and number == "4"), (claim, config)


@pytest.mark.parametrize("number", SMALL)
def test_small_experiments_hold_all_that_claims_ask_of_them(number):
    records, asked = Evidence(), set()
    for name, config, metric, claim, _ in wanted(number):
        if name in SMALL[number]:
            n_seeds = len(records.sample(name, config, metric).seeds)
            assert n_seeds == 3 if number in THREE else n_seeds >= 3, (claim, config, metric)
            asked.add(name)
    assert asked == SMALL[number] or number not in THREE
