#!/usr/bin/env bash
# A Kubernetes cluster for the suites called *.cluster.test.ts, and for the
# end-to-end story on a cluster.
#
#   eval "$(scripts/testing/cluster.sh)"   prints export lines, and only those, on stdout
#
# With KUBECONFIG set, that cluster is taken as it is; SLIPWAY_REGISTRY has to
# name a registry (host:port, plain HTTP) that its nodes and this machine reach.
# Suites that kill parts of the cluster run only with SLIPWAY_CLUSTER_CONTROL, a
# program that takes `kill PART` and `start PART`; the kit is one.
# Without, the kit that lies beside the checkout (or SLIPWAY_CLUSTER_KIT) is
# built where it has not been yet and brought up: the first time that takes a
# quarter of an hour and needs root. It stays up, for the next time.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
kit=${SLIPWAY_CLUSTER_KIT:-$root/../shared/cluster/cluster}

say() { echo "cluster.sh: $*" >&2; }

if [ -n "${KUBECONFIG:-}" ]; then
  if [ -z "${SLIPWAY_REGISTRY:-}" ]; then
    say 'KUBECONFIG is set but SLIPWAY_REGISTRY is not: name a registry that the nodes pull from over plain HTTP'
    exit 1
  fi
  for name in KUBECONFIG SLIPWAY_REGISTRY SLIPWAY_GATEWAY SLIPWAY_GATEWAY_METRICS BUILDKIT_HOST SLIPWAY_CLUSTER_CONTROL; do
    if [ -n "${!name:-}" ]; then printf 'export %s=%q\n' "$name" "${!name}"; fi
  done
  exit 0
fi

if [ ! -x "$kit" ]; then
  say "there is no cluster: set KUBECONFIG and SLIPWAY_REGISTRY"
  exit 1
fi
say 'bringing a cluster up'
"$kit" build >&2
# A kubelet whose runtime does not answer yet ends, and that node never gets
# ready: what does not run is started again by another time.
for attempt in 1 2 3; do
  if "$kit" up >&2; then break; fi
  if [ "$attempt" = 3 ]; then exit 1; fi
  say 'not all of it came up; once more'
done
# For the suites with BuildKit.
"$kit" start buildkit >&2
"$kit" env
# The suites of faults may kill what belongs to these tests alone.
printf 'export SLIPWAY_CLUSTER_CONTROL=%q\n' "$(realpath "$kit")"
