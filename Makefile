# The words that a laptop and CI share. `make help` lists them.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TOOLS := $(CURDIR)/target/tools
export PATH := $(TOOLS)/bin:$(PATH)

# The official Cedar command, which must read what `policy export` writes.
CEDAR_VERSION := 4.14.1
CARGO_DENY_VERSION := 0.20.2
COPYPARTY_VERSION := 1.20.26
RCLONE_VERSION := 1.75.2
SCHEMATHESIS_VERSION := 4.32.5
CARGO_FUZZ_VERSION := 0.13.2
FUZZ_SECONDS ?= 60

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: needs ## Build in release and start a gateway with a sample gallery on http://localhost:8080
	cargo build --release --locked -p vestibule
	target/release/vestibule demo

.PHONY: test
test: needs tools oidc browser camera-files postgres directories webdav schemathesis ## Install what the tests need, and run them all
	INSTA_UPDATE=no tests/run.sh

.PHONY: trials
trials: needs postgres ## Revoke 10,000 times: each must be in force for the next request; takes some minutes
	cargo build --workspace --locked --lib --bins --tests
	VESTIBULE_TRIALS=10000 cargo test --workspace --locked --lib --bins --tests -- in_force:: --nocapture

.PHONY: lint
lint: needs cargo-deny ## rustfmt, clippy, rustdoc with warnings as errors; licences, sources, bans
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo fetch --locked --quiet
	cargo deny --offline --locked check bans licenses sources

.PHONY: ci
ci: ## What CI runs: lint, then test
	.ci/run

.PHONY: quick
quick: ## Before a commit: formatting, and the tests about the repository itself
	cargo fmt --all --check
	cargo test --locked -q -p vestibule-tests --test repo -- --skip program::

.PHONY: check
check: ## rustfmt, clippy and rustdoc, without what needs an installation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

.PHONY: bless
bless: needs tools oidc browser camera-files postgres directories webdav schemathesis ## Run the tests and take over what they generate now; review the difference
	INSTA_UPDATE=always INSTA_FORCE_PASS=1 tests/run.sh

.PHONY: drift
drift: bless ## Fail if a generated file differs from what the sources make
	git diff --exit-code

.PHONY: deny-advisories
deny-advisories: cargo-deny ## Known vulnerabilities of dependencies; needs a network
	cargo deny check advisories

.PHONY: setup
setup: ## Once after cloning: run `make quick` before each commit
	git config core.hooksPath .githooks

.PHONY: screenshot
screenshot: needs ## Take the README's picture anew, of the demo's gallery in a headless browser
	cargo build --release --locked -p vestibule
	tests/screenshot.sh target/release/vestibule gateway/docs/gallery.png

.PHONY: needs
needs: ## Install what the build needs, where that is allowed: a C compiler, cmake, nasm
	@tests/setup.sh build

.PHONY: tools
tools: needs ## Install the official `cedar` command, which tests run, into target/tools
	@tests/setup.sh cedar $(CEDAR_VERSION) $(TOOLS)

.PHONY: oidc
oidc: ## Install the provider of OpenID Connect that tests sign in at into target/tools
	@tests/setup.sh oidc $(TOOLS)/oidc

.PHONY: browser
browser: ## Install Chromium and what drives it, for the tests of the pages
	@tests/setup.sh browser $(TOOLS)/browser

.PHONY: cargo-deny
cargo-deny: ## Install cargo-deny into target/tools unless it is there
	@tests/setup.sh cargo-deny $(CARGO_DENY_VERSION) $(TOOLS)

.PHONY: camera-files
camera-files: ## Fetch the real camera files that some tests read
	@tests/setup.sh npm
	@tests/camera-files.sh

.PHONY: webdav
webdav: ## Install the WebDAV server and the clients that some tests run
	@tests/setup.sh copyparty $(COPYPARTY_VERSION) $(TOOLS)
	@tests/setup.sh rclone $(RCLONE_VERSION) $(TOOLS)
	@tests/setup.sh litmus

.PHONY: schemathesis
schemathesis: ## Install what holds the management API against its OpenAPI document
	@tests/setup.sh schemathesis $(SCHEMATHESIS_VERSION) $(TOOLS)

.PHONY: postgres
postgres: ## Install PostgreSQL, which tests of the store start
	@tests/setup.sh postgres

.PHONY: directories
directories: ## Install OpenLDAP and Samba, which some tests start
	@tests/setup.sh openldap
	@tests/setup.sh samba

.PHONY: fuzz-smoke
fuzz-smoke: needs cargo-fuzz ## Fuzz each target for a minute, or FUZZ_SECONDS; not part of CI
	@tests/fuzz/smoke.sh $(FUZZ_SECONDS)

.PHONY: cargo-fuzz
cargo-fuzz: ## Install cargo-fuzz into target/tools unless it is there
	@tests/setup.sh cargo-fuzz $(CARGO_FUZZ_VERSION) $(TOOLS)

.PHONY: clean
clean: ## Remove everything that was built or installed here
	cargo clean

-include benchmarks/bench.mk
