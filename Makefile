# Thin: the same steps by hand stand in the README.
.PHONY: demo test check lock pictures bench clean mutants

demo: .venv/.ready
	.venv/bin/peerhub demo

test: .venv/.ready-for-tests
	.venv/bin/python -m pytest

check: .venv/.ready-for-tests
	.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy

.venv/.ready: requirements.txt pyproject.toml .ci/setup
	.ci/setup requirements.txt
	touch $@

.venv/.ready-for-tests: requirements-test.txt pyproject.toml tests/calendars/package-lock.json .ci/setup .ci/chromium .ci/calendars
	.ci/setup requirements-test.txt
	.ci/chromium
	.ci/calendars
	touch $@ .venv/.ready

lock:
	.ci/lock

clean:
	rm -rf .venv .tools

pictures: .venv/.ready-for-tests
	.venv/bin/python -m docs.draw

# make bench SESSIONS="60 300" BUDDIES="1000" LIMIT=30; networkx and rustworkx are the extra `bench`
SESSIONS ?= 60 300 1000 5000 20000
BUDDIES ?= 60 300 1000 10000
LIMIT ?= 60
PROCESSES ?= 2
RESULTS ?= bench/results.jsonl
bench: .venv/.ready-for-tests
	-.venv/bin/python -m bench.sessions --people $(SESSIONS) --seconds $(LIMIT) --processes $(PROCESSES) --out $(RESULTS)
	-.venv/bin/python -m bench.sessions --kind buddies --people $(BUDDIES) --seconds $(LIMIT) --out $(RESULTS)
	-.venv/bin/python -m bench.buddies --people $(BUDDIES) --out $(RESULTS)
	-.venv/bin/python -m bench.golfers
	-.venv/bin/python -m bench.published
	.venv/bin/python -m bench.picture $(RESULTS)

mutants: .venv/.ready-for-tests
	.venv/bin/python -m mutants.run
