"""Paper 4, for those who list papers: its number, title, experiments and labels."""

from qhelpers.runs.papers import Paper

PAPER = Paper(
    number="4",
    title="Bearing faults",
    experiments={
        "bearings-data": "data",
        "bearings-settings": "settings",
        "bearings-equations": "equations",
        "bearings-rule": "rule",
        "bearings-lines": "lines",
        "bearings-images": "images",
        "bearings-network": "network",
        "bearings-lambda": "weights",
        "bearings-comparison": "comparison",
        "bearings-statistics": "statistics",
        "bearings-splits": "splits",
        "bearings-unseen": "unseen",
        "bearings-transfer": "transfer",
        "bearings-questions": "questions",
        "bearings-inside": "inside",
        "bearings-ranking": "ranking",
        "bearings-edge": "edge",
        "bearings-detection": "detection",
    },
    labels={"qeml-net": "QEML-Net"},
    answer="answer",
)
