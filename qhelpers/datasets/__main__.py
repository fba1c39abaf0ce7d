"""``python -m qhelpers.datasets``: list and download the official data files."""

import sys

from qhelpers.datasets.download import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted; nothing half-downloaded was kept, run it again to go on", file=sys.stderr)
        sys.exit(130)
