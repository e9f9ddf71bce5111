# The main commands are `make compare` and `make test`. They install what they need.

# Variables of `make compare`; empty: its defaults, or chosen by what the machine has.
DATASET  ?=
PRESET   ?=
SEEDS    ?= 0
BACKENDS ?=
DEVICE   ?=
DATA_DIR ?=
RESULTS  ?= results
SET      ?=
# Bounds of SEEDS=auto.
MAX_SEEDS ?=
MAX_HOURS ?=
# Where `make compare`, `make study` and `make consistency` train: LAUNCHER is local, ray or slurm.
LAUNCHER    ?=
AT_ONCE     ?=
RAY_ADDRESS ?=
PARTITION   ?=
MINUTES     ?=
CPUS        ?=
# Variable of `make stress`: kills of workers, and of parents, for each backend.
KILLS    ?= 25
# Variables of `make setup`. BUILD: cpu, cuda or cuda12; empty: what the machine's driver can run.
PYTHON   ?= python3
BUILD    ?=
PIP_ARGS ?=
# Variables of `make gpu-dry-run`: CUDA builds, as arguments of pip.
GPU_TORCH      ?= torch==2.13.0
GPU_TENSORFLOW ?= tensorflow[and-cuda]==2.21.0
GPU_JAX        ?= jax==0.9.2 jax-cuda12-plugin==0.9.2 nvidia-cuda-nvcc-cu12

# Creates missing environments (.venv, and on GPU machines one for each backend, as .venv-torch),
# installs missing BACKENDS (and AA, of `make bench`), and finds the environment for this machine. PYTHON
# counts only if the user has set it.
ENVIRONMENTS = command -v "$$PYTHON" >/dev/null || \
	{ echo "cyclebench: PYTHON=$$PYTHON is not installed; name another: PYTHON=python3.12" >&2; exit 2; }; \
	"$$PYTHON" -ES -m harness.tools.environments
OPTIONS = --build "$$BUILD" --backends="$$BACKENDS,$$AA" $(if $(filter file,$(origin PYTHON)),,--this-python)
# Begins a recipe line: creates the environment if necessary, then runs one of its programs. `exec`,
# so that a signal to make ends the program. With CYCLEBENCH_MAKE messages name variables, as PRESET=, in
# place of options.
BIN = bin="$$($(ENVIRONMENTS) ready $(OPTIONS))" && export CYCLEBENCH_MAKE=1 && exec "$$bin"
# The same for tests, which need CPU builds of all frameworks in one environment. On a GPU machine
# that is .venv-test.
TEST_BIN = bin="$$($(ENVIRONMENTS) ready $(OPTIONS) --extra test)" && exec "$$bin"
LINT_BIN = bin="$$($(ENVIRONMENTS) ready $(OPTIONS) --extra lint)" && exec "$$bin"

# Recipes read these from the environment: user input never becomes part of a shell command.
export DATASET PRESET SEEDS MAX_SEEDS MAX_HOURS BACKENDS DEVICE DATA_DIR RESULTS SET PYTHON BUILD PIP_ARGS \
	LAUNCHER AT_ONCE RAY_ADDRESS PARTITION MINUTES CPUS \
	GPU_TORCH GPU_TENSORFLOW GPU_JAX

# Where trainings run.
WHERE = --launcher "$$LAUNCHER" --at-once "$$AT_ONCE" --ray-address "$$RAY_ADDRESS" \
	--partition "$$PARTITION" --minutes "$$MINUTES" --cpus "$$CPUS"

.PHONY: help compare estimate study test others mistakes devices stress parity consistency calibrate bench scaling bench-internal \
	report track records variance verify site gpu-check tensorboard weights datasets models list doctor sample systems lint setup \
	check-environments clean gpu-dry-run

