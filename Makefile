# `make help` lists the targets. Needs git, make and Python 3.11 or 3.12 with pip; the rest is installed into .venv.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-slow test-services test-histories test-browser lint format demo screenshots openapi bench-engine bench-sync bench-web bench-history lock clean

PY := .venv/bin/python
RUNTIME := .venv/set-runtime
TEST := .venv/set-test
BROWSER := .venv/set-browser
CORES := -n auto --dist worksteal
POSTGRES_URL ?= postgres://lipsyncweb:lipsyncweb@127.0.0.1:5432/lipsyncweb
COMPILE := .tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --only-binary :all:

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

run: $(RUNTIME) ## Install what is needed and start the site (PORT=8000, DATA_DIR=data)
	@$(PY) -m lipsyncweb.run

demo: $(RUNTIME) ## Start a site on a free port and make a video over HTTP, as a client would
	@$(PY) manage.py demo

test: $(TEST) ## Run the tests that need no server and no browser
	$(PY) -m pytest --ignore=tests/browser $(CORES)

test-slow: $(TEST) ## Run the tests with real processes and waits
	$(PY) -m pytest -m slow --ignore=tests/browser $(CORES)

test-services: $(TEST) ## Run the tests against PostgreSQL, Redis and RabbitMQ
	$(PY) -m pytest -m services --ignore=tests/browser
	DATABASE_URL=$(POSTGRES_URL) $(PY) -m pytest $(CORES) tests/accounts tests/jobs tests/faults tests/views
	DATABASE_URL=$(POSTGRES_URL) $(PY) -m pytest $(CORES) -m slow tests/jobs/test_derived.py tests/views/test_links_by_role.py

test-histories: $(TEST) ## Run 10,000 random steps of credits on SQLite and on PostgreSQL, both at once
	@DATABASE_URL=$(POSTGRES_URL) $(PY) -m pytest -m histories tests/jobs & other=$$!; \
	$(PY) -m pytest -m histories tests/jobs; mine=$$?; wait $$other && exit $$mine

test-browser: $(BROWSER) ## Run the tests in Chromium (Debian: apt-get install chromium)
	$(PY) -m pytest -m browser tests/browser/test_weight.py
	$(PY) -m pytest -m browser -n 2 --dist loadfile --ignore=tests/browser/test_weight.py

lint: $(TEST) ## Check style, format, import direction and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/mypy

format: $(TEST) ## Put the code into the house format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

screenshots: $(BROWSER) ## Photograph every page, light and dark, in each language (TO=, ONLY=/jobs, SERIES=phone-dark, README=1)
	$(PY) docs/screenshots.py $(if $(TO),--to $(TO)) $(if $(ONLY),--only $(ONLY)) $(if $(SERIES),--series $(SERIES)) $(if $(README),--readme)

openapi: $(RUNTIME) ## Write the OpenAPI document again after a change of the API
	@$(PY) manage.py export_openapi_schema --api jobs.api.site.api --indent 2 --output jobs/api/openapi.json

bench-engine: $(RUNTIME) ## Measure the engine's speed, memory and file size (ONLY=3s, LONG=1 for ten minutes)
	@$(PY) -m jobs.engine.bench engine $(if $(ONLY),--only $(ONLY)) $(if $(LONG),--long)

bench-sync: $(RUNTIME) ## Measure sync and identity with their controls (MEDIA=folder, EVERY=4 for less)
	@$(PY) -m jobs.engine.bench judge $(if $(MEDIA),--media $(MEDIA)) $(if $(EVERY),--every $(EVERY))

bench-web: $(TEST) ## Measure the API beside hand-written views, with SQLite and PostgreSQL (ROUNDS=100, POSTGRES_URL=)
	@$(PY) -m tests.bench.web --rounds $(or $(ROUNDS),100) --postgres "$(POSTGRES_URL)"

bench-history: $(TEST) ## Measure the history's pages at a million jobs, with SQLite and PostgreSQL (ROWS=, POSTGRES_URL=)
	@$(PY) -m tests.bench.history --rows $(or $(ROWS),1000000) --postgres "$(POSTGRES_URL)"

lock: $(RUNTIME) ## Resolve pyproject.toml into the lock files again
	$(COMPILE) --group setup -o requirements-setup.lock
	$(COMPILE) pyproject.toml --extra payments --extra services -o requirements.lock
	$(COMPILE) pyproject.toml --extra payments --extra services --group test -o requirements-test.lock
	$(COMPILE) pyproject.toml --extra payments --extra services --group test --group browser -o requirements-browser.lock

clean: ## Remove the virtual environment and caches; data/ stays
	rm -rf .venv .tools .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements.lock requirements-setup.lock deploy/setup.sh
	@deploy/setup.sh runtime

$(TEST): requirements-test.lock requirements-setup.lock deploy/setup.sh
	@deploy/setup.sh test

$(BROWSER): requirements-browser.lock requirements-setup.lock deploy/setup.sh
	@deploy/setup.sh browser
