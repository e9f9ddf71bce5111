# Two commands first: `make compare` and `make test`. Each sets up what it needs.

# Variables of `make compare`; empty means: decided by what the machine has.
DATASET  ?=
PRESET   ?=
SEEDS    ?= 0
BACKENDS ?= torch,tf
DEVICE   ?=
DATA_DIR ?=
RESULTS  ?= results
SET      ?=
# Variable of `make stress`: kills of workers, and of parents, for each backend.
KILLS    ?= 25
# Variables of `make setup`. BUILD: cpu, cuda or cuda12; empty: what the machine's driver can run.
PYTHON   ?= python3
BUILD    ?=
PIP_ARGS ?=
# Variables of `make gpu-dry-run`: builds for CUDA, as pip takes them.
GPU_TORCH      ?= torch==2.13.0
GPU_TENSORFLOW ?= tensorflow[and-cuda]==2.21.0

# Makes the environments .venv, and on GPU machines .venv-torch and .venv-tf, where they are not
# there, and knows which one runs on this machine. PYTHON counts where somebody has named it.
ENVIRONMENTS = command -v "$$PYTHON" >/dev/null || \
	{ echo "cyclebench: PYTHON=$$PYTHON is not there; name another: PYTHON=python3.12" >&2; exit 2; }; \
	"$$PYTHON" -ES -m harness.tools.environments
OPTIONS = --build "$$BUILD" $(if $(filter file,$(origin PYTHON)),,--this-python)
# At the beginning of a line: the folder of the environment's programs, made before where it has to
# be. By `exec`, so that what ends make ends the program.
BIN = bin="$$($(ENVIRONMENTS) ready $(OPTIONS))" && exec "$$bin"
# The same with what tests need: both frameworks in one environment, in CPU builds. On a GPU machine
# that is .venv-test.
TEST_BIN = bin="$$($(ENVIRONMENTS) ready $(OPTIONS) --extra test)" && exec "$$bin"
LINT_BIN = bin="$$($(ENVIRONMENTS) ready $(OPTIONS) --extra lint)" && exec "$$bin"

# Recipes read these from the environment: nothing a user types becomes part of a shell command.
export DATASET PRESET SEEDS BACKENDS DEVICE DATA_DIR RESULTS SET PYTHON BUILD PIP_ARGS \
	GPU_TORCH GPU_TENSORFLOW

.PHONY: help compare estimate study test stress parity consistency calibrate bench scaling bench-internal \
	report verify gpu-check tensorboard weights datasets models list doctor sample lint setup \
	check-environments clean gpu-dry-run

