"""What a reader asks the search with leads to the page that answers, and not to a function of that name.

Sphinx ranks a page's main index entries above all else, and asks a scorer of ours (``scorer.js``) for the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

#: Words that a reader asks with, by the page that answers; a test holds them against the table of contents. A plural is found by
#: its singular too.
ANSWERS: dict[str, tuple[str, ...]] = {
    "9-back/worth-trying": ("quantum advantage", "quantum speedup", "does it help", "is it worth it", "when to use quantum"),
    "0-start/0.3-a-fair-fight": ("statistical significance", "controls", "baselines", "data leakage"),
    "0-start/0.4-annealing-in-an-afternoon": ("annealing",),
    "1-low-energy/1.2-against-nine-classical-models": ("accuracy",),
    "1-low-energy/1.3-noise": ("noise",),
    "1-low-energy/1.4-what-the-circuit-computes": ("what the circuit computes", "interpretability"),
    "1-low-energy/1.5-energy": ("energy", "carbon"),
    "2-threats/2.4-an-honest-evaluation": ("threat detection", "intrusion detection"),
    "3-useful-life/3.3-what-an-annealer-draws": ("annealers",),
    "3-useful-life/3.8-verdict": ("remaining useful life",),
    "4-bearings/4.1-what-a-bearing-says": ("bearings",),
    "4-bearings/4.7-on-the-edge": ("edge devices", "latency"),
}


class AddEntries(SphinxTransform):
    """Make the words of `ANSWERS` main index entries of their page, before Sphinx collects these."""

    default_priority: ClassVar = 700

    def apply(self, **kwargs: Any) -> None:
        """Put them before the page's title."""
        section = next(self.document.findall(nodes.section), None)
        words = ANSWERS.get(self.env.docname, ())
        if section is not None and words:
            entries = [("single", word, section["ids"][0], "main", None) for word in words]
            self.document.insert(0, addnodes.index(entries=entries))


def rank(app: Sphinx, config: Config) -> None:
    """Rank by our scorer."""
    config.html_search_scorer = str(Path(__file__).with_name("scorer.js"))


def setup(app: Sphinx) -> None:
    """Connect the steps."""
    app.add_transform(AddEntries)
    app.connect("config-inited", rank)
