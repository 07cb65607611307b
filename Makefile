# make demo: the whole line on the sample actor.  make test: lint, types, tests.  Both make their own virtual environment.
# make fuzz: every reader against 2,000 damaged files each.  make matrix: core and runtime on other versions of Python and numpy.
# make module: dist/aim_maya-<version>.zip for Maya; needs nothing but Python.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
FUZZ ?= 2000

.PHONY: venv demo test fuzz matrix audit lint module clean

venv: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install -q --no-deps -c constraints.txt --target $(VENV)/stubs/api maya-stubs
	$(BIN)/python -m pip install -q --no-deps -c constraints.txt --target $(VENV)/stubs/cmds types-maya
	touch $@

demo: venv
	$(BIN)/aimface demo --out out/demo

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.maya_types.stub_check $(VENV)/stubs

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

fuzz: venv
	AIM_FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz -n 2

matrix: venv
	$(BIN)/python -m tests.helpers.matrix

audit: venv
	$(BIN)/python -m pip install -q pip-audit
	$(BIN)/python -m tests.helpers.audit

module:
	$(PYTHON) mod/build.py

clean:
	rm -rf $(VENV) out build dist *.egg-info
