"""What this room needs, looked for before anything of it is imported."""

from qhelpers._extras import require

require("dimod", "annealing")
require("numba", "annealing")
