"""What every chapter starts with refuses wrong parameters and never passes a twin off as a measurement."""

import re
from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from qhelpers import chapter, figures, ledger
from qhelpers.runs import records
from qhelpers.runs.records import RecordsError


@pytest.fixture
def shown(monkeypatch):
    pieces = []
    monkeypatch.setattr(chapter, "_show", lambda markup, plain: pieces.append(markup))
    return pieces


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"profile": "fast", "source": "twin", "seed": 0}, "profile 'fast' is unknown; allowed are: quick, laptop, paper"),
        ({"profile": "quick", "source": "fake", "seed": 0}, "source 'fake' is unknown; allowed are: twin, real"),
        ({"profile": "quick", "source": "twin", "seed": -1}, "seed -1; allowed is a whole number from 0"),
        ({"profile": "quick", "source": "twin", "seed": "0"}, "seed '0'; allowed"),
        ({"profile": "quick", "source": "twin", "seed": 1.5}, "seed 1.5; allowed"),
        ({"profile": "quick", "source": "twin", "seed": True}, "seed True; allowed"),
        ({"profile": "quick", "source": "twin", "seed": 2**32}, "allowed is a whole number from 0 to 4294967295"),
        ({"profile": "", "source": "twin", "seed": 0}, "profile '' is unknown; allowed are: quick, laptop, paper"),
        ({"profile": None, "source": "twin", "seed": 0}, "profile None is unknown"),
    ],
)
def test_wrong_parameters_say_what_is_allowed(shown, parameters, message):
    with pytest.raises(ValueError, match=message):
        chapter.start("1.1", **parameters)
    assert not shown


def test_the_banner_names_the_twin(shown):
    chapter.start("1.1", profile="quick", source="twin", seed=3)
    assert "none of their numbers is a measurement" in shown[0] and "seed 3" in shown[0]
    chapter.start("1.1", profile="quick", source="real", seed=3)
    assert "twin" not in shown[1]


def test_a_page_takes_records_on_real_data_only_and_stops_without(shown, monkeypatch, tmp_path, one_record):
    monkeypatch.setenv("QHELPERS_RECORDS", str(tmp_path))
    page = chapter.start("1.1", profile="quick", source="twin", seed=0)
    for number, changes in enumerate(({"source": "twin"}, {"profile": "quick"})):
        records.append(replace(one_record, id=str(number), **changes), {}, tmp_path)
    with pytest.raises(RecordsError, match=r"python -m qhelpers\.runs run trial --profile laptop --source real"):
        page.recorded("trial")
    records.append(replace(one_record, id="9"), {}, tmp_path)
    assert [r.id for r in page.recorded("trial", model="a")] == ["9"]
    assert list(page.frame("trial")["accuracy"]) == [0.5]


def test_claims_come_from_the_ledger_with_a_link(shown):
    page = chapter.start("1.1", profile="quick", source="twin", seed=0)
    page.claims("1.T1.qnn-p.f1", caption="c")
    printed = ledger.claim("1.T1.qnn-p.f1").printed
    assert 'href="../scoreboard.html#1.T1.qnn-p.f1"' in shown[-1] and f">{printed}</td>" in shown[-1]
    assert page.printed("1.T1.qnn-p.f1") == printed == "0.95"
    first, last = shown[-1].index("F1<span"), shown[-1].index('<td class="qh-id"')
    assert first < shown[-1].index(f">{printed}</td>") < last, "a claim's quantity stands first, its name last"
    assert page.printed("1.T9.nothing", missing_ok=True) is None
    with pytest.raises((KeyError, ValueError), match=r"1\.T9\.nothing"):
        page.printed("1.T9.nothing")


def test_twin_data_follow_the_seed(shown):
    pages = [chapter.start("1.1", profile="quick", source="twin", seed=seed) for seed in (0, 0, 1)]
    prints = [page.dataset("occupancy", n=500).fingerprint for page in pages]
    assert prints[0] == prints[1] != prints[2]


def test_the_foot_names_versions_and_seconds(shown, monkeypatch):
    page = chapter.start("1.1", profile="quick", source="twin", seed=0)
    monkeypatch.setattr(chapter, "time", SimpleNamespace(perf_counter=lambda: page._started + 7.4))
    page.finish()
    assert "Python 3" in shown[-1] and "numpy" in shown[-1] and "seed 0" in shown[-1]
    assert 'This run: <span class="qh-cost">7 s</span> after the imports, profile quick' in shown[-1]


def test_times_of_this_run_are_marked(shown):
    chapter.start("1.1", profile="quick", source="twin", seed=0).took("a step takes 3 ms & more")
    assert shown[-1] == '<p class="qh-cost">a step takes 3 ms &amp; more</p>'


@pytest.fixture
def page(shown):
    """A chapter that has shown nothing yet."""
    found = chapter.start("1.1", profile="quick", source="twin", seed=0, banner=False)
    assert not shown
    return found


def test_the_banner_can_wait_until_live_cells_begin(page, shown):
    page.banner()
    assert len(shown) == 1 and "none of their numbers is a measurement" in shown[0]


def test_the_finding_is_a_box_and_its_picture_in_one_piece(page, shown):
    page.finding("It gets 96.7 %, <em>not</em> 93.9 %.", plt.figure(), alt="Two bars.", caption="Recorded.")
    (markup,) = shown
    assert re.match(r'<section class="qh-finding" aria-label="What we found">', markup)
    box, figure = markup.index("It gets 96.7 %, <em>not</em> 93.9 %."), markup.index("<figure")
    assert 'class="qh-finding-box"' in markup[:box] and box < figure
    assert 'aria-label="Two bars."' in markup and "<figcaption>Recorded.</figcaption>" in markup
    with pytest.raises(ValueError, match="alt text"):
        page.finding("It gets 96.7 %.", plt.figure(), alt=" ", caption="Recorded.")


