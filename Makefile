# Every target sets up what it needs: a virtual environment in .venv with the project in it.
PYTHON ?= python3
ARGS ?= attack=molextract model=gin
# of models that others released: a clone of github.com/datagrok-ai/admetica, or a folder for each with its table
RELEASED ?= ../shared/data/admetica
# one of conf/paper; empty: all of them
PAPER ?=
SCALE ?= small
# of defend: what is searched, and in which game
FIND ?= defense
GAME ?=
WORKERS ?= 2
# versions that everything is installed in; a space: the newest that fit
CONSTRAINTS ?= constraints.txt
PINS = $(addprefix -c ,$(strip $(CONSTRAINTS)))
EXTRAS := dev docs fcd trackers bench ray quant optuna captions
# of the lock file: 1 = take the newest versions of all
UPGRADE ?=
# of the tests: a seed; whatever it is, they must pass
ORDER ?= 3686476748
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help environment hooks lock run test test-slow slurm lint docs bench peers audit-released reproduce-paper matrix exposure defend clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(READY): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,docs,fcd,trackers,optuna,hf]" $(PINS)
	@touch $@

environment: $(READY)  ## only set up the environment

hooks: $(READY)  ## have lint and formatting checked before each commit
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pre-commit
	$(BIN)/pre-commit install

lock: $(READY)  ## write constraints.txt, the versions of everything on every system; UPGRADE=1 for the newest
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(BIN)/uv pip compile pyproject.toml $(addprefix --extra ,$(EXTRAS)) \
	  --universal --python-version 3.11.5 --no-annotate --no-header --quiet $(if $(UPGRADE),--upgrade) -o constraints.txt

run: $(READY)  ## the main job; ARGS="attack=… model=… scale=…" for another
	$(BIN)/python -m src.run $(ARGS)

test: $(READY) lint  ## lint, types, tests; WORKERS=4 ORDER=1 for more processes and another order of the tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --randomly-seed=$(ORDER) --durations=25

test-slow: $(READY) slurm  ## the tests that take minutes, with the ray extra: a real cluster on this machine
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[ray]" -c constraints.txt
	$(BIN)/python -m pytest -m slow --randomly-seed=$(ORDER)

slurm:  ## install Slurm for its tests, where apt-get may; without it they are skipped
	@command -v slurmctld /usr/sbin/slurmctld >/dev/null || { \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	  $$as_root apt-get update -qq && $$as_root env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -qq -y --no-install-recommends slurm-wlm munge; } >/dev/null 2>&1 || \
	echo "Slurm could not be installed here: its tests are skipped"

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)  ## the documentation as a site, in site/
	$(BIN)/mkdocs build --strict --quiet

bench: $(READY)  ## measure our speed against alternatives (and peers, from the bench extra), write docs/benchmarks.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]" $(PINS)
	test -d .venv-jax || ($(PYTHON) -m venv .venv-jax && .venv-jax/bin/python -m pip install --quiet --disable-pip-version-check jax)
	$(BIN)/python -m scripts.bench

peers: $(READY)  ## compare with other tools on the same answers, write docs/peers.md; PEERS="leakpro=FOLDER …" for source-only ones
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[peers]" $(PINS)
	$(BIN)/python -m scripts.peers --source $(PEERS)

audit-released: $(READY)  ## audit molecular models that others released, write docs/released_models.md; RELEASED=CLONE
	$(BIN)/python -m scripts.audit_released --folder $(RELEASED)

reproduce-paper: $(READY)  ## test all papers' claims, or one's: PAPER=molextract; SCALE=small; PLAN=1: say what it takes; PAGE=docs/molextract.md; SEEDS=1,2; MEASURED=docs/measured
	$(BIN)/python -m scripts.reproduce_paper $(PAPER) --scale $(SCALE) $(if $(PLAN),--plan) $(if $(PAGE),--page $(PAGE)) \
	  $(if $(SEEDS),--seeds $(SEEDS)) $(if $(MEASURED),--measured $(MEASURED))

matrix: $(READY)  ## every attack against every defence it can meet, in outputs/matrix/; SCALE=smoke
	$(BIN)/python -m scripts.matrix --scale $(SCALE)

exposure: $(READY)  ## when molecular encoders leak: measure the named cells, write docs/exposure.md; SCALE=smoke; PLAN=1
	$(BIN)/python -m scripts.exposure --scale $(SCALE) --jobs $(WORKERS) $(if $(PLAN),--plan)

defend: $(READY)  ## search the best defence, or FIND=attack the strongest attack; GAME="attack=… dataset=…" SCALE=smoke
	$(BIN)/python -m scripts.defend --find $(FIND) --scale $(SCALE) $(if $(GAME),--game $(GAME))

clean:  ## remove the environment and caches; outputs stay
	rm -rf .venv .venv-jax .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info src/*.egg-info
	find src scripts tests -name __pycache__ -type d -exec rm -rf {} +
