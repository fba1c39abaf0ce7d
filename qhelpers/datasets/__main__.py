"""``python -m qhelpers.datasets``: list and download the official data files."""

import sys

from qhelpers import _pipes
from qhelpers.datasets.download import main

if __name__ == "__main__":
    sys.exit(_pipes.run(main))
