"""What the paper says of itself."""

from qhelpers.runs.papers import Paper

PAPER = Paper(number="T", title="Counting", experiments={"counting": "counting", "long-count": "long_count"})
