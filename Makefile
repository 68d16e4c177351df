# Everything that can be done with this repository. `make help` lists it.

PROFILE ?= laptop
# cpu or cuda: which build of torch is installed, and where the trainings run
TORCH ?= cpu
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
PYTHON ?= python3
# An active conda environment made from environment.yml is used as it is; else a .venv is made.
ifeq ($(CONDA_DEFAULT_ENV),paperlib)
BIN := $(CONDA_PREFIX)/bin
READY := build/conda.installed
else
BIN := .venv/bin
READY := .venv/.installed
endif

.DEFAULT_GOAL := help
.PHONY: help install reproduce smoke test lint notebooks html figures bench lock clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo 'variables:  PROFILE=smoke|laptop|paper  TORCH=cpu|cuda  CORES=2'

install: $(READY)  ## make the environment, pinned to requirements.lock

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed")'
	$(PYTHON) -m venv .venv
	TORCH=$(TORCH) .venv/bin/python workflow/install.py
	touch $@

build/conda.installed: environment.yml pyproject.toml
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	mkdir -p build && touch $@

reproduce: $(READY)  ## regenerate every table and figure into results/PROFILE
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python workflow/reproduce.py \
		--profile $(PROFILE) --device $(TORCH) --cores $(CORES)

smoke: $(READY)  ## the same from scratch in miniature, in minutes
	$(MAKE) reproduce PROFILE=smoke

test: $(READY)  ## run all tests
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest

lint: $(READY)  ## check style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

notebooks: $(READY)  ## build .ipynb files for Jupyter from notebooks/*.py
	$(BIN)/jupytext --to ipynb notebooks/*.py

html: $(READY)  ## turn the executed notebooks of PROFILE into results/PROFILE/html
	$(BIN)/jupyter nbconvert --to html --output-dir results/$(PROFILE)/html \
		--template lab results/$(PROFILE)/*/notebook.ipynb

figures: $(READY)  ## publish the tables and figures of PROFILE to figures/ and to the README
	$(BIN)/python -m paperlib.reports publish --results results/$(PROFILE) --to figures --readme README.md

bench: $(READY) build/peers/.installed build/agilerl/.installed  ## measure speed against the peers, each in an environment of its own
	$(BIN)/python benchmarks/run.py --peers-python build/peers/bin/python \
		--agile-python build/agilerl/bin/python

build/%/.installed: benchmarks/requirements-%.txt
	$(PYTHON) -m venv build/$*
	-build/$*/bin/python -m pip install --quiet torch==2.13.0+cpu
	build/$*/bin/python -m pip install --quiet --requirement $<
	touch $@

lock: $(READY)  ## write down the versions of the present environment
	$(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip==' | sed 's/+cpu$$//' > requirements.lock

clean:  ## forget the results of PROFILE
	rm -rf results/$(PROFILE)
