#!/bin/sh
# Several seeds as jobs of Slurm. Run this on the login node, in a clone that all nodes see, after
# `make setup BUILD=cuda`, `make datasets` and `make weights`: nodes need no internet then.
# Arguments are passed on, as: examples/slurm.sh --dataset horse2zebra --data-dir /scratch/me/data
set -eu
cd "$(dirname "$0")/.."
export CYCLEBENCH_OFFLINE=1
export CYCLEBENCH_CACHE="${CYCLEBENCH_CACHE:-$PWD/.cache}" # decoded images, for all nodes
exec "${CYCLEBENCH:-.venv/bin/cyclebench}" compare --launcher slurm --seeds 0-4 "$@"
