# Two commands do everything, each from nothing and each as often as you like: `make demo`, `make test`.
# `make tiny-model` makes the small model that ships anew, from simulated surgery: within an hour, seeded, goes on where it was stopped.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TYPED := $(VENV)/typed
DATA := $(abspath ../shared/data)

ifneq ($(wildcard $(DATA)/.),)
export MEDVIDBENCH_TEST_DATA ?= $(DATA)
endif

.PHONY: demo test lint types tests bench tiny-model clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first, and pinned: what depends on it would otherwise bring another build of several GB
# the demo runs the small model that ships, judges by sentence similarity and writes pages
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -q -c constraints.txt torch
	$(PIP) install -q -c constraints.txt -e ".[hf,report,semantic,video]"
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) install -q -c constraints.txt -e ".[dev,hf,ray,report,semantic,serve,train,video]"
	# an oracle of some tests; its dependencies would bring another torch
	$(PIP) install -q -c constraints.txt --no-deps torchvision
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/medvidbench demo --out demo

test: lint types tests

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy follows folders, not the package-dir map of pyproject.toml: links show it the tree as it is installed
types: $(VENV)/.dev
	rm -rf $(TYPED) && mkdir -p $(TYPED)/medvidbench
	ln -s $(CURDIR)/medvidbench/* $(CURDIR)/judges $(CURDIR)/training $(CURDIR)/leaderboards $(TYPED)/medvidbench/
	cd $(TYPED) && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml

tests: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/score.py
	$(BIN)/python benchmarks/coverage.py
	$(BIN)/python benchmarks/sources.py
	$(BIN)/python benchmarks/readers.py
	$(BIN)/python benchmarks/frames.py
	$(BIN)/python benchmarks/build.py
	$(BIN)/python benchmarks/kills.py
	$(BIN)/python benchmarks/shards.py
	$(BIN)/python benchmarks/calls.py --bare
	$(BIN)/python benchmarks/eval.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/judge_concepts.py

tiny-model: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/torchrun --standalone --nproc-per-node 2 -m medvidbench.training.shipping --work tiny-model

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
