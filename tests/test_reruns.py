"""What is run again says the same: notebooks in every profile and on both sources, commands on the pages, recorded runs."""

import json
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qhelpers.runs import again, execution, experiment, records
from qhelpers.runs.__main__ import main
from qhelpers.runs.records import PROFILES, SOURCES, RecordsError

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "notebooks"
NOTEBOOKS = [path for path in sorted(BASE.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
NAMES = [path.relative_to(BASE).with_suffix("").as_posix() for path in NOTEBOOKS]
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)


# --- notebooks -------------------------------------------------------------------------------------------------------


def shown(executed):
    """Number of the cell and text of each output that a page shows."""
    for number, cell in enumerate(executed["cells"]):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text") or next(
                (data[kind] for kind in ("text/html", "text/markdown", "text/plain") if kind in data), ""
            )
            yield number, output, "".join(text)


def nonsense(executed, parameters):
    """What no reader should see in an executed notebook: a line each."""
    profile, source, seed = (parameters[name] for name in ("profile", "source", "seed"))
    found = []
    texts = list(shown(executed))
    banner = next((text for _, _, text in texts if "qh-banner" in text), "")
    notice = "none of their numbers is a measurement" in banner
    reads = "reads no data" not in banner
    if (
        f"qh-{source}" not in banner
        or notice != (source == "twin" and reads)
        or f"<code>{profile}</code>, seed {seed}." not in banner
    ):
        found.append(f"the banner says: {banner}")
    foot = texts[-1][2] if texts else ""
    if f"profile {profile}, source {source}, seed {seed}" not in foot:
        found.append(f"the foot says: {foot}")
    for number, output, text in texts:
        where = f"cell {number}"
        if output["output_type"] == "error":
            found.append(f"{where} raised {output['ename']}")
        if output.get("name") == "stderr":
            bars = re.sub(r"[^\n\r]*\d+%\|[^\n\r]*|[^\n\r]*\d+(?:it|epoch|model|run)\w* \[[^\n\r]*", "", text)  # progress bars
            if bars.strip():
                found.append(f"{where} warns: {bars.strip()[:300]}")
            continue
        words = re.sub(r"<svg.*?</svg>|<[^>]*>", " ", text, flags=re.DOTALL)
        for pattern in (r"\bnan\b", r"\bNaN\b", r"(?<![\w.])inf\b", r"\bat 0x[0-9a-f]+", r"\w*Warning:"):
            if hit := re.search(pattern, words):
                found.append(f"{where} shows {words[max(0, hit.start() - 60) : hit.end() + 60]!r}")
        for folder in (str(ROOT), str(Path.home()) + "/", sys.prefix):
            if folder in text and len(folder) > 2:
                found.append(f"{where} names a folder of this machine, {folder}")
        for label in re.findall(r"\bLive, (\w+) data", words):
            if label != source:
                found.append(f"{where} calls its data {label}")
        if source == "real" and re.search(r"\bSynthetic\b|\bsynthetic twin", words):
            found.append(f"{where} speaks of twins on real data: {words[:200]!r}")
    return found


def executed_by(build, path, **changed):
    """An executed notebook and its parameters; what `make book` left in the cache is taken."""
    parameters = {"profile": "quick", "source": "twin", "seed": 0} | changed
    wanted = [job for job in build.jobs(ROOT, parameters) if job.source == path]
    (outcome,) = build.execute(wanted, n_jobs=1)
    assert not outcome.failure, build.describe(outcome)
    return json.loads(outcome.job.cached.read_text(encoding="utf-8")), parameters


@every_notebook
@pytest.mark.timeout(900)
def test_a_page_shows_no_nonsense(build, path):
    assert nonsense(*executed_by(build, path)) == []


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("profile", PROFILES)
@every_notebook
def test_every_profile_and_source(build, path, profile, source):
    assert nonsense(*executed_by(build, path, profile=profile, source=source)) == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", [1, 2**32 - 1])
