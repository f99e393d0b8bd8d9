# make demo   see it work: simulated exchanges, daemon and gateway, all on this machine
# make test   prove it: everything that CI checks
# make run    the real thing: the daemon on the live exchange
#
# The rest: dashboard (builds the page), bench (speed, as ratios to a yardstick), soak (a million answers under faults, a million damaged frames), fuzz (longer), format, wheel, clean.
# install-systemd (as root): flowrs as a service of this machine, docs/operations.md; uninstall-systemd takes it away.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
NATIVE := $(wildcard csrc/*.c csrc/*.h) flowrs/core/_build.py setup.py pyproject.toml

.PHONY: demo test run bench soak fuzz format wheel clean bootstrap dashboard test-dashboard
.PHONY: check-style check-types check-c check-python check-dashboard
.PHONY: install-systemd uninstall-systemd test-systemd

demo: $(READY)
	@$(BIN)/flowrs demo || test $$? = 130

run: $(READY)
	@$(BIN)/flowrs run

test: check-style check-types check-c check-python check-dashboard

# What the machine has to bring: Python 3.11 with venv and headers, a C compiler. Installed where that is possible.
bootstrap:
	@sh scripts/bootstrap.sh $(PYTHON)

$(READY): $(NATIVE) | bootstrap
	@echo "setting up $(VENV) (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --group dev --editable .
	@# and by its path: else a folder that holds a checkout named flowrs would hide the package from programs in it
	@pwd > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/flowrs-checkout.pth"
	@touch $@

check-style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) -C csrc format-check CLANG_FORMAT=$(abspath $(BIN))/clang-format

check-types: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy plugins-example/flowrs-okx/flowrs_okx.py

check-c: $(READY)
	$(MAKE) -C csrc test fuzz-smoke

check-python: $(READY)
	$(BIN)/python -m pytest

# Types, tests without a browser, and that flowrs/gateway/static is what the sources build.
check-dashboard: bootstrap
	@sh scripts/dashboard.sh check

# The page in a real browser, in front of the gateway, the daemon and simulated exchanges.
test-dashboard: $(READY)
	@sh scripts/bootstrap.sh $(PYTHON) chromium
	@FLOWRS_PYTHON=$(abspath $(BIN))/python sh scripts/dashboard.sh browser

# Writes flowrs/gateway/static, which is committed: whoever installs flowrs needs no Node.js.
dashboard: bootstrap
	@sh scripts/dashboard.sh build

bench: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group peers || echo "without peers"
	@$(BIN)/python benchmarks/bench.py $(if $(JSON),--json $(JSON)) $(PARTS)

soak: $(READY)
	FLOWRS_ANSWERS=1000000 $(BIN)/python -m pytest -q -k random_faults tests/feed/test_truth_under_faults.py
	FLOWRS_MUTATED=1000000 $(BIN)/python -m pytest -q -k damaged tests/feed/test_templates.py

fuzz:
	$(MAKE) -C csrc fuzz

format: $(READY)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(MAKE) -C csrc format CLANG_FORMAT=$(abspath $(BIN))/clang-format

wheel: $(READY)
	@rm -rf dist build
	@$(BIN)/python -m build --wheel --outdir dist .

# Boots a small Debian with the services in it (root, debootstrap, systemd-nspawn); says why where that cannot be.
test-systemd: wheel
	@sh tests/systemd/run.sh $(BIN)/python dist/flowrs-*.whl

# Needs Python with venv and headers and a C compiler, or WHEEL=a wheel of flowrs; not the environment of the developers.
install-systemd:
	@PYTHON=$(PYTHON) sh scripts/install-systemd.sh install

uninstall-systemd:
	@sh scripts/install-systemd.sh uninstall

clean:
	rm -rf $(VENV) build dist *.egg-info flowrs/core/_native.* csrc/build
