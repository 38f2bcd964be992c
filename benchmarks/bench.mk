# The benchmarks. The Makefile includes this file; `benchmarks/README.md` says how to read them.

# one selection of packages for everything, so that nothing is built twice
bench_select := --locked -p vestibule -p vestibule-benchmarks
bench_benches := --bench compile --bench decide
bench_apt := apt-get install --yes --no-install-recommends nginx wrk

.PHONY: bench
bench: needs bench-tools ## Measure what it costs, against baselines in the same run
	cargo build --release $(bench_select) --bins
	target/release/vestibule-load
	target/release/vestibule-storm
	target/release/vestibule-guess
	target/release/vestibule-decide
	cargo bench $(bench_select) $(bench_benches)

.PHONY: bench-smoke
bench-smoke: needs bench-tools ## Run each benchmark once: it still runs, figures are not kept
	cargo build --release $(bench_select) --bins
	target/release/vestibule-load --smoke
	target/release/vestibule-storm --smoke
	target/release/vestibule-guess --trials 2
	target/release/vestibule-decide --smoke
	cargo bench $(bench_select) $(bench_benches) -- --test

.PHONY: bench-decide
bench-decide: needs ## Measure decisions as sites grow, and keep report and curve in benchmarks/docs
	cargo build --release $(bench_select) --bins
	target/release/vestibule-decide --keep benchmarks/docs

.PHONY: bench-storm
bench-storm: needs bench-tools ## Measure what a storm of sign-ins does to those who are signed in
	cargo build --release $(bench_select) --bins
	target/release/vestibule-storm

.PHONY: bench-guess
bench-guess: needs ## Measure what the time of a refused sign-in tells of a name
	cargo build --release $(bench_select) --bins
	target/release/vestibule-guess

.PHONY: bench-tools
bench-tools: ## Install nginx and wrk for the benchmarks, where that is allowed
	@PATH="$$PATH:/usr/sbin"; \
	if command -v nginx >/dev/null && command -v wrk >/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "the benchmarks need nginx and wrk: install them and try again" >&2; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then \
		apt-get update -q && $(bench_apt); \
	elif sudo -n true 2>/dev/null; then \
		sudo apt-get update -q && sudo $(bench_apt); \
	else \
		echo "the benchmarks need nginx and wrk: sudo $(bench_apt)" >&2; exit 1; \
	fi
