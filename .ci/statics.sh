#!/usr/bin/env bash
# What needs nothing but a processor: types, reports, lint, format, build.
# Ends with 0 when all of it ran; what became of it is told by each step.
set -uo pipefail
cd "$(dirname "$0")/.."
. .ci/steps.sh

step types 900 bash -c 'yarn tsc'
# Compiles from nothing: an incremental compilation writes the members of
# inferred types in another order, and so another report.
step reports 1200 bash -c 'yarn api-reports --ci'
step lint 900 bash -c 'yarn lint:all && yarn lint:imports'
step format 600 bash -c 'yarn prettier:check'
step build 900 bash -c 'yarn build:all'
exit 0