help:
	@echo "make compare [DATASET=seasons] [PRESET=quick] [SEEDS=0,1,2] [BACKENDS=torch,tf] [DEVICE=cpu]"
	@echo "             [DATA_DIR=folder] [RESULTS=results] [SET=\"key=value ...\"]"
	@echo "make estimate  [PRESET=paper] [SEEDS=0,1,2] [PRICE=2.50] [DATASET=seasons] [DATA_DIR=folder]"
	@echo "             [IMAGES=trainA,trainB,testA,testB] [SET=...]  how long, and for how much money,"
	@echo "               make compare would run here; CHECK=results/<experiment> says how well it knows"
	@echo "make study     STUDY=name|file.yaml [SEEDS=0,1,2] [BACKENDS=torch,tf] [DATASET=seasons]"
	@echo "             [DEVICE=cpu] [DATA_DIR=folder] [RESULTS=results] [SET=\"key=value ...\"]"
	@echo "               a grid of settings, trained one after the other, and one report"
	@echo "make test      unit, parity and end-to-end tests"
	@echo "make stress    [KILLS=25]  trainings killed at random moments, full disks and other faults:"
	@echo "               what goes on must be the same to the last bit; a quarter of an hour or two"
	@echo "make gpu-check [BACKENDS=torch] [MINUTES=7] [RESULTS=results]  the first minutes on a new GPU:"
	@echo "               does everything run, is it right, how fast is it? a page, and a record to carry"
	@echo "make parity    [PRESET=quick] [DEVICE=cuda]  do all backends compute the same? on a GPU: there,"
	@echo "               against the CPU"
	@echo "make consistency [DATASET=seasons] [BACKENDS=torch,tf] [DATA_DIR=folder] [RESULTS=results]"
	@echo "               is the gap between frameworks more than noise? half an hour on two cores"
	@echo "make calibrate do the intervals of a report cover the truth? simulated, a few minutes"
	@echo "make bench     [PRESET=quick] [AA=torch] [SET=...]  two backends' steps in turns, until their"
	@echo "               ratio is known; AA times one against itself"
	@echo "make scaling   [PRESET=quick] [AXES=size,batch,filters,blocks] [VALUES=\"size=32,64\"] [SET=...]"
	@echo "               time and memory of a step as these grow, and one page about it"
	@echo "make bench-internal [ONLY=report] [TO=bench.json]  time and memory of the harness's own hot paths"
	@echo "make report    RUN=results/<experiment>  score and report anew; RUN=results/bench: the page over"
	@echo "               all benches there, those of other machines that were copied there included"
	@echo "make verify    RUN=results/<experiment> [STEPS=20] [DATASET=name|folder] [DATA_DIR=folder]  hashes,"
	@echo "               records and images as they were, and the first steps trained again: the same?"
	@echo "make tensorboard [RESULTS=results]  every run's losses, scores, images, histograms and settings,"
	@echo "               on this machine only"
	@echo "make list      [RESULTS=results]  every experiment and run there, and its state"
	@echo "make doctor    is this machine ready, and what helps where it is not"
	@echo "make sample    the sample report and the pictures in docs/, from a real comparison; needs Chromium"
	@echo "               Everything else, merging, translating, exporting, importing: .venv/bin/cyclebench --help"
	@echo "make weights   [FILE=...]  the Inception weights that FID needs, downloaded or from a file"
	@echo "make datasets  the data sets known by name"
	@echo "make models    [PRESET=quick] [SET=...]  layers, parameters and FLOPs of the networks"
	@echo "make gpu-dry-run  what a step would do on a GPU, found without one: layouts, copies, kernels;"
	@echo "               downloads both frameworks' CUDA builds, 5 GB, into .gpu-dry-run (12 GB)"
	@echo "make lint      ruff, mypy, import-linter"
	@echo "make setup     [BUILD=cpu] [PYTHON=python3.12] [PIP_ARGS=...]  the environment .venv; with a GPU,"
	@echo "               or with BUILD=cuda, .venv-torch and .venv-tf beside it"
	@echo "make check-environments  do two packages of an environment write the same files?"
	@echo "make clean     remove the environments and caches; results stay"

compare:
	@$(BIN)/cyclebench compare --dataset "$$DATASET" --preset "$$PRESET" --seeds "$$SEEDS" \
		--backends "$$BACKENDS" --device "$$DEVICE" --data-dir "$$DATA_DIR" \
		--results "$$RESULTS" --set "$$SET"

# As it was typed: make would take the $$2 of $$2.50 for a variable.
estimate: override export PRICE := $(value PRICE)
estimate: export IMAGES := $(IMAGES)
estimate: export CHECK := $(CHECK)
estimate:
	@$(BIN)/cyclebench estimate --dataset "$$DATASET" --preset "$$PRESET" --seeds "$$SEEDS" \
		--backends "$$BACKENDS" --device "$$DEVICE" --data-dir "$$DATA_DIR" --results "$$RESULTS" \
		--price "$$PRICE" --images "$$IMAGES" --check "$$CHECK" --set "$$SET"

# A study says itself which data set, seeds and backends it is about: only what the user set counts.
asked = $(if $(filter file,$(origin $1)),,$($1))
study: export STUDY := $(STUDY)
study: export DATASET := $(call asked,DATASET)
study: export SEEDS := $(call asked,SEEDS)
study: export BACKENDS := $(call asked,BACKENDS)
study:
	@$(BIN)/cyclebench study --dataset "$$DATASET" --seeds "$$SEEDS" --backends "$$BACKENDS" \
		--device "$$DEVICE" --data-dir "$$DATA_DIR" --results "$$RESULTS" --set "$$SET" -- "$$STUDY"

test:
	@$(TEST_BIN)/python -m pytest --numprocesses auto

stress: export KILLS := $(KILLS)
stress:
	@$(TEST_BIN)/python -m pytest tests/stress --numprocesses auto

parity:
	@$(BIN)/cyclebench parity --preset "$$PRESET" --backends "$$BACKENDS" --device "$$DEVICE"