@every_notebook
def test_other_seeds(build, path, seed):
    assert nonsense(*executed_by(build, path, seed=seed)) == []


def page(*outputs, profile="quick", source="twin", seed=0):
    """An executed notebook as `nonsense` reads it."""
    twin = "; none of their numbers is a measurement" if source == "twin" else ""
    banner = f'<div class="qh-banner qh-{source}">{twin} <code>{profile}</code>, seed {seed}. </div>'
    texts = [banner, *outputs, f"after the imports, profile {profile}, source {source}, seed {seed}."]
    made = [{"output_type": "display_data", "data": {"text/html": text}} if isinstance(text, str) else text for text in texts]
    return {"cells": [{"outputs": made}]}


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("<td>nan</td>", "nan"),
        ("accuracy inf", "inf"),
        ("&lt;Axes object at 0x7f12&gt;", "0x7f12"),
        (f"saved to {ROOT}/x", "names a folder"),
        ("<figcaption>Live, real data, one network</figcaption>", "calls its data real"),
        ({"output_type": "error", "ename": "KeyError"}, "raised KeyError"),
        ({"output_type": "stream", "name": "stderr", "text": "x.py:3: UserWarning: odd\n"}, "warns: x.py:3"),
        ({"output_type": "stream", "name": "stderr", "text": " 50%|#####     | 1/2 [00:00<00:01]\nodd"}, "warns: odd"),
    ],
)
def test_nonsense_is_found(output, told):
    parameters = {"profile": "quick", "source": "twin", "seed": 0}
    (line,) = nonsense(page(output), parameters)
    assert told in line


