"""Every number in the sentences on what came of a paper is one that the ledger finds, rounded as on every page."""

import json
import re

import pytest

from qhelpers import ledger
from qhelpers.ledger import shown

#: Numbers in the sentences of each paper.
NUMBERS = {"1": 8, "2": 12, "3": 7, "4": 6}


def value(text):
    """An entry of a config from the words of a mark."""
    return {"True": True, "False": False, "None": None}.get(text, json.loads(text) if text.isdigit() else text)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_page_shows_what_is_recorded(number):
    found = re.findall(r'data-of="([^"]+)">([^<]+)<', " ".join(ledger.answer(number)))
    assert len(found) == NUMBERS[number]
    for of, text in found:
        experiment, *place, metric = of.split("; ")
        config = {name: value(word) for name, word in (pair.split("=") for pair in place)}
        assert text == shown.rounded(shown.sample(experiment, metric, **config).values.mean()), of
