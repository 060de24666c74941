# The project's commands; `make` alone lists them. Hooks and CI call the same ones.

PYTHON ?= $(shell python3.11 -c 'import sys; print(sys.executable)' 2>/dev/null || command -v python3)
TORCH_INDEX ?=
SOURCE ?=
RECIPE ?=
GENERATOR ?= patch
SECONDS ?= 60
DIGITS ?= 37
VENV := .venv

bin := $(VENV)/bin
locks := infra/requirements
installed := $(VENV)/.installed
workers := --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
lock := $(bin)/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate \
        --overrides $(locks)/overrides.txt pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help install up down drill check test test-unit coverage docs fuzz mutants bench bench-full lock format

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(installed)  ## Build .venv (PYTHON=<3.11 or 3.12>, VENV=<another folder>, TORCH_INDEX=<index to take torch from>)

# torch comes first and from the index of the user's choice, so that the lock serves CPU and GPU alike.
# infra/docs/decisions/0001-torch-outside-the-lock.md gives the reasons.
$(installed): pyproject.toml $(locks)/torch.txt $(locks)/all.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
		|| { echo "Truegrain needs Python 3.11 or 3.12; name one with PYTHON=<path>"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(bin)/python -m pip install --quiet --constraint $(locks)/all.txt uv
	$(bin)/python -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) --requirement $(locks)/torch.txt
	$(bin)/uv pip install --python $(bin)/python --compile-bytecode --requirement $(locks)/all.txt
	$(bin)/uv pip install --python $(bin)/python --no-deps --editable .
	@touch $@

up: install  ## Start everything, train and promote a detector, serve it (SOURCE=<your images, or a TOML file that declares them> RECIPE=<how to train>)
	@$(if $(SOURCE),TRUEGRAIN_SOURCE='$(SOURCE)') $(if $(RECIPE),TRUEGRAIN_RECIPE='$(RECIPE)') $(bin)/python -m truegrain_local.up

down: install  ## Stop everything that `make up` started
	@$(bin)/python -m truegrain_local.down

drill: install  ## Let a generator that nobody has seen loose on a platform of its own (GENERATOR=<a built-in one>)
	@$(bin)/python -m truegrain_local.drill '$(GENERATOR)'

check: install  ## Format, lint, types, import contracts, declared dependencies, spelling
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/deptry .
	$(bin)/codespell

test: install  ## Run every test
	$(bin)/pytest $(workers) --durations=10

test-unit: install  ## Run the tests that start no platform, as for a second Python (VENV=.venv-3.12 PYTHON=<python 3.12>)
	$(bin)/pytest $(workers) tests/model tests/expectations tests/plugins tests/service

coverage: install  ## Run every test and say which lines and branches they reach; takes half as long again
	$(bin)/pytest --cov --cov-report=term:skip-covered

docs: install  ## Write the reference from the code, and build the manual into infra/docs/build
	$(bin)/python -m truegrain_docs
	$(bin)/sphinx-build -q -W --keep-going --jobs auto infra/docs infra/docs/build

fuzz: install  ## Fuzz every parser of what strangers send (SECONDS=<for all together>; an hour by hand, a minute in CI)
	$(bin)/uv pip install --quiet --python $(bin)/python --requirement $(locks)/fuzz.txt
	$(bin)/python -m truegrain_fuzz --seconds $(SECONDS)

mutants: install  ## Change the code of judgement in small ways, which tests must notice (DIGITS=0123456789 for all, not a fifth)
	$(bin)/uv pip install --quiet --python $(bin)/python --requirement $(locks)/mutants.txt
	$(bin)/python -m truegrain_mutants --digits $(DIGITS)

bench: install  ## Measure the figures of the manual and write infra/bench/results.json; then `make docs`
	$(bin)/python -m truegrain_bench

bench-full: install  ## Measure everything, which takes long (CIFAKE_SEED=<folder or archive> for the small real set)
	$(bin)/python -m truegrain_bench --full

lock: install  ## Compile infra/requirements/ from pyproject.toml
	$(lock) --extra service --extra c2pa --extra pipeline --extra training --extra weights --extra hub --extra s3 --extra local --extra docs --group dev --output-file $(locks)/all.txt
	$(lock) --extra service --extra c2pa --extra postgres --constraint $(locks)/all.txt --output-file $(locks)/service.txt
	$(lock) --extra pipeline --extra service --extra training --extra weights --extra hub --extra s3 --extra postgres --extra accounts --extra statsd \
		--constraint $(locks)/all.txt \
		--output-file $(locks)/pipeline.txt
	$(bin)/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --group pyproject.toml:fuzz \
		--output-file $(locks)/fuzz.txt
	$(bin)/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --group pyproject.toml:mutants \
		--constraint $(locks)/all.txt --output-file $(locks)/mutants.txt

format: install  ## Rewrite the code in the project's format and fix what can be fixed
	$(bin)/ruff check --fix .
	$(bin)/ruff format .
