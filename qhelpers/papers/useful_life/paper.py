"""Paper 3, for those who list papers: its number, title, experiments and labels."""

from qhelpers.runs.papers import Paper

PAPER = Paper(
    number="3",
    title="Remaining useful life",
    experiments={
        "useful-life-data": "data",
        "useful-life-equations": "equations",
        "useful-life-settings": "settings",
        "useful-life-draws": "draws",
        "useful-life-qaql": "tables",
        "useful-life-maps": "maps",
        "useful-life-annealers": "annealers",
        "useful-life-tuning": "tuning",
        "useful-life-baselines": "baselines",
        "useful-life-epochs": "epochs",
        "useful-life-episodes": "episodes",
        "useful-life-intervals": "intervals",
        "useful-life-bins": "bins",
        "useful-life-network": "networks",
        "useful-life-cost": "cost",
        "useful-life-entropy": "entropy",
        "useful-life-maintenance": "maintenance",
        "useful-life-crew": "crew",
        "useful-life-trajectories": "trajectories",
    },
    labels={
        "qaql": "QAQL",
        "cmapss_fd001": "FD001",
        "cmapss_fd002": "FD002",
        "cmapss_fd003": "FD003",
        "cmapss_fd004": "FD004",
        "device_failure": "the fleet",
    },
    answer="answer",
)