def test_a_page_that_says_what_it_is_has_none_and_a_wrong_label_is_found():
    parameters = {"profile": "laptop", "source": "real", "seed": 3}
    fine = ["0.93 information", {"output_type": "stream", "name": "stderr", "text": " 50%|#####     | 1/2 [00:00<00:01]\r"}]
    assert nonsense(page(*fine, **parameters), parameters) == []
    for changed in ({"source": "twin"}, {"profile": "quick"}, {"seed": 0}):
        assert len(nonsense(page(**(parameters | changed)), parameters)) == 2, "banner and foot"
    assert len(nonsense(page("Synthetic, no measurements.", **parameters), parameters)) == 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (["seed", "x"], "ValueError: seed 'x'; allowed is a whole number"),  # the other wrong ones: tests/test_chapter.py
        (["source", "real"], "DatasetError: occupancy: "),
    ],
)
def test_a_wrong_parameter_or_missing_data_are_one_sentence_in_the_notebook(tmp_path, monkeypatch, parameters, told):
    """By papermill, as a reader calls it; nothing at hand but what git holds."""
    for name in ("QHELPERS_DATA", "QHELPERS_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    first = next(path for path in NOTEBOOKS if path.name.startswith("1.1-"))
    notebook = json.loads(first.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    loads = next(number for number, cell in enumerate(code) if "page.dataset" in "".join(cell["source"]))
    notebook["cells"] = code[: loads + 1]
    short = tmp_path / "short.ipynb"
    short.write_text(json.dumps(notebook))
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(short),
        str(tmp_path / "out.ipynb"),
        "--log-level",
        "ERROR",
        "-p",
        *parameters,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    message = done.stderr[done.stderr.rindex("Error: ") - 40 :]
    assert told in message, message
    if parameters == ["source", "real"]:
        last = message.strip().splitlines()[-1]
        assert "make data" in last and "QHELPERS_DATA" in last and "source='twin'" in last, last


# --- commands on the pages -------------------------------------------------------------------------------------------


def commands():
    """Every line of a shell that a page tells its reader to run, with the page's name."""
    texts = {}
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts[path] = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    texts |= {path: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "book").glob("*.md")))}
    found = []
    for path, text in texts.items():
        blocks = re.findall(r"^ *```bash\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
        lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        text = re.sub(r"^ *```text\n.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)  # messages that a page shows
        lines += re.findall(r"`((?:\.venv/bin/|python |make |qhelpers |papermill )[^`\n]+)`", text)
        found += [(path.relative_to(ROOT).as_posix(), re.sub(r"\s+# .*", "", line)) for line in lines]
    return sorted(set(found))


COMMANDS = commands()
#: What begins the commands of the pages, all to be copied as they are into a shell in the repository.
KINDS = (
    ".venv/bin/papermill ",
    ".venv/bin/python -m qhelpers.",
    ".venv/bin/qhelpers ",
    "make ",
    "for n in 1 2 3 4 5; do QHELPERS_RECORDS=",
)
#: For those who have an environment of their own, where there is no `.venv`.
IN_CONDA = {"python book/build.py"}
#: Lines for several machines; tests/runs tries the same with processes of its own.
ON_MACHINES = ("dask ", ".venv/bin/dask ", "trtexec ")


def of(kind):
    """The commands with this beginning, as parameters of a test."""
    return pytest.mark.parametrize("command", sorted({line for _, line in COMMANDS if line.startswith(kind)}))


def test_every_command_is_of_a_kind_that_is_tested():
    assert len(COMMANDS) > 30
    strange = [(name, line) for name, line in COMMANDS if not line.startswith(KINDS + ON_MACHINES) and line not in IN_CONDA]
    assert strange == []


@of("make ")
def test_make_knows_what_the_pages_name(command):
    words = [word for word in shlex.split(command)[1:] if not word.startswith("PYTHON=")]
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    known = re.search(r"^Variables: .*", subprocess.check_output(["make", "-s"], cwd=ROOT, text=True), re.MULTILINE)[0]
    assert all(f" {word.partition('=')[0]}=" in known for word in words if "=" in word)


@of(".venv/bin/papermill ")
def test_papermill_gets_notebooks_and_parameters_that_there_are(command, build):
    words = shlex.split(command)[1:]
    assert (ROOT / words[0]).exists()
    given = [words[place + 1 : place + 3] for place, word in enumerate(words) if word == "-p"]
    assert len(words) == 2 + 3 * len(given), "notebook, target, parameters"
    build.parse([part for name, value in given for part in (f"--{name}", value)])


def test_every_papermill_line_says_how_long_it_takes():
    times = json.loads((ROOT / "book" / "reruns.json").read_text(encoding="utf-8"))
    in_chapters = [line for name, line in COMMANDS if name.endswith(".ipynb")]
    lines = {" ".join(line.split()) for line in in_chapters if line.startswith(".venv/bin/papermill ")}
    assert set(times) == lines, "make reruns times the lines of the chapters"
    assert all(entry["seconds"] > 1 for entry in times.values())


@of((".venv/bin/python -m qhelpers.ledger ", ".venv/bin/qhelpers ledger"))
def test_the_ledger_answers(command):
    module = command.removeprefix(".venv/bin/").replace("qhelpers ledger", "python -m qhelpers.ledger").removeprefix("python ")
    done = subprocess.run([sys.executable, *shlex.split(module)], cwd=ROOT, capture_output=True, text=True, check=False)
    impossible = "Impossible: these fail under every reading" in done.stdout
    assert impossible == command.endswith(("check --precision 0.93 --recall 0.94 --f1 0.95", "check --mae 12.49 --rmse 11.23"))
    assert done.returncode == int(impossible), done.stderr
    assert done.stdout and not done.stderr


@of(".venv/bin/python -m qhelpers.runs again ")
def test_what_is_made_again_is_recorded(command):
    words = shlex.split(command)[4:]
    seeds = words[words.index("--seeds") + 1]
    assert again.find(words[: words.index("--seeds")], seeds=int(seeds))


def test_every_experiment_is_made_again_on_some_page():
    named = {word for _, line in COMMANDS if ".runs again " in line for word in shlex.split(line)}
    assert set(experiment.names()) <= named


@pytest.mark.needs_data
@of("for n in ")
def test_the_loop_over_repeats_runs_into_a_folder_of_the_readers(command, tmp_path):
    assert "QHELPERS_RECORDS=my-records" in command
    line = command.replace("1 2 3 4 5", "1 5").replace("; done", " --dry-run; done")
    line = line.replace("my-records", str(tmp_path)).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^energy: 0 of \d+ runs", done.stdout, re.MULTILINE)) == 2
    assert re.findall(r"^(\d+) to make", done.stdout, re.MULTILINE) == ["50", "250"]


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.timeout(7200)
@of((".venv/bin/papermill ", ".venv/bin/python -m qhelpers.runs again "))
def test_a_command_copied_from_a_page_runs(command, tmp_path):
    line = re.sub(r"\b(out|mine)\.ipynb", str(tmp_path / "out.ipynb"), command).replace(
        ".venv/bin/", f"{Path(sys.executable).parent}/"
    )
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


# --- recorded runs ---------------------------------------------------------------------------------------------------


def cheap(name, *keys):
    """Of each kind of an experiment's records (by these entries of the config) one that took little time."""
    kinds = defaultdict(list)
    for record in again.find([name]):
        kinds[tuple(str(record.config.get(key)) for key in keys)].append(record)
    return [sorted(kind, key=lambda record: record.cpu_seconds)[len(kind) // 3] for kind in kinds.values()]


#: Experiments whose smallest run takes a minute or more: what they train is trained by other tests too. Those of the bearings
#: train in bfloat16, which processors with and without it round in their own ways.
LONG = {"exploration", "bearings-inside", "bearings-lambda", "bearings-network", "bearings-questions"}
#: Trained so long that another maker's rounding grows to a hundredth of a cycle: compared on a processor like the record's.
LIKE = {"useful-life-epochs", "useful-life-network"}


def come_again(record):
    """Metrics of a record that are no times."""
    times = experiment.get(record.experiment).times(record.config)
    return [name for name in record.metrics if not re.fullmatch(times, f"metrics.{name}")]


@pytest.mark.needs_data
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in experiment.names()])
def test_a_recorded_run_gives_its_numbers_again(name, tmp_path):
    record = min(filter(come_again, again.find([name])), key=lambda record: record.cpu_seconds)
    job = execution.Job(record.experiment, record.config, record.seed, record.source, record.profile)
    made, arrays = execution.execute(job)
    assert made.id == record.id
    if name in LIKE and made.cpu != record.cpu:
        pytest.skip(f"recorded on {record.cpu}, made again on {made.cpu}")
    records.append(made, arrays, tmp_path)
    comparison = again.compare(record, records.read(name, tmp_path)[0])
    assert comparison.same and comparison.numbers >= min(4, len(come_again(made))), comparison


@pytest.mark.slow
@pytest.mark.needs_data
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", experiment.names())
def test_every_kind_of_recorded_run_gives_its_numbers_again(name):
    kinds = ("model", "equation", "compare", "recipe", "regime", "models", "split", "data", "engine")
    chosen = cheap(name, *kinds)
    compared = list(again.run(chosen))
    assert len(compared) == len(chosen)
    assert [str(one) for one in compared if not one.same] == []


@pytest.mark.needs_data
@pytest.mark.timeout(300)
def test_the_command_makes_one_record_again(capsys):
    record = again.find(["equations"])[0]
    assert main(["again", record.id, "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert f"equations {record.id}" in told and "1 made again" in told and "0 runs differ" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["nothing"],
            "'nothing' is neither the id of a record nor an experiment that has records; there are: bearings-comparison,",
        ),
        (["picking", "--seeds", "0"], "no record of picking has {} and a seed below 0"),
        (["picking", "--only", "labels"], "is not KEY=VALUE"),
        (["picking", "--only", "labels=odd"], "no record of picking has {'labels': 'odd'}"),
    ],
)
def test_what_cannot_be_made_again_is_said(capsys, arguments, told):
    assert main(["again", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_record_of_former_code_is_refused():
    former = next(record for record in records.read("low-energy") if record.version != experiment.get("low-energy").version)
    with pytest.raises(RecordsError, match="take the code of that time from git"):
        again.find([former.id])
    assert former.id not in {record.id for record in again.find(["low-energy"])}


@pytest.fixture
def stored(one_record, tmp_path):
    """A way to store a record with arrays and changes, and to read it back."""

    def store(arrays=None, **changes):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        changes = {"experiment": "splits"} | (changes or {"chosen": {"trials": [[0.1, 3], [0.3, 5]]}})
        records.append(replace(one_record, **changes), arrays if arrays is not None else {"w": np.arange(3.0)}, folder)
        return records.read("splits", folder)[0]

    return store


@pytest.mark.parametrize(
    ("changes", "name", "gap"),
    [
        ({"metrics": {"accuracy": 0.75}}, "metrics.accuracy", 0.25),
        ({"metrics": {"accuracy": 0.5, "f1": 0.1}}, "metrics.f1", np.nan),
        ({"metrics": {}}, "metrics.accuracy", np.nan),
        ({"confusion": {"tp": 1, "fp": 1, "fn": 0, "tn": 4}}, "confusion.tn", 4),
        ({"chosen": {"trials": [[0.1, 3], [0.3, 6]]}}, "chosen.trials.3", 1),
        ({"arrays": {"w": np.array([0.0, 1.0, 4.0])}}, "arrays.w.2", 2),
    ],
)
def test_every_number_is_compared(stored, changes, name, gap):
    one = stored()
    changes = {"chosen": one.chosen} | changes
    comparison = again.compare(one, stored(changes.pop("arrays", None), **changes))
    assert list(comparison.differences) == [name] and not comparison.same
    np.testing.assert_equal(comparison.differences[name], gap)
    assert "DIFFER" in str(comparison) and name in str(comparison)


def test_rounding_is_told_but_no_difference_and_times_are_left_out(stored, one_record):
    one = stored()
    assert again.compare(one, stored(chosen=one.chosen, seconds=9.0, cpu_seconds=9.0, train_seconds=9.0)).differences == {}
    near = again.compare(one, stored(chosen=one.chosen, metrics={"accuracy": 0.5 + 1e-9}))
    assert near.same and list(near.differences) == ["metrics.accuracy"] and "rounded otherwise" in str(near)
    assert not again.compare(one, stored(chosen=one.chosen, metrics={"accuracy": 0.5 + 1e-5})).same
    missing = again.compare(one, stored({}, chosen=one.chosen))
    assert not missing.same and "arrays.w.shape" in missing.differences


@pytest.mark.parametrize("name", experiment.names())
def test_no_time_is_compared(name):
    kinds = {frozenset(record.metrics): record for record in again.find([name])}  # one of each kind
    told = {number for record in kinds.values() for number, _ in again._numbers(record)}
    times = {number for number in told if re.search(r"seconds|_wh|_gco2", number)}
    given = r"\.(superconducting|trapped_ion|microcontroller|delay_seconds|modelled)_"  # by a model, or by the data
    assert not {number for number in times if not re.search(given, number)}


@pytest.mark.parametrize("name", experiment.names())
def test_only_times_are_left_out(name):
    times = experiment.get(name).times
    left = {key for one in again.find([name])[:400] for key in one.metrics if re.fullmatch(times(one.config), f"metrics.{key}")}
    left -= {"disagreement"}  # of the equation on sizes, whose records are among them: made of seconds
    assert all(any(unit in key for unit in ("second", "_ms", "ms_per_", "_growth", "_wh", "_gco2")) for key in left)
    assert not any(key.startswith(("superconducting", "trapped", "accuracy", "agreement")) for key in left)
    assert left or name not in ("energy", "equations")
