# Everything happens in $(VENV); nothing is installed elsewhere. How packages are found is up to your
# pip configuration (pip.conf, PIP_INDEX_URL, ...).
#   make demo            build the example project's layers
#   make test            all tests; they need a package index as pip finds it, and those of containers an engine
#   make test-offline    all tests that need no network
#   make test-images     the images that tests run in (needs an engine, mmdebstrap and root)
#   make lint            ruff, mypy, import-linter
#   make bench           measure against sam build and a bare interpreter (takes minutes)

PYTHON ?= python3
VENV ?= .venv
DEMO ?= examples/shop
# Tests run in as many processes as there are cores; PYTEST_ARGS adds to that, or takes it back (-n 0).
PYTEST_ARGS ?=

bin := $(abspath $(VENV))/bin
# Settings that send an installation elsewhere, or forbid it, are meant for other environments than this one.
pip := env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT -u PIP_USER -u PIP_PYTHON -u PIP_DRY_RUN -u PIP_NO_DEPS \
	-u PIP_REQUIRE_HASHES -u PIP_NO_BUILD_ISOLATION -u PIP_REQUIREMENT -u PIP_EDITABLE -u PIP_GROUP \
	-u PYTHONPATH -u PYTHONHOME PIP_DISABLE_PIP_VERSION_CHECK=1 $(bin)/python -m pip install -qq

# Tests of containers run if an engine answers, or if LAYERFORGE_TEST_CONTAINERS says that they must.
engine := $(bin)/python -c 'import sys, tests.images.making as m; sys.exit(not m.answers())'

# The same for those of the HTML report, and Chromium.
leave_out_browser := if [ -z "$$LAYERFORGE_TEST_BROWSER" ] && \
	! { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; then \
		echo "there is no Chromium: tests of the HTML report are left out (see CONTRIBUTING.md)"; \
		left="$${left:+$$left and }not browser"; \
	fi

.PHONY: help demo test test-offline test-images lint bench clean

help:
	@sed -n 's/^#   make/make/p' Makefile

demo: $(VENV)/.installed
	@cd "$(DEMO)" && $(bin)/layerforge build

test: $(VENV)/.installed-dev
	@left=; \
	if [ -z "$$LAYERFORGE_TEST_CONTAINERS" ] && ! $(engine); then \
		echo "no container engine answers, or mmdebstrap is missing: tests that need them are left out (see CONTRIBUTING.md)"; \
		left="not container"; \
	fi; \
	$(leave_out_browser); \
	$(bin)/python -m pytest -n auto -m "$$left" $(PYTEST_ARGS)

test-offline: $(VENV)/.installed-dev
	@left="not network and not container"; \
	$(leave_out_browser); \
	$(bin)/python -m pytest -n auto -m "$$left" $(PYTEST_ARGS)

test-images: $(VENV)/.installed-dev
	@$(bin)/python -m tests.images

lint: $(VENV)/.installed-dev
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/mypy
	@$(bin)/lint-imports

bench: $(VENV)/.installed-dev
	@failed=0; for benchmark in benchmarks/*.py; do \
		echo "== $$benchmark"; $(bin)/python "$$benchmark" || failed=1; \
	done; exit $$failed

clean:
	rm -rf $(VENV)

# The stamps are younger than pyproject.toml while what it asks for is installed; layerforge itself is
# installed in editable mode, so that its code is never stale.
$(VENV)/.installed: pyproject.toml | $(VENV)/.created
	@echo "installing layerforge into $(VENV)"
	@$(pip) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.created
	@echo "installing layerforge and what its tests need into $(VENV)"
	@$(pip) "pip>=25.3,<27"
	@$(pip) --editable . --group test --group lint
	@touch $@ $(VENV)/.installed

$(VENV)/.created:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "error: there is no $(PYTHON); layerforge needs Python 3.11 or newer: make PYTHON=python3.13 ..." >&2; \
		exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON) is `$(PYTHON) -V 2>&1`; layerforge needs 3.11 or newer: make PYTHON=python3.13 ..." >&2; \
		exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
		exit 2; }
	@"$(PYTHON)" -m venv "$(VENV)"
	@touch $@
