# Thin: the same steps by hand stand in the README.
.PHONY: demo test check lock pictures clean

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
