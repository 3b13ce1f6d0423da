# Everything a newcomer needs: `make run` and `make test`. Both set up .venv first, and again when its ingredients change.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
.PHONY: run serve test setup lint types contracts unit test-models stress chaos crash damage soak memory fuzz bench bench-window screenshots bench-grpc download bundle bundle-test clean

# Asked before the set-up, which takes a minute the first time.
ifeq ($(shell uname -s)$(DISPLAY)$(WAYLAND_DISPLAY)$(QT_QPA_PLATFORM),Linux)
run:
	@echo "There is no display for a window here. Start Marina without one: make serve" >&2; exit 1
else
run: setup ## the window, with the sample model loaded and one worker ready
	@$(BIN)/marina --sample
endif

serve: setup ## the same engine without a window
	@$(BIN)/marina-server

test: setup lint types contracts unit ## everything that CI checks

setup: ## .venv with everything in it, and the shared libraries that Qt needs
	@$(PYTHON) packaging/setup/environment.py test
	@$(PYTHON) packaging/setup/qt_libraries.py

lint: setup
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .

types: setup
	@$(BIN)/mypy --no-error-summary

contracts: setup
	@$(BIN)/lint-imports --no-logo > .import_linter.log || { cat .import_linter.log; exit 1; }

unit: setup
	@QT_QPA_PLATFORM=offscreen $(BIN)/pytest -n 2 --dist worksteal

test-models: setup ## large real models, packed by TorchServe's archiver; installs some hundred megabytes more
	@$(PYTHON) packaging/setup/environment.py test models
	@QT_QPA_PLATFORM=offscreen $(BIN)/pytest -m models

stress: setup ## a minute of many clients at once, against real worker processes
	@MARINA_STRESS_SECONDS=60 QT_QPA_PLATFORM=offscreen $(BIN)/pytest -s tests/stress

chaos: setup ## 30,000 requests while workers and the fork server are killed and versions are swapped
	@MARINA_CHAOS_REQUESTS=30000 QT_QPA_PLATFORM=offscreen $(BIN)/pytest -s tests/chaos

crash: setup ## 200 kills of the server during changes; what was acknowledged must be there afterwards
	@MARINA_CRASHES=200 QT_QPA_PLATFORM=offscreen $(BIN)/pytest -s --timeout 3600 tests/chaos/test_crashes.py

damage: setup ## 10,000 single damages of the record of models; Marina starts with every one of them, and loses nothing
	@MARINA_DAMAGES=$${MARINA_DAMAGES:-10000} $(BIN)/pytest -s tests/chaos/test_damaged_record.py

soak: setup ## a million predictions from clients of all kinds; nobody waits in vain, and memory stays flat; about a quarter of an hour
	@MARINA_SOAK_REQUESTS=$${MARINA_SOAK_REQUESTS:-1000000} $(BIN)/pytest -s tests/soak

memory: setup ## loads that hold much memory for a while; others are answered meanwhile, and the memory comes back
	@MARINA_MEMORY=full $(BIN)/pytest -s tests/soak/test_memory_comes_back.py

fuzz: setup ## 20,000 garbled inputs for each reader of what others wrote
	@MARINA_FUZZ_INPUTS=$${MARINA_FUZZ_INPUTS:-20000} QT_QPA_PLATFORM=offscreen $(BIN)/pytest -s --timeout 3600 tests/fuzz

differential: setup ## 500 generated requests to a real TorchServe (needs Java 17; set up in .venv-torchserve) and to Marina
	@$(BIN)/pytest -s -m differential tests/differential tests/migration

screenshots: setup ## the pictures of docs/images, taken of the real window with real workers; about five minutes
	@$(BIN)/python -m tests.screenshots

bench-window: export QT_QPA_PLATFORM := $(or $(QT_QPA_PLATFORM),$(if $(DISPLAY)$(WAYLAND_DISPLAY),,offscreen))
bench-window: setup ## how fast the window is with 3,000 versions at work, and with 16 clients; on a display, or without
	@$(BIN)/python -m tests.benchmarks.window
	@$(BIN)/python -m tests.benchmarks.lateness

bench: setup ## Marina beside TorchServe (Java 17) and LitServe, into docs/performance.md; MARINA_BENCH=noop,echo for parts
	@$(BIN)/python -m tests.benchmarks

bench-grpc: setup ## predictions over gRPC, the window beside a real TorchServe; some minutes
	@$(BIN)/python -m tests.benchmarks.rpc

download: setup ## 500 MB from a throttled server that breaks once: memory, the window's loop, progress, cancelling
	@QT_QPA_PLATFORM=$${QT_QPA_PLATFORM:-offscreen} $(BIN)/python -m tests.benchmarks.download

bundle: ## dist/marina: the application for people without Python; takes an environment of its own, and some minutes
	@$(PYTHON) packaging/setup/qt_libraries.py
	@$(PYTHON) packaging/bundle/build.py

bundle-test: setup ## what `make bundle` made, started as people do; the wheel and the sdist, installed and started
	@test -d dist/marina || { echo "There is no bundle in dist/marina yet. Make it first: make bundle" >&2; exit 1; }
	@$(PYTHON) packaging/setup/programs.py Xvfb xdotool desktop-file-validate gio mimetype shellcheck update-mime-database xdg-mime
	@QT_QPA_PLATFORM=offscreen $(BIN)/pytest -m bundle tests/bundle

clean: ## forget .venv and every cache
	rm -rf .venv .venv-torchserve .venv-litserve .venv-bundle build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .import_linter.log
