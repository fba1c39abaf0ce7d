"""One quantity is one number on every page of the site."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from qhelpers.ledger.shown import marked


def test_one_quantity_is_one_number_on_every_page(site: Path) -> None:
    shown: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for page in sorted(site.rglob("*.html")):
        for of, text in marked(page.read_text(encoding="utf-8")):
            shown[of][text].add(page.name)
    assert {of: dict(texts) for of, texts in shown.items() if len(texts) > 1} == {}
    on_several = [of for of, texts in shown.items() if len(set().union(*texts.values())) > 1]
    assert len(on_several) > 10, "hardly any quantity stands on two pages; nothing was compared"
