"""Paper 1, for those who list papers: its number, title, experiments and labels."""

from qhelpers.runs.papers import Paper

NETWORKS = {"qnn-p": "QNN-P (PennyLane)", "qnn-q": "QNN-Q (Qiskit)", "qnn-h": "QNN-H (hybrid)"}

PAPER = Paper(
    number="1",
    title="Low-energy IoT",
    experiments={
        "low-energy": "tables",
        "protocols": "protocols",
        "splits": "honest_splits",
        "energy": "costs",
        "exploration": "exploration",
        "picking": "picking",
        "frameworks": "frameworks",
        "noise": "noise_in_testing",
        "noise-training": "noise_in_training",
        "noise-mitigation": "noise_mitigation",
        "learning-curves": "learning_curves",
        "draws": "draws",
        "equations": "equations",
    },
    labels=NETWORKS | {"occupancy": "Is the room occupied?", "ton_iot_gps": "Is the GPS tracker under attack?"},
    answer="answer",
    live="live",
)