help:
	@echo "make compare [DATASET=seasons] [PRESET=quick] [SEEDS=0,1,2] [BACKENDS=torch,tf] [DEVICE=cpu]"
	@echo "             [DATA_DIR=folder] [RESULTS=results] [SET=\"key=value ...\"]"
	@echo "               train every backend, score them, write a report; BACKENDS=torch,tf,jax takes JAX, too, and"
	@echo "               installs it (so do the other commands);"
	@echo "               SEEDS=auto [MAX_SEEDS=20] [MAX_HOURS=8] adds seeds until the verdict is clear;"
	@echo "               [AT_ONCE=4] seeds at once here, or LAUNCHER=ray [RAY_ADDRESS=...] [CPUS=2], or"
	@echo "               LAUNCHER=slurm [PARTITION=gpu] [MINUTES=1440] [CPUS=8]"
	@echo "make test      unit, parity and end-to-end tests"
	@echo "make others    the tests that compile for minutes: of backends beyond PyTorch and TensorFlow"
	@echo "make mistakes  plants some 600 mistakes, one at a time, each of which a check must name"
	@echo "make devices   seeds at once (a lost node of Ray, a job whose time is up), one training on two devices"
	@echo "make estimate  [PRESET=paper] [SEEDS=0,1,2] [PRICE=2.50] [DATASET=seasons] [DATA_DIR=folder]"
	@echo "             [IMAGES=trainA,trainB,testA,testB] [SET=...]"
	@echo "               predict time and cost of make compare on this machine;"
	@echo "               CHECK=results/<experiment> compares the prediction with recorded runs"
	@echo "make study     STUDY=name|file.yaml [SEEDS=0,1,2] [BACKENDS=torch,tf] [DATASET=seasons]"
	@echo "             [DEVICE=cpu] [DATA_DIR=folder] [RESULTS=results] [SET=\"key=value ...\"]"
	@echo "               train a grid of settings, write one report"
	@echo "make bench     [PRESET=quick] [AA=torch] [SET=...]  time the steps of backends in turns until"
	@echo "               their ratios are known; AA times one backend against itself"
	@echo "make scaling   [PRESET=quick] [AXES=size,batch,filters,blocks] [VALUES=\"size=32,64\"] [SET=...]"
	@echo "               time and memory of a step as these grow, on one page"
	@echo "make parity    [PRESET=quick] [DEVICE=cuda]  do all backends compute the same? This experiment, and"
	@echo "               small ones with every option; with DEVICE=cuda this one on the GPU against the CPU;"
	@echo "               REPLICAS=2: do two devices that train together compute what one does?"
	@echo "make consistency [DATASET=seasons] [BACKENDS=torch,tf] [DATA_DIR=folder] [RESULTS=results]"
	@echo "               is the difference between frameworks more than noise? Half an hour on two cores"
	@echo "make gpu-check [BACKENDS=torch] [MINUTES=7] [RESULTS=results]  on a new GPU: does everything run,"
	@echo "               is it correct, how fast is it? Writes a page and a record"
	@echo "make report    RUN=results/<experiment>  score and report again; RUN=results/bench: the page of all"
	@echo "               benches there, including records copied from other machines"
	@echo "make track     TO=history.jsonl [RESULTS=results]  append what was measured there to a history; where"
	@echo "               does it step to another level?"
	@echo "make variance  RUN=results/<experiment>  how scores vary between seeds, within runs and with test"
	@echo "               images; seeds that a verdict needs"
	@echo "make records   [PRESET=quick] [BACKENDS=torch,tf] [ONLY=filters] [TO=FILE.jsonl]  a dozen short benches as"
	@echo "               lines of a history, by default in docs/records: 15 minutes to an hour"
	@echo "make site      a site of all measurements in docs/records, in site/; RUN=results adds those there"
	@echo "make verify    RUN=results/<experiment> [STEPS=20] [DATASET=name|folder] [DATA_DIR=folder]"
	@echo "               check hashes, records and images, and repeat the first training steps"
	@echo "make list      [RESULTS=results]  every experiment and run there, and its state"
	@echo "make tensorboard [RESULTS=results]  losses, scores, images, histograms and settings of all runs;"
	@echo "               on this machine only"
	@echo "make models    [PRESET=quick] [SET=...]  layers, parameters and FLOPs of the networks"
	@echo "make datasets  the data sets known by name"
	@echo "make weights   [FILE=...]  the Inception weights that FID needs, downloaded or from a file"
	@echo "make doctor    is this machine ready, and if not, what helps?"
	@echo "make setup     [BACKENDS=torch,tf,jax] [BUILD=cpu] [PYTHON=python3.12] [PIP_ARGS=...]  the environment"
	@echo "               .venv; with a GPU, or with BUILD=cuda, also one for each backend, as .venv-torch"
	@echo "make check-environments  do two packages of an environment write the same files?"
	@echo "make clean     remove environments and caches; results stay"
	@echo "For developers:"
	@echo "make lint      ruff, mypy, import-linter"
	@echo "make stress    [KILLS=25]  kill trainings at random, fill disks, and so on; resumed trainings must"
	@echo "               give the same bits; 15 minutes to two hours"
	@echo "make calibrate how often do the intervals of a report cover the truth? Simulated, a few minutes;"
	@echo "               RUN=folder [RUN_B=folder]: SEEDS=auto on real runs, A/A and with a planted difference"
	@echo "make bench-internal [ONLY=report] [TO=bench.json]  time and memory of the harness itself"
	@echo "make gpu-dry-run  layouts, copies and kernels of a step on a GPU, without a GPU; downloads the"
	@echo "               frameworks' CUDA builds, 5 GB, into .gpu-dry-run (13 GB)"
	@echo "make sample    the sample report and the pictures in docs/, from a real comparison; needs Chromium"
	@echo "make systems   the pictures of docs/systems.md: each published system at a reduced size, half an hour"
	@echo "Other commands (merge, translate, export, import): .venv/bin/cyclebench --help"

