#!/bin/sh
# Several seeds on a Ray cluster. First, on one node:  ray start --head
# and on the others:                                   ray start --address=FIRST:6379
# all of them in clones or environments of the same code, with the results folder on a shared disk.
# Arguments are passed on, as: examples/ray.sh --preset paper --results /shared/results
set -eu
cd "$(dirname "$0")/.."
exec "${CYCLEBENCH:-.venv/bin/cyclebench}" compare --launcher ray \
    --ray-address "${RAY_ADDRESS:-auto}" --seeds 0-4 "$@"
