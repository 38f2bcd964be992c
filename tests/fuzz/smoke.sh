#!/usr/bin/env bash
# Builds the fuzz targets and runs each for some seconds: tests/fuzz/smoke.sh SECONDS [TARGET...]
#
# No sanitizer: the code is safe Rust, and what is looked for is a panic or a wrong answer. Inputs
# that were worth keeping stay in target/fuzz, and the next run goes on from them.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=$1
shift
if [ $# = 0 ]; then set -- path documents ldap decide; fi

out=target/fuzz
for target in "$@"; do
    corpus=$out/corpus/$target
    mkdir -p "$corpus" "$out/artifacts"
    most=4096
    # three seeds
    if [ "$target" = decide ]; then most=96; fi
    nice -n 10 cargo fuzz run -s none --fuzz-dir tests/fuzz --target-dir "$out" \
        "$target" "$corpus" -- \
        -max_total_time="$seconds" -max_len="$most" -artifact_prefix="$out/artifacts/" \
        -timeout=60 -print_final_stats=1
done
echo "no target found anything"
