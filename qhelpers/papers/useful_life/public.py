"""Errors that others published on the C-MAPSS sets, for the official test engines: facts with their source, none of them ours.

All predict once a test engine, after its last cycle. They differ in what the score caps (a cap on the test labels takes about a
cycle off), in window lengths, and in how the epoch was chosen, which most do not say.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One row: RMSE in cycles on FD001 to FD004, None where none was found.

    Attributes
    ----------
    model, by : str
    rmse : tuple of float or None
        Of the four sets.
    standing : str
        ``"read in a list"``: in a list of results that others keep, not in the paper itself; ``"read, self-reported"``: in the
        author's own repository or abstract; ``"recalled"``: from memory, to be checked before it is used.
    where : str
    """

    model: str
    by: str
    rmse: tuple[float | None, float | None, float | None, float | None]
    standing: str
    where: str


_LIST = "github.com/LLerDagu/RUL-FFVE, Benchmark.md"
PUBLISHED = (
    Published("SVR", "Babu 2016", (20.96, 42.00, 21.05, 45.35), "read in a list", _LIST),
    Published("CNN", "Babu 2016", (18.45, 30.29, None, 29.16), "read in a list", _LIST),
    Published("deep LSTM", "Zheng 2017", (16.14, 24.49, 16.18, 28.17), "read in a list", _LIST),
    Published("deep CNN", "Li 2018", (12.61, None, None, None), "read in a list", _LIST),
    Published("deep CNN, other sets", "Li 2018", (None, 22.36, 12.64, 23.31), "recalled", ""),
    Published("MTSTAN", "its authors", (10.97, 16.81, 10.90, 18.85), "read in a list", _LIST),
    Published("FFVE", "its authors", (12.31, 12.55, 12.43, 14.08), "read in a list", _LIST),
    Published("LSTM", "arXiv:2604.27234", (14.93, None, 14.20, None), "read, self-reported", "abstract"),
)
