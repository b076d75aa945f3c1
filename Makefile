# Needs Python >= 3.11, git and make; everything else is fetched once and cached.
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export PATH := $(PATH):$(CURDIR)/.tools/bin
export MYPY_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/livekit-prober/mypy
UV := .tools/bin/uv
BIN := .venv/bin
version_of = $(shell $(1) -c 'import sys; print(*sys.version_info)' 2>/dev/null)

.PHONY: help setup run demo test lint unit pure edge stack alone side-by-side golden fuzz calibrate steadiness detection reaction soak drills incident month page-drill leftovers faults dashboards image k8s-test scaling locks clean
help:            ## show this list
	@grep -E '^[a-z0-9-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

setup: .venv/.ready  ## everything that run and test need
	@$(BIN)/python -m prober.refstack

run: setup       ## one full run against the reference stack
	@$(BIN)/livekit-prober demo --once

demo: setup      ## the reference product with the canary on it, until Ctrl-C
	@$(BIN)/livekit-prober demo

test: setup lint  ## everything: lint, types, import rules, all tests
	@$(MAKE) --no-print-directory -j2 pure alone
	@$(MAKE) --no-print-directory edge
	@$(MAKE) --no-print-directory side-by-side

lint: .venv/.ready  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

unit: .venv/.ready  ## the tests that need no server
	@$(BIN)/pytest -m "not cluster" --ignore tests/stack -n 3 --dist loadgroup $(PYTEST_ARGS)

pure: .venv/.ready  # the tests that only compute, with what of the CPU nobody else wants
	@$(BIN)/pytest tests/unit tests/golden --give-way $(PYTEST_ARGS)

edge: .venv/.ready  # all others that need no server
	@$(BIN)/pytest -m "not cluster" --ignore tests/unit --ignore tests/golden --ignore tests/stack -n 3 --dist loadgroup $(PYTEST_ARGS)

stack: setup     ## the tests on the real server and agents
	@$(MAKE) --no-print-directory alone
	@$(MAKE) --no-print-directory side-by-side

alone: setup     # what measures; told at its end, for `make test` has `pure` beside it
	@mkdir -p build && $(BIN)/pytest tests/stack -m alone $(PYTEST_ARGS) >build/alone.log 2>&1; ended=$$?; cat build/alone.log; exit $$ended

side-by-side: setup  # all others on three stacks
	@$(BIN)/pytest tests/stack -m "not alone" -n 3 --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

golden: .venv/.ready  ## derive the golden records again and show what changed
	@$(BIN)/python -m tests.golden.regenerate && git diff --stat -- tests/golden

calibrate: setup  ## measure the instrument, write docs/accuracy.md (resumes where it stopped)
	@$(BIN)/python -m tests.stack.calibration

steadiness: setup  ## 280 runs against a healthy product, write docs/steadiness.md (resumes where it stopped)
	@$(BIN)/python -m tests.stack.steadiness

detection: .venv/.ready  ## simulate how soon the canary sees an outage, write docs/operations.md
	@$(BIN)/python -m tests.detection

reaction: setup  ## measure on the stack how soon the canary sees an outage, write docs/operations.md (resumes where it stopped)
	@$(BIN)/python -m tests.stack.reaction

soak: setup      ## the canary for an hour at a hard pace, write docs/operations.md (resumes where it stopped)
	@$(BIN)/python -m tests.stack.soak

drills: setup    ## break everything under the running canary, write docs/operations.md (resumes where it stopped)
	@$(BIN)/python -m tests.stack.drill_rounds

incident: setup  ## break the demo by its switch and see page, metrics and log tell, write docs/operations.md
	@$(BIN)/python -m tests.stack.incident

fuzz: .venv/.ready  ## anything to whatever reads what others wrote, 5000 cases a test; `make test` tries fewer
	@$(BIN)/pytest tests/fuzz --hypothesis-profile fuzz --hypothesis-show-statistics $(PYTEST_ARGS)

month: .venv/.ready  ## 30 simulated days through the committed rules in Prometheus, write docs/slo.md
	@$(BIN)/python -m tests.backfill

page-drill: setup  ## from a fault to a page and back at the default intervals, write docs/slo.md (resumes where it stopped)
	@$(BIN)/python -m tests.stack.page_drill

leftovers: setup  ## 30 runs in a row leave nothing behind
	@$(BIN)/pytest -m stack --runs-in-a-row 30 tests/stack/test_leaves_nothing.py

faults: setup    ## every fault of the reference stack in a run of its own, write docs/faults.md (ROUNDS=3: three times)
	@$(BIN)/python -m tests.stack.fault_matrix --rounds $(or $(ROUNDS),1)

dashboards: .venv/.ready  ## write the dashboards, and draw them with Grafana's panel library over a month of data
	@$(BIN)/python -W ignore::DeprecationWarning -m grafana.generate
	@$(BIN)/python -m tests.system.dashboards.pictures

image: .venv/.ready  ## build the image, list what is in it in build/sbom.cdx.json, write docs/container.md
	@$(BIN)/python -m tests.image

k8s-test: .venv/.ready  ## the manifests on a real Kubernetes API server, built once (10 minutes)
	@$(BIN)/pytest -m cluster $(PYTEST_ARGS)

scaling: setup   ## what a run costs, write docs/scaling.md (resumes where it stopped)
	@$(BIN)/python -m tests.stack.scaling

locks: .tools/.ready  ## resolve all versions again, with hashes
	@./requirements/lock.sh $(UV)

clean:           ## remove the environments of this folder (the user's cache stays)
	rm -rf .venv .tools

define good_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed; $$($(PYTHON) --version) was found. Name another one with: make PYTHON=python3.12 …" >&2; exit 2; }
endef

.tools/.ready: requirements/tools.txt
	$(good_python)
	@echo "Setting up uv in .tools …"
	@$(PYTHON) -m venv --clear .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt && touch $@

ifneq ($(call version_of,$(BIN)/python),$(call version_of,$(PYTHON)))  # missing, broken, or made by another Python
.PHONY: .venv/.ready
NEW_VENV := $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv
endif

.venv/.ready: requirements/dev.txt pyproject.toml | .tools/.ready
	$(good_python)
	@echo "Setting up the environment in .venv …"
	@$(NEW_VENV)
	@$(UV) pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable '.[demo]'
	@$(BIN)/python -m compileall -q prober  # where Python may not write bytecode itself, a run would compile everything again
	@touch $@
