"""Claims as an RO-Crate and data sets as Croissant: JSON-LD by the two specifications, written without their libraries.

RO-Crate 1.1: https://w3id.org/ro/crate/1.1. Croissant 1.0: http://mlcommons.org/croissant/1.0. The libraries `rocrate` and
`mlcroissant` read what is written here in a test, where they are installed; the book needs neither, nor what they bring.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qhelpers.verdicts import REBUILT, VERDICTS, slug

#: What a column of the claims holds.
COLUMNS_EXPLAINED = {
    "id": "part, place, row and quantity; stable",
    "paper": "number of the paper, equal to the part of the book",
    "where": "place in the paper and the words around the number, {} in its place",
    "kind": "results, sentences, equations, or counts and settings",
    "quantity": "what the number is, by the ledger's glossary",
    "unit": "as the paper prints it",
    "printed": "to the letter; empty where it is lost from the text",
    "reconstructed": f"true where {REBUILT}",
    "verdict": "one of: " + "; ".join(f"{name} ({word.meaning})" for name, word in VERDICTS.items()),
    "measured": "mean over runs on the real data; of a sentence the share of resamplings or runs in which it holds",
    "sd": "spread over runs",
    "n": "runs, a seed each",
    "interval_low, interval_high": "where one more run should fall, with 95 % probability",
    "reading": "the main reading of what the paper leaves open",
    "failed_checks": "checks of arithmetic that fail under every reading",
    "records": "ids of the runs that it rests on (in the table their number)",
    "again": "commands that make these runs again and compare every number",
    "page": "address on the site",
}
_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_TITLE = "Quantum machine learning for industrial IoT: four papers, run and measured"
_LICENCE = "https://creativecommons.org/licenses/by/4.0/"

#: The context that Croissant 1.0 prescribes.
_CROISSANT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def dumped(content: Any) -> str:
    """Return JSON in a line an entry of the outermost list, so that two versions can be compared."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def newest(records: Mapping[str, Any]) -> str:
    """Return the day of the newest record: the claims say what was known then."""
    return max((record.finished for record in records.values()), default="")[:10]


def papers(bibliography: Path) -> dict[str, dict[str, str]]:
    """Return title, authors and year of the papers that are judged, by number, from the book's own bibliography."""
    found = {}
    for text in re.split(r"\n@", bibliography.read_text(encoding="utf-8")):
        part = re.search(r"The paper of Part (\d+)", text)
        if part is None:
            continue
        fields = dict(re.findall(r"^\s+(\w+)\s*= \{(.*)\},?$", text, re.MULTILINE))
        found[part[1]] = {
            name: re.sub(r"[{}]", "", fields[name])
            for name in ("title", "author", "year", "doi")
            if fields.get(name, "n.d.") != "n.d."
        }
    return found


def crate(claims: Sequence[Mapping[str, Any]], papers: Mapping[str, Mapping[str, str]], day: str) -> dict[str, Any]:
    """Return the claims as an RO-Crate: what was claimed where, and what became of it.

    Parameters
    ----------
    claims : sequence of mapping
        As in ``claims.json``.
    papers : mapping
        As of `papers`.
    day : str
        When it was published, ISO 8601.
    """
    graph: list[dict[str, Any]] = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Claims of {_TITLE.partition(': ')[2]}",
            "description": f"{len(claims)} printed numbers, sentences and equations of {len(papers)} papers on quantum machine "
            "learning for industrial IoT, each with its place, what was measured on real data, and a verdict.",
            "datePublished": day,
            "license": {"@id": _LICENCE},
            "author": {"@id": "#authors"},
            "isPartOf": {"@id": "#book"},
            "hasPart": [{"@id": "claims.csv"}, {"@id": "claims.json"}],
            "mentions": [{"@id": f"#{claim['id']}"} for claim in claims],
        },
        {"@id": _LICENCE, "@type": "CreativeWork", "name": "CC BY 4.0"},
        {"@id": "#authors", "@type": "Organization", "name": "The authors of qhelpers"},
        {"@id": "#book", "@type": "Book", "name": _TITLE, "author": {"@id": "#authors"}},
        {"@id": "claims.csv", "@type": "File", "name": "All claims as a table", "encodingFormat": "text/csv"},
        {"@id": "claims.json", "@type": "File", "name": "All claims with every reading", "encodingFormat": "application/json"},
    ]
    for number, paper in papers.items():
        article = {"@id": f"#paper-{number}", "@type": "ScholarlyArticle", "name": paper["title"]}
        article |= {"author": paper["author"].replace(" and ", "; ")} if "author" in paper else {}
        article |= {"datePublished": paper["year"]} if "year" in paper else {}
        article |= {"identifier": f"https://arxiv.org/abs/{paper['arxiv']}"} if "arxiv" in paper else {}
        graph.append(article | ({"identifier": f"https://doi.org/{paper['doi']}"} if "doi" in paper else {}))
    for name, word in VERDICTS.items():
        graph.append({"@id": f"#verdict-{slug(name)}", "@type": "Rating", "alternateName": name, "description": word.meaning})
    for claim in claims:
        graph.append(
            {
                "@id": f"#{claim['id']}",
                "@type": "Claim",
                "name": claim["id"],
                "text": claim["printed"] or "lost from the text",
                "description": claim["where"],
                "about": claim["quantity"],
                "appearance": {"@id": f"#paper-{claim['paper']}"},
            }
        )
        graph.append(
            {
                "@id": f"#review-{claim['id']}",
                "@type": "ClaimReview",
                "claimReviewed": f"{claim['quantity']}: {claim['printed'] or 'lost from the text'}",
                "itemReviewed": {"@id": f"#{claim['id']}"},
                "reviewRating": {"@id": f"#verdict-{slug(claim['verdict'])}"},
                "reviewBody": claim["sentence"] + (f" Here {REBUILT}." if claim["reconstructed"] else ""),
                "author": {"@id": "#authors"},
                "url": f"../{claim['page']}",
            }
        )
    return {"@context": _CONTEXT, "@graph": graph}


def data_sets() -> dict[str, dict[str, Any]]:
    """Return every registered data set in Croissant's terms, by name.

    The files are the publishers' and are not on the site; each is known by its SHA-256.
    """
    from qhelpers import datasets

    return {name: croissant(datasets.entry(name)) for name in datasets.names()}


def croissant(entry: Any) -> dict[str, Any]:
    """Return a registered data set (`qhelpers.datasets.base.Entry`) as a Croissant description: its files, known by hash."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": one.name.replace(" ", "_"),
            "name": one.name,
            "contentUrl": entry.url or entry.page,
            "contentSize": f"{one.size} B",
            "encodingFormat": _format(one.name),
            "sha256": one.sha256,
        }
        for one in entry.files
    ]
    units = "; ".join(f"{name} in {unit}" if unit else name for name, unit in entry.units.items())
    meaning = "; ".join(f"{number}: {what}" for number, what in entry.meaning.items())
    told = [f"{entry.title}.", f"Columns: {units}." if units else "", f"Classes: {meaning}." if meaning else ""]
    told.append(f"The files are not given out here; {entry.by_hand}." if entry.by_hand else "")
    return {
        "@context": _CROISSANT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": entry.name,
        "description": " ".join(filter(None, told)),
        "url": entry.page,
        "license": entry.licence,
        "citeAs": entry.citation,
        "distribution": files,
    }


def _format(name: str) -> str:
    known = {".csv": "text/csv", ".txt": "text/plain", ".mat": "application/x-matlab-data"}
    return known.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