compare:
	@$(BIN)/cyclebench compare --dataset "$$DATASET" --preset "$$PRESET" --seeds "$$SEEDS" \
		--max-seeds "$$MAX_SEEDS" --max-hours "$$MAX_HOURS" \
		--backends "$$BACKENDS" --device "$$DEVICE" --data-dir "$$DATA_DIR" \
		--results "$$RESULTS" --set "$$SET" $(WHERE)

# Unexpanded: make would take the $$2 of $$2.50 for a variable.
estimate: override export PRICE := $(value PRICE)
estimate: export IMAGES := $(IMAGES)
estimate: export CHECK := $(CHECK)
estimate:
	@$(BIN)/cyclebench estimate --dataset "$$DATASET" --preset "$$PRESET" --seeds "$$SEEDS" \
		--backends "$$BACKENDS" --device "$$DEVICE" --data-dir "$$DATA_DIR" --results "$$RESULTS" \
		--price "$$PRICE" --images "$$IMAGES" --check "$$CHECK" --set "$$SET"

# A study file names its seeds: only what the user has set overrides them.
study: export STUDY := $(STUDY)
study: export SEEDS := $(if $(filter file,$(origin SEEDS)),,$(SEEDS))
study:
	@$(BIN)/cyclebench study --dataset "$$DATASET" --seeds "$$SEEDS" --backends "$$BACKENDS" \
		--device "$$DEVICE" --data-dir "$$DATA_DIR" --results "$$RESULTS" --set "$$SET" $(WHERE) -- "$$STUDY"

# The many processes that tests start would each compile the sources anew.
test others devices mistakes stress: export PYTHONDONTWRITEBYTECODE :=
test:
	@$(TEST_BIN)/python -m pytest --numprocesses auto -m "not planted and not devices and not others"

others:
	@$(TEST_BIN)/python -m pytest --numprocesses auto -m "others and not planted and not devices"

devices:
	@$(TEST_BIN)/python -m pytest --numprocesses auto -m devices

mistakes:
	@$(TEST_BIN)/python -m pytest --numprocesses auto -m "planted and not others"

stress: export KILLS := $(KILLS)
stress:
	@$(TEST_BIN)/python -m pytest tests/stress --numprocesses auto

parity: export REPLICAS := $(REPLICAS)
parity:
	@$(BIN)/cyclebench parity --preset "$$PRESET" --backends "$$BACKENDS" --device "$$DEVICE" \
		--replicas "$$REPLICAS"

consistency:
	@$(BIN)/cyclebench consistency --dataset "$$DATASET" --backends "$$BACKENDS" \
		--data-dir "$$DATA_DIR" --results "$$RESULTS" --set "$$SET" $(WHERE)

