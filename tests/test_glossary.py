"""No word before it is explained: the words of the glossary, and the chapters that use them, in reading order.

A word counts as explained in a chapter if the glossary has it (then its first use there is linked, which
`tests/site/test_terms.py` reads from the built pages), or if the chapter spells it out where it uses it first, as in
"temporal difference (TD)".
"""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*/*.ipynb"))

#: What an engineer who knows Python and some machine learning has met; and names of which nothing needs to be known.
KNOWN = {"GPS", "JAX", "NASA", "NVIDIA", "SLURM", "SSH", "TLS", "UCI", "YAML"}
#: Words of the field that are not abbreviations; the glossary must have each, and each stands in some chapter.
FIELD = (
    *("amplitude damping", "angle encoding", "annealer", "ansatz", "bit flip", "Bloch sphere", "Boltzmann distribution"),
    *("conformal prediction", "cross-entropy", "density matrix", "discount", "effective temperature", "entanglement"),
    *("entropy", "envelope", "expectation value", "false alarm budget", "feature map", "fidelity", "ground state"),
    *("Hadamard gate", "kurtosis", "Kraus operators", "light cone", "logit", "observable", "one-hot", "parameter-shift rule"),
    *("Pauli word", "penalty", "phase damping", "Q-learning", "qubit", "regime", "shot", "softmax", "surrogate"),
    *("temporal difference", "twin", "wavelet packet", "zero-noise extrapolation"),
)
#: What stands in chapters that are being rewritten, and is not explained there yet. The list must be true.
NOT_YET: dict[str, set[str]] = {}

ABBREVIATION = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)*(?=s?(?![\w-]))")
#: A section or a figure of a paper, in Roman numbers.
ROMAN = re.compile(r"[IVX]+(?:-[A-H])?")
#: Not the reader's words: code, formulas, names of claims and of what is cited, where a link leads.
NO_PROSE = (
    re.compile(r"^(`{3,}).*?^\1", re.MULTILINE | re.DOTALL),
    re.compile(r"\{(?!term)[\w:-]+\}`[^`]*`"),
    re.compile(r"\$\$.*?\$\$", re.DOTALL),
    re.compile(r"\$[^$]*\$"),
    re.compile(r"(?<!\})`[^`]*`"),
    re.compile(r"\]\([^)]*\)"),
    re.compile(r"<[^>\n]+>"),
)


@pytest.fixture(scope="module")
def terms(book_extension):
    return book_extension("terms")


@pytest.fixture(scope="module")
def words(terms):
    return terms.read((ROOT / "book" / "glossary.md").read_text(encoding="utf-8"))


def prose(cells):
    """What a notebook says in its own words."""
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for one in NO_PROSE:
        text = one.sub(" ", text)
    return re.sub(r"\{term\}`([^`<]*?)\s*(?:<[^`]*)?`", r"\1", text)


def chapter(path):
    """The prose of a notebook."""
    return prose(json.loads(path.read_text(encoding="utf-8"))["cells"])


def spelt_out(text, word, place):
    """Whether a word is spelt out where it stands: its letters begin words before or after a bracket."""
    letters = re.sub(r"[^A-Z]", "", word)
    before, after = text[max(0, place - 120) : place], text[place + len(word) : place + len(word) + 120]
    if before.rstrip().endswith("("):
        near = re.findall(r"[A-Za-z]+", before.rstrip()[:-1].replace("-", " "))[-len(letters) :]
    elif inside := re.match(r"s?\s*\(([^)]*)\)", after):
        near = re.findall(r"[A-Za-z]+", inside[1].replace("-", " "))[: len(letters)]
    else:
        return False
    return [one[0].upper() for one in near] == list(letters)


def unexplained(text, patterns):
    """Abbreviations of a text that neither the glossary has, nor the text spells out at their first use."""
    first = {}
    for found in ABBREVIATION.finditer(text):
        first.setdefault(found[0], found.start())
    return {
        word
        for word, place in first.items()
        if word not in KNOWN
        and not ROMAN.fullmatch(word)
        and not any(pattern.search(text, max(0, place - 40), place + len(word) + 40) for pattern in patterns[word])
        and not spelt_out(text, word, place)
    }


class Patterns(dict):
    """The words of the glossary that an abbreviation may be, or be part of."""

    def __init__(self, words):
        super().__init__()
        self.words = words

    def __missing__(self, word):
        self[word] = [re.compile(one.pattern) for one in self.words if word in one.name]
        return self[word]


def test_no_chapter_uses_a_word_before_it_is_explained(words):
    patterns = Patterns(words)
    found = {path.stem.partition("-")[0]: unexplained(chapter(path), patterns) for path in CHAPTERS}
    assert {name: sorted(some) for name, some in found.items() if some} == {k: sorted(v) for k, v in NOT_YET.items()}


def test_there_is_something_to_find(words):
    seen = Counter(word for path in CHAPTERS for word in set(ABBREVIATION.findall(chapter(path))))
    assert len(CHAPTERS) > 30 and len(seen) >= 50
    nothing = Patterns([])
    bare = {path.stem: unexplained(chapter(path), nothing) for path in CHAPTERS}
    assert sum(map(len, bare.values())) > 100, "without a glossary nearly every abbreviation is unexplained"
    assert sorted(KNOWN - set(seen)) == [], "known words that nobody uses"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("A VQE is trained.", {"VQE"}),
        ("A variational quantum eigensolver (VQE) is trained. The VQE works.", set()),
        ("A VQE (variational quantum eigensolver) is trained.", set()),
        ("The VQE works. A variational quantum eigensolver (VQE) is trained.", {"VQE"}),
        ("Some method (VQE) is trained.", {"VQE"}),
        ("Two QUBOs, in section II-A, of `VQE` and {claim}`1.VQE`, from [NASA](https://VQE.example/VQE).", set()),
    ],
)
def test_a_word_that_is_not_explained_is_found(words, text, missing):
    assert unexplained(prose([{"cell_type": "markdown", "source": [text]}]), Patterns(words)) == missing


def test_the_words_of_the_field_are_explained_and_used(words):
    text = "\n".join(map(chapter, CHAPTERS))
    shown = text + "\n".join(path.read_text(encoding="utf-8") for path in CHAPTERS)
    patterns = [re.compile(word.pattern) for word in words]
    assert [one for one in FIELD if not any(pattern.fullmatch(one) for pattern in patterns)] == []
    assert [one for one in FIELD if one.split()[0].lower() not in shown.lower()] == []


def test_every_word_of_the_glossary_means_something_and_stands_once(words):
    assert len(words) > 130
    assert [word.name for word in words if len(word.meaning) < 15 or "\\" in word.meaning or "{" in word.meaning] == []
    assert [name for name, times in Counter(word.name.lower() for word in words).items() if times > 1] == []


#: Words with an everyday meaning too that no chapter links: each has a page of its own, is met in outputs only, or is known.
NOT_LINKED = {"Calibration", "Deviation", "Precision"}


def test_words_with_an_everyday_meaning_are_linked_by_hand(terms, words):
    assert {word.name for word in words} >= terms.EVERYDAY
    linked = set()
    for path in CHAPTERS:
        for shown, named in re.findall(r"\{term\}+`([^`<]*?)(?:\s*<([^`>]*)>)?`", path.read_text(encoding="utf-8")):
            linked.add((named or shown).strip().capitalize())
    assert terms.EVERYDAY - linked == NOT_LINKED


# ---- the link ----


@pytest.fixture
def link(terms):
    own = terms.read(
        "```{glossary}\nQubit\n  Two states.\n\nEntropy\nENT\n  How much chance.\n\nCross-entropy\n  What it pays.\n```\n"
    )
    return lambda body: terms.link(body, own, "../glossary.html")


def linked(page):
    return re.findall(r'<a class="qh-term" href="\.\./glossary\.html#([^"]+)" title="([^"]+)">([^<]+)</a>', page)


def test_the_first_use_is_linked_with_its_meaning_and_no_other(link):
    body = "<p>Two qubits and a qubit.</p><p>Qubit</p>"
    page = link(body)
    assert linked(page) == [("term-Qubit", "Two states.", "qubits")]
    assert re.sub(r"</?a\b[^>]*>", "", page) == body


def test_a_link_that_is_there_already_is_the_first_use(link):
    assert linked(link('<a href="../glossary.html#term-Qubit">the carrier</a> of a qubit')) == []


def test_of_two_words_that_overlap_the_longer_one_is_linked(link):
    assert [one[2] for one in linked(link("<p>cross-entropy, entropy</p>"))] == ["cross-entropy", "entropy"]


def test_a_name_and_its_abbreviation_are_one_word(link):
    assert [one[2] for one in linked(link("<p>ENT is entropy</p>"))] == ["ENT"]


@pytest.mark.parametrize("tag", ["code", "pre", "h2", "a href='x'", "svg", "script", "summary", 'span class="math notranslate"'])
def test_nothing_is_linked_where_no_link_may_stand(link, tag):
    name = tag.split()[0]
    assert linked(link(f"<{tag}><{name}>x</{name}> qubit <b>qubit</b></{name}><p><br>a qubit</p>")) == [
        ("term-Qubit", "Two states.", "qubit")
    ]
    assert link(f"<{tag}>qubit</{name}>") == f"<{tag}>qubit</{name}>"


def test_parts_of_words_and_attributes_are_no_words(link):
    body = '<p title="a qubit > none">subqubit, qubit-like, Entropyx</p><!-- qubit -->'
    assert link(body) == body
