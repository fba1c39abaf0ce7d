"""``python -m qhelpers.datasets``: list and download the official data files."""

import sys

from qhelpers.datasets.download import main

if __name__ == "__main__":
    sys.exit(main())
