# `make check` is what CI runs, in this order: the quick answers first.
.PHONY: check format lint test fixtures conformance static hosted deny bench

check: format lint test fixtures conformance static hosted

format:
	cargo fmt --all --check

lint:
	cargo clippy --all-targets --locked -- -D warnings

test:
	cargo test --locked

# The public fixtures of the TOON format (needs npm).
fixtures:
	tests/toon_fixtures.sh

# The official conformance suite of MCP (needs npm; brings its own Node).
conformance:
	tests/conformance/run.sh

# The static binary, in an empty root (needs musl-tools).
static:
	scripts/test-static.sh

# The control plane, on real PostgreSQL, PostgREST and Deno (needs npm, and apt for pgTAP).
hosted:
	scripts/test-hosted.sh

# Licences, bans and sources of the dependencies (needs cargo-deny).
deny:
	cargo deny check

bench:
	benches/run.sh