calibrate: export RUN := $(RUN)
calibrate: export RUN_B := $(RUN_B)
calibrate:
	@$(BIN)/python -m benchmarks.coverage --run "$$RUN" --run-b "$$RUN_B"

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

track: export TO := $(TO)
track:
	@test -n "$$TO" || { echo "cyclebench: name one: make track TO=history.jsonl" >&2; exit 2; }
	@$(BIN)/cyclebench track --to "$$TO" -- "$$RESULTS"

report: export RUN := $(RUN)
report:
	@test -n "$$RUN" || { echo "cyclebench: name one: make report RUN=results/<experiment>" >&2; exit 2; }
	@$(BIN)/cyclebench report "$$RUN"

variance: export RUN := $(RUN)
variance:
	@test -n "$$RUN" || { echo "cyclebench: name one: make variance RUN=results/<experiment>" >&2; exit 2; }
	@$(BIN)/cyclebench variance "$$RUN"

records: export ONLY := $(ONLY)
records: export TO := $(TO)
records:
	@$(BIN)/python -m benchmarks.records --preset "$$PRESET" --backends "$$BACKENDS" --device "$$DEVICE" \
		--results "$$RESULTS" --to "$$TO" --only "$$ONLY"

site: export RUN := $(RUN)
site:
	@$(BIN)/cyclebench publish docs/records $${RUN:+"$$RUN"} --to site

verify: export RUN := $(RUN)
verify: export STEPS := $(or $(STEPS),20)
verify:
	@test -n "$$RUN" || { echo "cyclebench: name one: make verify RUN=results/<experiment>" >&2; exit 2; }
	@$(BIN)/cyclebench verify --steps "$$STEPS" --dataset "$$DATASET" --data-dir "$$DATA_DIR" \
		--backends "$$BACKENDS" -- "$$RUN"

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

systems:
	@$(TEST_BIN)/python docs/make_systems.py

models:
	@$(BIN)/cyclebench models --preset "$$PRESET" --set "$$SET"

lint:
	@$(LINT_BIN)/ruff check .
	@$(LINT_BIN)/ruff format --check .
	@$(LINT_BIN)/mypy
	@$(LINT_BIN)/lint-imports

# Not part of `make test`: it needs the CUDA builds, in an environment for each framework. No GPU and
# no driver needed.
gpu-dry-run: .gpu-dry-run/torch/.ready .gpu-dry-run/tf/.ready .gpu-dry-run/jax/.ready
	@for name in torch tf jax; do \
		PYTHONPATH=. .gpu-dry-run/$$name/bin/python -m pytest tests/gpu_dry_run \
			--confcutdir tests/gpu_dry_run -p no:cacheprovider || exit 1; done

.gpu-dry-run/torch/.ready: export NEEDED := $(GPU_TORCH)
.gpu-dry-run/tf/.ready: export NEEDED := $(GPU_TENSORFLOW)
.gpu-dry-run/jax/.ready: export NEEDED := $(GPU_JAX)
.gpu-dry-run/%/.ready:
	@echo "Installing $$NEEDED into .gpu-dry-run/$*, once: up to 3 GB to download, 6 GB on disk"
	@"$$PYTHON" -m venv --clear .gpu-dry-run/$*
	@set -f; .gpu-dry-run/$*/bin/python -m pip install --quiet $(PIP_ARGS) $$NEEDED annotated-types numpy pytest
	@touch $@

gpu-check: export MINUTES := $(or $(MINUTES),7)
gpu-check:
	@$(BIN)/cyclebench gpu-check --backends "$$BACKENDS" --minutes "$$MINUTES" --device "$$DEVICE" \
		--results "$$RESULTS"

# With `make -n` it prints what it would do.
setup:
	+@$(ENVIRONMENTS) setup $(OPTIONS) $(if $(findstring n,$(firstword -$(MAKEFLAGS))),--dry-run)

check-environments:
	@$(ENVIRONMENTS) check

clean:
	rm -rf .venv .venv-* .venv.lock .gpu-dry-run
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find backends benchmarks harness tests -name __pycache__ -type d -prune -exec rm -rf {} +
