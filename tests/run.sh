#!/usr/bin/env bash
# Builds the programs and all tests in one go, so that they share what they can, then runs the
# tests, those in the documentation last. The end-to-end tests start the program built here.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --workspace --locked --lib --bins --tests
cargo test --workspace --locked --lib --bins --tests
cargo test --workspace --locked --doc
echo "all tests passed"
