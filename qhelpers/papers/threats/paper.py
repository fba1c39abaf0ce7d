"""Paper 2, for those who list papers: its number, title, experiments and labels."""

from qhelpers.runs.papers import Paper

PAPER = Paper(
    number="2",
    title="Threat detection",
    experiments={"threats-twin": "twin_check", "threats-scale": "full_scale", "threats-at-work": "at_work"},
    labels={"pure-hqml": "Pure-HQML"},
)