@pytest.fixture
def shell():
    """A running IPython, as a notebook has."""
    interactive = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    yield interactive.instance()
    interactive.clear_instance()


def test_what_is_folded_stands_whole_under_its_line(page, shown, shell):
    with page.folded("Four rows & more"):
        figures.show(plt.figure(), alt="A line.", caption="c")
        figures.show(plt.figure(), alt="Another.", caption="d")
    (markup,) = shown
    assert re.match(r'<details class="qh-folded"><summary[^>]*>Four rows &amp; more</summary><figure', markup)
    assert markup.count("</figure>") == 2 and markup.endswith("</details>")


@pytest.mark.parametrize("what", ["print('x')", "display_markdown('x', raw=True)", "pass"])
def test_what_cannot_be_folded_is_refused(page, shown, shell, what):
    from IPython.display import display_markdown

    with pytest.raises(ValueError, match="under 'Rows' something else is shown"), page.folded("Rows"):
        exec(what, {"display_markdown": display_markdown})
    assert not shown


def test_without_a_reader_the_first_choice_is_run(page, monkeypatch):
    monkeypatch.setattr(chapter, "_someone_runs_this", lambda: False)
    runs = []
    page.control(lambda **chosen: runs.append(chosen), kind=["chain", "ring"], training_points=[300, 20])
    assert runs == [{"kind": "chain", "training_points": 300}]


def test_a_reader_gets_a_menu_for_each_choice(page, monkeypatch):
    widgets = pytest.importorskip("ipywidgets", reason="ipywidgets is not installed; pip install 'qhelpers[book]'")
    monkeypatch.setattr(chapter, "_someone_runs_this", lambda: True)
    given = {}
    monkeypatch.setattr(widgets, "interact", lambda run, **menus: given.update(menus))
    page.control(print, kind=["chain", "ring"], training_points=[300, 20])
    assert {name: (menu.options, menu.value, menu.description) for name, menu in given.items()} == {
        "kind": (("chain", "ring"), "chain", "kind"),
        "training_points": ((300, 20), 300, "training points"),
    }


def test_a_claim_can_be_asked_for_and_so_can_all_others_of_its_paper(page, monkeypatch):
    given = []
    monkeypatch.setattr(page, "control", lambda run, claim: given.append((run, claim)))
    monkeypatch.setattr(page, "verdicts", lambda *ids, caption: given.append(ids))
    page.ask("2.conclusion.order.speed")
    ((run, menu),) = given
    assert menu[0] == "2.conclusion.order.speed"
    assert sorted(menu) == sorted(claim.id for claim in ledger.claims("2"))
    run(menu[1])
    assert given[1] == (menu[1],)


def test_a_slider_stands_where_it_starts(page, monkeypatch):
    monkeypatch.setattr(chapter, "_someone_runs_this", lambda: False)
    runs = []
    page.slide(lambda penalty: runs.append(penalty), [1, 2, 4], start=2, label="penalty")
    assert runs == [2]
    with pytest.raises(ValueError, match="starts at 3; it has 1, 2, 4"):
        page.slide(print, [1, 2, 4], start=3, label="penalty")


def test_a_reader_gets_the_slider(page, monkeypatch):
    widgets = pytest.importorskip("ipywidgets", reason="ipywidgets is not installed; pip install 'qhelpers[book]'")
    monkeypatch.setattr(chapter, "_someone_runs_this", lambda: True)
    given = {}
    monkeypatch.setattr(widgets, "interact", lambda run, **sliders: given.update(sliders))
    page.slide(lambda penalty: None, [1, 2, 4], start=2, label="penalty A")
    (slider,) = given.values()
    assert (list(given), slider.options, slider.value, slider.description) == (["penalty"], (1, 2, 4), 2, "penalty A")


@pytest.mark.parametrize(("metadata", "someone"), [({"cellId": "c01"}, True), ({}, False), (None, False)])
def test_a_program_that_executes_a_notebook_is_nobody(monkeypatch, metadata, someone):
    kernel = SimpleNamespace(get_parent=lambda channel: {} if metadata is None else {"metadata": metadata})
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    assert chapter._someone_runs_this() is someone
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert chapter._someone_runs_this() is False


def test_a_number_that_the_text_lost_is_called_lost(monkeypatch):
    claim = SimpleNamespace(printed=None, where='Table 4, "an error of {}"')
    assert chapter._printed(claim) == "lost" and chapter._where(claim) == 'Table 4, "an error of lost"'
    kept = SimpleNamespace(printed="0.95", where="{}")
    assert chapter._printed(kept) == chapter._where(kept) == "0.95"


def test_a_path_through_chapters_that_are_not_there_is_refused_by_name(chapters, monkeypatch):
    known = [SimpleNamespace(name=f"0-start/{number}-x", title="t", question="?", minutes=3) for number in ("0.1", "0.2")]
    monkeypatch.setattr(chapters, "chapters", lambda env: known)
    page = SimpleNamespace(
        note_reread=lambda: None, app=SimpleNamespace(builder=SimpleNamespace(get_relative_uri=lambda *_: "x"))
    )
    page.docname = "index"
    path = chapters.PathDirective.__new__(chapters.PathDirective)
    path.state = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=page)))
    path.options = {"only": ["0.1", "9.9"]}
    path.error = ValueError
    with pytest.raises(ValueError, match=r"no chapter 9\.9; there are 0\.1, 0\.2"):
        path.run()
    path.options = {"only": ["0.2"]}
    assert "Together 3 minutes." in path.run()[0].astext()
