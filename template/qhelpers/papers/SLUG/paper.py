"""Paper NUMBER, for those who list papers: its number, title, experiments and labels."""

from qhelpers.runs.papers import Paper

PAPER = Paper(
    number="NUMBER",
    title="TITLE",
    experiments={"NAME-toy": "toy"},
    labels={"qubit": "one qubit", "two-thresholds": "two thresholds"},
)
