"""Paper 1, for those who list papers: its number, title, experiments, labels and questions."""

from qhelpers.runs.papers import Paper, Question

NETWORKS = {"qnn-p": "QNN-P (PennyLane)", "qnn-q": "QNN-Q (Qiskit)", "qnn-h": "QNN-H (hybrid)"}


def _question(text: str, table: str, data: str) -> Question:
    return Question(
        text,
        claims={name: f"1.{table}.{model}.accuracy" for model, name in NETWORKS.items()},
        control="one threshold on one sensor",
        experiment="low-energy",
        config={"model": "one-threshold", "data": data, "regime": "300+300"},
    )


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
    questions=(
        _question("Is the room occupied?", "T1", "occupancy"),
        _question("Is the GPS tracker under attack?", "T2", "ton_iot_gps"),
    ),
    answer="answer",
    live="live",
    note="Scores are on balanced test sets, where guessing gives 0.5.",
)
