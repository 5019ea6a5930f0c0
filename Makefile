# Everything a developer does, from a fresh clone, with nothing but make and Python 3.11 or newer.
# Variables may be given on the command line: make run PORT=9000, make test PYTEST_ARGS="tests/embedded -x".

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
SUITABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))

# The first of these that is new enough and complete; the versions the suite runs on come first.
PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.11 python3 python; do \
	if "$$candidate" -c '$(SUITABLE)' >/dev/null 2>&1; then echo "$$candidate"; break; fi; done)

# Each test process starts servers of its own: more than four only compete for the disk.
TEST_WORKERS ?= $(shell count=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); \
	if [ "$$count" -gt 4 ]; then echo 4; else echo "$$count"; fi)

# What starts services, servers, processes or fleets of tenants of its own, and waits for them.
SLOW := tests/embedded tests/manage tests/doctor tests/migrations tests/storage tests/docs/test_psql.py tests/docs/test_readme.py \
	tests/test_integration.py tests/http/test_openapi_lived.py tests/http/test_outages.py tests/identity/test_no_secret_leaks.py \
	tests/identity/test_signing_keys.py tests/identity/test_limits.py tests/database/test_preparing.py \
	tests/database/test_refusals.py tests/database/test_shared_rights.py tests/platform/test_tenant_life.py \
	tests/tenants/test_creation.py tests/cache/test_fills.py tests/roles_teams/test_races.py \
	tests/sessions/test_everywhere.py tests/attachments/test_everywhere.py tests/ofrep/test_other_process.py \
	tests/audit_export tests/audit_log/test_retention.py tests/platform/test_platform_log.py \
	tests/mail/test_delivery.py tests/deploy tests/database/test_frozen.py tests/workers tests/cache/test_groups.py tests/replica \
	tests/shards tests/loading tests/tracing/test_collectors.py tests/restore
CLIENTS := tests/ofrep/node/clients_in_node.py tests/clients/typescript_in_node.py tests/clients/python_client.py \
	tests/clients/collection_in_node.py
RACES := tests/cache/test_races.py
BOUNCED := tests/pgbouncer
INTERLEAVED := tests/interleaving
FAULTS := tests/faults
FUZZED := tests/fuzzing
SECURITY := tests/security
SCANNED := tests/scanners
PACKS := $(RACES) $(BOUNCED) $(INTERLEAVED) $(FAULTS) $(FUZZED) $(SECURITY) $(SCANNED)

COMPILE := $(PY) -m uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-strip-extras --custom-compile-command "make requirements" $(if $(UPGRADE),--upgrade)

