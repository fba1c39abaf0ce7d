"""Paper 2, for those who list papers: its number, title, experiments and labels."""

from qhelpers.runs.papers import Paper

PAPER = Paper(
    number="2",
    title="Threat detection",
    experiments={
        "threats-twin": "twin_check",
        "threats-scale": "full_scale",
        "threats-scores": "scores",
        "threats-variants": "variants",
        "threats-learning": "learning",
        "threats-alarms": "alarms",
        "threats-data": "data",
        "threats-settings": "settings",
        "threats-equations": "equations",
        "threats-literal": "literal",
        "threats-leaks": "leaks",
        "threats-smells": "smell_check",
        "threats-at-work": "at_work",
    },
    labels={"pure-hqml": "Pure-HQML", "wustl_iiot_999": "999 flows", "ton_iot_modbus": "Modbus readings"},
    answer="answer",
)
