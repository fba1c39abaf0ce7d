"""Imported first by the packages that need the extra `experiments` at once, so that a missing part is named with its extra."""

from importlib.util import find_spec

from qhelpers._extras import missing

for _module in ("filelock", "joblib", "pandas", "polars", "psutil", "scipy", "sklearn", "tqdm", "yaml"):
    if find_spec(_module) is None:
        raise ImportError(missing(_module, "experiments"))
