# Everything that can be done with this repository. `make help` lists it.

PROFILE ?= laptop
# cpu or cuda: which build of torch is installed, and where the trainings run
TORCH ?= cpu
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# notebooks that `make reproduce` runs, after those they need, and `make figures` publishes; all if
# there are none
ITEMS ?=
# local or slurm: where the notebooks run
EXECUTOR ?= local
PYTHON ?= python3
# More options for `make lab`, such as LAB="--no-browser --port=8889"
LAB ?=
# Everything reads and writes UTF-8, whatever the locale says
export PYTHONUTF8 := 1
# An active conda environment made from environment.yml is used as it is; else a .venv is made.
ifeq ($(CONDA_DEFAULT_ENV),paperlib)
BIN := $(CONDA_PREFIX)/bin
READY := build/conda.installed
else
BIN := .venv/bin
READY := .venv/.installed-$(TORCH)
endif
# The oldest MuJoCo that pyproject.toml allows, and the tests of what stands on it
MUJOCO3 := 3.17.0
OLDEST := build/mujoco-$(MUJOCO3)
ROBOSUMO_TESTS := tests/paperlib/environments tests/paperlib/agents/test_published_policies.py

# Every test by itself, but those of one xdist_group one after the other; the order is conftest.py's
PARALLEL := --numprocesses $(CORES) --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install reproduce smoke test test-fast test-mujoco3 test-slurm lint lab notebooks book figures bench lock clean

help:  ## show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo 'variables:  PROFILE=smoke|laptop|long|paper  TORCH=cpu|cuda  CORES=2  EXECUTOR=local|slurm  PYTHON=python3  ITEMS=table_2  LAB=--no-browser'

install: $(READY)  ## create the environment, with the versions in requirements.lock

.venv/.installed-$(TORCH): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed")'
	$(PYTHON) -m venv .venv
	rm -f .venv/.installed-*
	TORCH=$(TORCH) .venv/bin/python workflow/install.py
	touch $@

build/conda.installed: environment.yml pyproject.toml
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	mkdir -p build && touch $@

build/slurm.installed: $(READY)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[slurm]'
	mkdir -p build && touch $@

reproduce: $(READY) $(if $(filter slurm,$(EXECUTOR)),build/slurm.installed)  ## regenerate every table and figure into results/PROFILE
	$(BIN)/python workflow/reproduce.py \
		--profile $(PROFILE) --device $(TORCH) --cores $(CORES) --executor $(EXECUTOR) \
		$(if $(ITEMS),--items $(ITEMS))

smoke: $(READY)  ## run every notebook in miniature, in minutes
	$(MAKE) reproduce PROFILE=smoke

test: $(READY)  ## run all tests, in parallel on CORES cores
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest $(PARALLEL)

test-fast: $(READY)  ## run the fast tests only
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest $(PARALLEL) -m "not slow"

test-mujoco3: $(READY) $(OLDEST)/.installed  ## run the tests of RoboSumo with the oldest MuJoCo, installed on top of the environment
	@PYTHONPATH="$(abspath $(OLDEST))" $(BIN)/python -c 'import mujoco; found = mujoco.mj_versionString(); \
		print("MuJoCo", found, "in", mujoco.__path__[0]); exit(found != "$(MUJOCO3)")'
	PYTHONPATH="$(abspath $(OLDEST))" PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest $(PARALLEL) \
		$(ROBOSUMO_TESTS)

$(OLDEST)/.installed: $(READY)
	rm -rf $(OLDEST)
	$(BIN)/python -m pip install --quiet --no-deps --target $(OLDEST) mujoco==$(MUJOCO3) || { \
		echo 'error: mujoco==$(MUJOCO3) could not be installed; is a package index within reach?' >&2; exit 1; }
	touch $@

test-slurm: $(READY) build/slurm.installed  ## run the smoke profile on a one-machine SLURM cluster, with injected failures
	tests/workflow/slurm/cluster.sh $(BIN)/python tests/workflow/slurm/proof.py

lint: $(READY)  ## check style
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

lab: $(READY)  ## open the notebooks in JupyterLab
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/start_here.ipynb $(LAB)

notebooks: $(READY)  ## bring the prose of the executed notebooks/*.ipynb up to date with notebooks/*.py
	$(BIN)/python -m reproduction.executed_notebooks notebooks/*.ipynb

book: $(READY)  ## build the web book in build/book from results/PROFILE, else from published notebooks
	rm -rf build/book
	RESULTS="$(abspath results/$(PROFILE))" $(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet docs build/book
	@echo "The book: build/book/index.html"

figures: $(READY)  ## publish laptop's tables, figures and executed notebooks, other profiles' in figures/PROFILE
	$(BIN)/python -m reproduction.publishing --results results/$(PROFILE) \
		$(if $(filter laptop,$(PROFILE)),--to figures --readme README.md --notebooks notebooks,--to figures/$(PROFILE)) \
		$(if $(ITEMS),--items $(ITEMS))

bench: $(READY) build/peers/.installed build/agilerl/.installed  ## measure speed against the peers, each in an environment of its own
	$(BIN)/python benchmarks/run.py --peers-python build/peers/bin/python \
		--agile-python build/agilerl/bin/python

build/%/.installed: benchmarks/requirements-%.txt
	$(PYTHON) -m venv build/$*
	-build/$*/bin/python -m pip install --quiet torch==2.13.0+cpu
	build/$*/bin/python -m pip install --quiet --requirement $<
	touch $@

lock: $(READY)  ## write the current environment's versions to requirements.lock
	$(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip==' | sed 's/+cpu$$//' > requirements.lock

clean:  ## delete the results of PROFILE, and MuJoCo 3
	rm -rf results/$(PROFILE) build/mujoco-*
