# make face: a real head and its finished model, in the viewer.  make demo: the whole line on that head.  make test: lint, types, tests.  Both make their own virtual environment.
# make fuzz: every reader against 2,000 damaged files each.  make matrix: core and runtime on other versions of Python and numpy.
# make module: dist/aim_maya-<version>.zip for Maya; needs nothing but Python.  make dist: the wheel, tried in a fresh environment.
# make docs: the pages as a site in out/site, every link checked.  make sbom: what is installed, as CycloneDX.
# make reproduce: the benchmark of benchmark/, from training to the page; QUICK=1 is done in ten minutes.
# make gpu-check: whether and how fast a face runs on this machine's NVIDIA card; ORT='onnxruntime-gpu[cuda,cudnn]<1.27' for CUDA 12.
# make gpu-rehearsal: what onnxruntime-gpu and torch call on a card, seen on Linux without one; needs gcc.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
TOOLS = $(VENV)/tools
FUZZ ?= 2000
GPU ?= out/gpu-venv
ORT ?= onnxruntime-gpu[cuda,cudnn]

.PHONY: venv face demo test fuzz matrix gpu-check gpu-rehearsal audit lint module dist docs sbom reproduce clean

venv: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install -q --no-deps -c constraints.txt --target $(VENV)/stubs/api maya-stubs
	$(BIN)/python -m pip install -q --no-deps -c constraints.txt --target $(VENV)/stubs/cmds types-maya
	touch $@

face: venv
	$(BIN)/aimface sample out/face --trained
	$(BIN)/aimface view out/face.aim

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

gpu-check: $(GPU)/.ready
	$(GPU)/bin/python -m tests.gpu.check

gpu-rehearsal: $(GPU)/.ready
	$(GPU)/bin/python -m tests.gpu.without_card --training

$(GPU)/.ready: pyproject.toml
	$(PYTHON) -m venv $(GPU)
	$(GPU)/bin/python -m pip install -q -e ".[dev]"
	$(GPU)/bin/python -m pip uninstall -q -y onnxruntime
	$(GPU)/bin/python -m pip install -q "$(ORT)"
	touch $@

audit: venv
	$(BIN)/python -m pip install -q pip-audit
	$(BIN)/python -m tests.helpers.audit

module:
	$(PYTHON) mod/build.py

$(TOOLS)/.ready: release/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install -q -r release/tools.txt
	touch $@

dist: $(TOOLS)/.ready
	$(TOOLS)/bin/python release/check.py

docs: $(TOOLS)/.ready
	NO_MKDOCS_2_WARNING=1 $(TOOLS)/bin/mkdocs build --strict --clean --quiet
	@echo "open out/site/index.html; for the search: $(PYTHON) -m http.server -d out/site 8000, then http://localhost:8000"

sbom: venv $(TOOLS)/.ready
	mkdir -p dist
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o dist/sbom.cdx.json $(BIN)/python
	$(BIN)/python -c "import json, aim_maya; f = 'dist/sbom.cdx.json'; d = json.load(open(f)); \
	d['metadata']['component']['version'] = aim_maya.__version__; json.dump(d, open(f, 'w'), indent=1)"
	@echo dist/sbom.cdx.json

reproduce: venv
	$(BIN)/python benchmark/reproduce.py $(if $(QUICK),--quick)

clean:
	rm -rf $(VENV) out build dist *.egg-info