# $(call INSTALL,PACKAGE,WHAT FOR): a program that a target needs, where that can be done without asking.
INSTALL = { [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null; } || \
	{ echo "$(1) is needed, $(2) (Debian and Ubuntu: apt-get install $(1))." >&2; exit 1; }

# The scanners have an environment of their own: what they need is no part of the service, nor of its tests.
SCANNERS := .security
SCANNERS_INSTALLED := $(SCANNERS)/.installed
# So does each that attacks: they pin what they need in different versions.
ATTACKERS := .scanners
ATTACKERS_INSTALLED := $(ATTACKERS)/sqlmap/.installed $(ATTACKERS)/wapiti/.installed

# Python keeps what it compiled; without that every start would compile the libraries again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED) ## Make .venv with exactly the packages of requirements.txt

# --no-compile: a third of the time, and most of what is installed is never imported.
$(INSTALLED): requirements.txt
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c '$(SUITABLE)' >/dev/null 2>&1; then \
		echo "Python 3.11 or newer with its venv module is needed and was not found$(if $(PYTHON), as $(PYTHON));" >&2; \
		echo "install it (Debian and Ubuntu: apt-get install python3-venv) or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi
	@$(PY) -c '$(SUITABLE)' >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "Installing the packages of requirements.txt into $(VENV) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.txt
	@touch $@

run: $(INSTALLED) ## Start PostgreSQL, Valkey and the service on port 8008, with a demo tenant
	@$(PY) -m manage up

# By file: what a file prepares for its tests is prepared once, not in every process.
test: $(INSTALLED) ## Run the tests but the slow ones (PYTEST_ARGS="-k name" for some of them)
	@$(PY) -m pytest -n $(TEST_WORKERS) --dist loadfile -q $(or $(PYTEST_ARGS),tests $(SLOW:%=--ignore=%) $(PACKS:%=--ignore=%))

test-slow: $(INSTALLED) ## Run the tests that start services, servers and commands
	@$(PY) -m pytest -n $(TEST_WORKERS) -q $(or $(PYTEST_ARGS),$(SLOW))

test-races: $(INSTALLED) ## Race changes against the caches, a thousand rounds each (ROUNDS=n for others)
	@ROUNDS=$(or $(ROUNDS),1000) $(PY) -m pytest -q $(or $(PYTEST_ARGS),$(RACES))

# What it needs, tests/pgbouncer/install installs on Debian and Ubuntu.
test-pgbouncer: $(INSTALLED) ## Run the service behind PgBouncer in transaction mode
	@PGBOUNCER_REQUIRED=1 $(PY) -m pytest -q $(or $(PYTEST_ARGS),$(BOUNCED))

test-interleaving: $(INSTALLED) ## Ask for 200 tenants in any order, direct and by PgBouncer (REQUESTS=n of each, 10000)
	@PGBOUNCER_REQUIRED=1 REQUESTS=$(or $(REQUESTS),10000) $(PY) -m pytest -q $(or $(PYTEST_ARGS),$(INTERLEAVED))

# What it needs, tests/faults/install installs on Debian and Ubuntu.
test-faults: $(INSTALLED) ## Break the database, Redis, the network and the service for real, and measure (SLACK=n, 1)
	@SLACK=$(or $(SLACK),1) $(PY) -m pytest -q $(or $(PYTEST_ARGS),$(FAULTS))

soak: $(INSTALLED) ## Ask the service steadily and watch its memory and files (MINUTES=n, 10)
	@MINUTES=$(or $(MINUTES),10) $(PY) -m pytest -q tests/faults/soak.py

$(SCANNERS_INSTALLED): tests/security/requirements.txt $(INSTALLED)
	@$(PY) -m venv --clear $(SCANNERS)
	@$(SCANNERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/security/requirements.txt
	@touch $@

test-security: $(SCANNERS_INSTALLED) ## Look for secrets in the repository, and try make audit itself
	@$(PY) -m pytest -q $(or $(PYTEST_ARGS),$(SECURITY))

$(ATTACKERS)/%/.installed: tests/scanners/%.txt $(INSTALLED)
	@$(PY) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# -rP shows the figures.
test-scanners: $(ATTACKERS_INSTALLED) ## Attack a running service with sqlmap and wapiti, which must find nothing (SECONDS_EACH=n, 60)
	@SECONDS_EACH=$(or $(SECONDS_EACH),60) $(PY) -m pytest -q -rP $(or $(PYTEST_ARGS),$(SCANNED))

# Not part of .ci/run: it needs pypi.org, and fails where that cannot be asked.
audit: $(SCANNERS_INSTALLED) ## Fail if a pinned package has a known fault, or if that cannot be found out
	@$(SCANNERS)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off $(AUDIT_ARGS) -r requirements.txt || { \
		echo "Not passed: a package has a known fault, or that could not be found out; the lines above say which." >&2; exit 1; }

# By test: one of them takes as long as most others together. -rP shows the figures.
test-fuzz: $(INSTALLED) ## Fuzz a running service: schemathesis, hostile requests, a state machine (EXAMPLES=n, 2)
	@EXAMPLES=$(or $(EXAMPLES),2) $(PY) -m pytest -n 2 -q -rP $(or $(PYTEST_ARGS),$(FUZZED))

# The wheel stands in where there is no Node.js, or an old one.
test-clients: $(INSTALLED) ## Run the generated clients, and the official ones for OFREP, against the service
	@npm --version >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/ofrep/node/requirements.txt
	@$(PY) -m pytest -q $(or $(PYTEST_ARGS),$(CLIENTS))

test-browser: $(INSTALLED) ## Run the session of pages in Chromium, in two tabs
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || $(call INSTALL,chromium,to open the pages)
	@$(PY) -m pytest -q $(or $(PYTEST_ARGS),tests/clients/tabs_in_chromium.py)

check: $(INSTALLED) ## Lint, formatting and types, without changing a file
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(INSTALLED) ## Format the code and apply safe fixes
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

migrate: $(INSTALLED) ## Bring the database of DATABASE_URL and every tenant up to date
	@$(PY) -m manage migrate

revision: $(INSTALLED) ## Start a migration: make revision TREE=tenant MESSAGE="add x to y"
	@$(PY) -m manage revision --tree "$(TREE)" --message "$(MESSAGE)"
	@$(PY) -m ruff format --quiet migrations/*/versions

schema: $(INSTALLED) ## Write migrations/tenant/schema.sql from the migrations
	@$(PY) -m manage schema

env-example: $(INSTALLED) ## Write .env.example from the configuration model
	@$(PY) -m manage env-example

requirements: $(INSTALLED) ## Write all requirement files (UPGRADE=1 for the newest versions)
	@$(COMPILE) --all-extras --output-file requirements.txt
	@$(COMPILE) --extra tracing --output-file requirements-service.txt
	@$(COMPILE:pyproject.toml=tests/security/requirements.in) --output-file tests/security/requirements.txt
	@$(COMPILE:pyproject.toml=tests/scanners/sqlmap.in) --output-file tests/scanners/sqlmap.txt
	@$(COMPILE:pyproject.toml=tests/scanners/wapiti.in) --output-file tests/scanners/wapiti.txt

error-codes: $(INSTALLED) ## Write docs/errors.md from the errors of the code
	@$(PY) -m manage.error_codes docs/errors.md

openapi: $(INSTALLED) ## Write docs/openapi.json, and clients/http/collection.json from it
	@$(PY) -m manage openapi
	@$(PY) -m manage.collection clients/http/collection.json

promises: $(INSTALLED) ## Write docs/promises.md from the tests' marks
	@$(PY) -m manage promises

bench: $(INSTALLED) ## Measure against bare baselines (FAST=1: under two minutes; ONLY="users tools": only these)
	@command -v wrk >/dev/null || $(call INSTALL,wrk,to send the requests)
	@$(PY) -m benchmarks $(ONLY) $(if $(FAST),--fast)

bench-check: $(INSTALLED) ## Fail if a ratio is worse by more than a third than it was recorded
	@command -v wrk >/dev/null || $(call INSTALL,wrk,to send the requests)
	@$(PY) -m benchmarks $(ONLY) --fast --check

docker: ## Build the container image system-service
	docker build --tag system-service .

release: $(INSTALLED) ## Make the source archive of what is committed, and try it where nothing else is
	@.ci/release

clean: ## Remove .venv, .security, .scanners and caches; .data, with its databases and secrets, stays
	rm -rf $(VENV) $(SCANNERS) $(ATTACKERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
