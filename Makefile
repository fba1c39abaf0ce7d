# The book's commands. `make` alone lists them. Everything runs in .venv, which the first command builds.
#
#   PROFILE=quick|laptop|paper SOURCE=twin|real SEED=0   what the notebooks are executed with
#   ONLY=1.1     only the notebooks whose path contains this, and no site
#   JOBS=2       notebooks at a time (default: one a core, as far as memory goes); processes of `make test` (default: one a core)
#   PORT=8000    where `make serve` listens
#   ARGS=...     passed on to pytest, `make data`, `make records` and `make bench`

.DEFAULT_GOAL := help
SHELL := /bin/sh
# The first of these that runs; a missing or wrong one is explained by book/bootstrap.py.
PYTHON ?= $(shell for p in python3.11 python3 python; do if $$p -c '' 2>/dev/null; then echo $$p; break; fi; done)
PROFILE ?= quick
SOURCE ?= twin
SEED ?= 0
PORT ?= 8000

BIN := .venv/bin
# Parallelism is by processes; threads of several processes on the same cores slow each other down many times over.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export NUMBA_NUM_THREADS ?= 1
export JUPYTER_PLATFORM_DIRS ?= 1

.PHONY: help set-up book lab serve pdf reruns test data records bench growth spreading annealing network lock release clean

help: ## list the commands
	@echo "Commands (make COMMAND):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Variables: PROFILE=quick|laptop|paper  SOURCE=twin|real  SEED=0  ONLY=1.1  JOBS=2  PORT=8000  ARGS=..."

set-up: ## build .venv from requirements.lock (the other commands do it by themselves)
	@if [ -z "$(PYTHON)" ]; then echo "set-up: no Python found; install Python 3.11, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; fi
	@$(PYTHON) book/bootstrap.py

book: set-up ## execute the notebooks and render the site into build/site
	@$(BIN)/python book/build.py --profile $(PROFILE) --source $(SOURCE) --seed $(SEED) $(if $(JOBS),--jobs $(JOBS)) $(if $(ONLY),--only $(ONLY))

# LabApp's settings outrank those of the same name that a user's own configuration has, old names included; --ip does not.
LOOPBACK := --LabApp.ip=127.0.0.1 --LabApp.allow_remote_access=False --LabApp.allow_origin= --LabApp.allow_origin_pat= \
	--KernelManager.ip=127.0.0.1 --AsyncIOLoopKernelManager.ip=127.0.0.1
# It asks no other host: neither for news nor for newer versions, nor for what else could be installed.
QUIET := --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.extension_manager=readonly
# In a workspace of its own, so that it does not bring back what was open in other projects.
START := --LabApp.app_settings_dir=book/lab --LabApp.default_url=/lab/workspaces/book/tree/start-here.md

lab: set-up ## open JupyterLab on the notebooks (this machine only)
	@$(BIN)/python -m jupyterlab --notebook-dir=notebooks $(LOOPBACK) $(QUIET) $(START) $(if $(filter 0,$(shell id -u)),--allow-root)

serve: ## show the built site at http://127.0.0.1:8000/ (this machine only)
	@$(PYTHON) book/serve.py '$(PORT)'

pdf: ## print the built site with Chromium, a PDF a page, into build/pdf
	@$(PYTHON) book/pdf.py

reruns: set-up ## time the papermill lines of the chapters, which the pages show (half an hour)
	@$(BIN)/python book/reruns.py $(ARGS)

test: set-up ## lint, format, types and tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -n $(or $(JOBS),logical) --dist loadfile --no-loadscope-reorder $(ARGS)

data: set-up ## download the official data into your data home
	@$(BIN)/python -m qhelpers.datasets download $(ARGS)

records: set-up ## resume the recorded runs on real data; says first what they will cost
	@$(BIN)/python -m qhelpers.runs run all --profile laptop --source real $(ARGS)

bench: set-up ## time a training step of the circuits in the libraries that a user could pick
	@$(PYTHON) benchmarks/environment.py
	@$(BIN)/python benchmarks/run.py $(ARGS)

growth: set-up ## time each path of the circuit engine against qubits, batch and layers
	@$(BIN)/python benchmarks/growth.py $(ARGS)

spreading: set-up ## time a sweep in one process, in several, and on a Dask cluster of this machine
	@$(BIN)/python benchmarks/spreading.py $(ARGS)

annealing: set-up ## time models, reads and draws of a choice among sixteen bins
	@$(BIN)/python benchmarks/annealing.py $(ARGS)

network: set-up ## time a training step of QEML-Net by image size, precision and memory format
	@$(BIN)/python benchmarks/network.py $(ARGS)

lock: set-up ## resolve pyproject.toml anew into requirements.lock
	@$(PYTHON) book/bootstrap.py lock

release: book ## check what must hold for a release: versions, lock, advisories, licences, records, site
	@$(BIN)/python .ci/release.py $(ARGS)

clean: ## remove everything made (build/ and caches), but not .venv
	rm -rf build .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	find book notebooks qhelpers tests -name __pycache__ -type d -prune -exec rm -rf {} +