consistency:
	@$(BIN)/cyclebench consistency --dataset "$$DATASET" --backends "$$BACKENDS" \
		--data-dir "$$DATA_DIR" --results "$$RESULTS" --set "$$SET"

calibrate:
	@$(BIN)/python -m benchmarks.coverage

bench: export AA := $(AA)
bench:
	@$(BIN)/cyclebench bench --preset "$$PRESET" --backends "$$BACKENDS" --device "$$DEVICE" \
		--aa "$$AA" --results "$$RESULTS" --set "$$SET"

scaling: export AXES := $(AXES)
scaling: export VALUES := $(VALUES)
scaling:
	@$(BIN)/cyclebench scaling --preset "$$PRESET" --backends "$$BACKENDS" --device "$$DEVICE" \
		--axes "$$AXES" --values "$$VALUES" --results "$$RESULTS" --set "$$SET"

bench-internal: export ONLY := $(ONLY)
bench-internal: export TO := $(TO)
bench-internal:
	@$(BIN)/python -m benchmarks --only "$$ONLY" --to "$$TO"

report: export RUN := $(RUN)
report:
	@test -n "$$RUN" || { echo "cyclebench: name one: make report RUN=results/<experiment>" >&2; exit 2; }
	@$(BIN)/cyclebench report "$$RUN"

verify: export RUN := $(RUN)
verify: export STEPS := $(or $(STEPS),20)
verify:
	@test -n "$$RUN" || { echo "cyclebench: name one: make verify RUN=results/<experiment>" >&2; exit 2; }
	@$(BIN)/cyclebench verify --steps "$$STEPS" --dataset "$$DATASET" --data-dir "$$DATA_DIR" -- "$$RUN"

tensorboard:
	@$(BIN)/tensorboard --logdir "$$RESULTS" --host 127.0.0.1

weights: export FILE := $(FILE)
weights:
	@$(BIN)/cyclebench fetch-weights "$$FILE"

datasets:
	@$(BIN)/cyclebench datasets list --data-dir "$$DATA_DIR"

list:
	@$(BIN)/cyclebench list "$$RESULTS"

doctor:
	@$(BIN)/cyclebench doctor

sample:
	@$(TEST_BIN)/python docs/make_sample.py

models:
	@$(BIN)/cyclebench models --preset "$$PRESET" --set "$$SET"

lint:
	@$(LINT_BIN)/ruff check .
	@$(LINT_BIN)/ruff format --check .
	@$(LINT_BIN)/mypy
	@$(LINT_BIN)/lint-imports

# Not part of `make test`: it needs the CUDA builds, which keep out of each other's way, and of
# .venv, in environments of their own. No GPU, no driver.
gpu-dry-run: .gpu-dry-run/torch/.ready .gpu-dry-run/tf/.ready
	@for name in torch tf; do \
		PYTHONPATH=. .gpu-dry-run/$$name/bin/python -m pytest tests/gpu_dry_run \
			--confcutdir tests/gpu_dry_run -p no:cacheprovider || exit 1; done

.gpu-dry-run/torch/.ready: export NEEDED := $(GPU_TORCH)
.gpu-dry-run/tf/.ready: export NEEDED := $(GPU_TENSORFLOW)
.gpu-dry-run/%/.ready:
	@echo "Installing $$NEEDED into .gpu-dry-run/$*, once: some 3 GB to download, 6 GB on disk"
	@"$$PYTHON" -m venv --clear .gpu-dry-run/$*
	@.gpu-dry-run/$*/bin/python -m pip install --quiet $(PIP_ARGS) "$$NEEDED" numpy pytest
	@touch $@

# Without BACKENDS: those that are installed.
gpu-check: export BACKENDS := $(call asked,BACKENDS)
gpu-check: export MINUTES := $(or $(MINUTES),7)
gpu-check:
	@$(BIN)/cyclebench gpu-check --backends "$$BACKENDS" --minutes "$$MINUTES" --device "$$DEVICE" \
		--results "$$RESULTS"

# With `make -n` it says what it would do.
setup:
	+@$(ENVIRONMENTS) setup $(OPTIONS) $(if $(findstring n,$(firstword -$(MAKEFLAGS))),--dry-run)

check-environments:
	@$(ENVIRONMENTS) check

clean:
	rm -rf .venv .venv-* .venv.lock .gpu-dry-run
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find backends benchmarks harness tests -name __pycache__ -type d -prune -exec rm -rf {} +
