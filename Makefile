# Everything a contributor does. `make help` lists it; each target does its own set-up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
SEEDS ?= 20000
MINUTES ?= 120
UV := $(shell command -v uv || echo build/uv/bin/uv)
RUN := .venv/bin/python
export UV_PYTHON_DOWNLOADS := never
# Where an environment forbids caches of compiled modules, each of the tests' hundred processes compiles all it imports.
export PYTHONDONTWRITEBYTECODE :=
.PHONY: help setup demo test test-fast test-lowest check format bench bench-api bench-history latency kafka faults soak simulate generated

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## put everything into .venv, with .venv/bin/octyseg in it

build/uv/bin/uv:
	$(PYTHON) -m venv build/uv && build/uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

.venv/.ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

demo: setup ## an hour of shop traffic through the whole of it, in seconds
	@$(RUN) -m examples.demo

test: setup ## everything a contributor needs (starts its own Valkey, and Kafka where Java is)
	$(RUN) -m pytest -m 'not faults' -n 2 --dist loadgroup --no-loadscope-reorder

test-fast: setup ## without Kafka and without the long ones, under a minute
	$(RUN) -m pytest -m 'not faults and not kafka and not slow' -n 2 --dist loadgroup --no-loadscope-reorder

test-lowest: setup ## what `make test` does, with the lowest versions that pyproject.toml allows
	$(UV) venv --quiet --allow-existing --python $(PYTHON) build/lowest
	$(UV) pip install --quiet --python build/lowest/bin/python --resolution lowest-direct --editable '.[clickhouse,spark]' --group dev
	build/lowest/bin/python -m pytest -m 'not faults' -n 2 --dist loadgroup --no-loadscope-reorder

check: setup ## lint, format, types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: setup ## let ruff write
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: setup ## events per second, as ratios within one run; writes build/bench/live.json
	$(RUN) -m tests.benchmarks

latency: setup ## from an append to the change on octyseg.tags, and how late inactions are
	$(RUN) -m tests.benchmarks.latency

bench-api: setup ## events through the HTTP API, and questions about a segment of 1,000,000; writes build/bench/api.json
	$(RUN) -m tests.benchmarks.api

bench-history: setup ## 100 past definitions over 100,000,000 events: minutes, and some GiB of disk
	$(RUN) -m tests.benchmarks.history

kafka: setup ## a real Kafka broker on loopback until interrupted
	$(RUN) -m deploy.kafka.broker

faults: setup ## the long fault matrix on a real broker
	$(RUN) -m pytest -m faults --timeout 3600 -o faulthandler_timeout=4000

soak: setup ## traffic and rebalances, and the memory of workers, e.g. make soak MINUTES=30
	OCTYSEG_SOAK_MINUTES=$(MINUTES) $(RUN) -m pytest tests/kafka/test_soak.py --timeout 36000 -o faulthandler_timeout=40000

simulate: setup ## the seeded simulation, e.g. make simulate SEEDS=100000, and every law on ten times the cases
	OCTYSEG_SIMULATION_SEEDS=$(SEEDS) OCTYSEG_TEST_LENGTH=10 $(RUN) -m pytest tests/simulation tests/engine tests/history tests/topologies/test_rebalances.py \
		-m 'not kafka' --timeout 36000 -o faulthandler_timeout=40000

generated: setup ## write what is made from code again: the JSON Schema of definitions, the dashboard, the topics
	$(RUN) -m octyseg.model.definitions.schema > docs/schema/definitions.schema.json
	$(RUN) -m deploy.dashboards > deploy/dashboards/octyseg.json
	$(RUN) -m deploy.topics > deploy/topics/strimzi.yaml
