"""The words for what became of a claim, what each means and its colours: for the ledger, the figures, the board and its style."""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """What a verdict means, in a few words, and its colours: on light pages, on dark ones, and in figures that stand on both."""

    meaning: str
    light: str
    dark: str
    both: str


#: In the order of figures and tables.
VERDICTS = {
    "holds": Word("what was printed is what the method gives", "#007a5a", "#3fbf95", "#009E73"),
    "holds, for another reason": Word(
        "holds, and a control without the quantum part is as good or better", "#9a7400", "#d9b13c", "#E69F00"
    ),
    "holds under some readings": Word(
        "the text can be read in several ways, and it holds under some of them only", "#5b7f1f", "#a3c85f", "#8DB04A"
    ),
    "inconclusive": Word("the spread is too wide to have refuted it", "#7d8791", "#98a2ad", "#999999"),
    "exceeded": Word("printed too low: the method gives more", "#8a5a3c", "#c79a7b", "#B58863"),
    "falls short": Word("the method gives less than was printed", "#c64a00", "#f08a4b", "#E27434"),
    "implausible": Word("improbable if the printed numbers were honest measurements", "#b0527c", "#e49bbb", "#CB7BA0"),
    "cannot hold": Word("arithmetic forbids it, whatever was measured", "#7b2d86", "#c98ad3", "#A666B4"),
    "not measurable": Word("needs what is not at hand", "#a5adb5", "#77818b", "#7F9BB5"),
    "lost": Word("the number is missing in the text", "#c9ced3", "#56606a", "#BBBBBB"),
    "pending": Word("not yet run", "#e3e6e9", "#3c454e", "#BBBBBB"),
}

#: Each verdict as a verb, of one claim and of several.
VERBS = {
    "holds": ("holds", "hold"),
    "holds, for another reason": ("holds for another reason", "hold for another reason"),
    "holds under some readings": ("holds under some readings", "hold under some readings"),
    "inconclusive": ("is inconclusive", "are inconclusive"),
    "exceeded": ("was printed too low", "were printed too low"),
    "falls short": ("falls short", "fall short"),
    "implausible": ("is implausible", "are implausible"),
    "cannot hold": ("cannot hold", "cannot hold"),
    "not measurable": ("is not measurable", "are not measurable"),
    "lost": ("is lost", "are lost"),
    "pending": ("waits for runs", "wait for runs"),
}

#: What is said of a claim whose formula cannot be read.
REBUILT = "the formula is rebuilt: the printed one could not be read"


def slug(verdict: str) -> str:
    """A verdict as part of a name in the style sheet."""
    return verdict.replace(",", "").replace(" ", "-")


def style_sheet() -> str:
    """The colours as variables ``--qh-<verdict>`` on light and dark pages, and a class ``qh-v-<verdict>`` for each."""
    light = "".join(f"  --qh-{slug(name)}: {word.light};\n" for name, word in VERDICTS.items())
    dark = "".join(f"  --qh-{slug(name)}: {word.dark};\n" for name, word in VERDICTS.items())
    classes = "".join(f".qh-v-{slug(name)} {{ --qh-color: var(--qh-{slug(name)}); }}\n" for name in VERDICTS)
    return f':root {{\n{light}}}\n\nhtml[data-theme="dark"] {{\n{dark}}}\n\n{classes}'
