#!/usr/bin/env bash
# A Kubernetes cluster for the suites called *.cluster.test.ts, and for the
# end-to-end story on a cluster.
#
#   eval "$(scripts/testing/cluster.sh)"   prints export lines, and only those, on stdout
#   scripts/testing/cluster.sh build       only builds the kit, where one is needed
#   scripts/testing/cluster.sh state       what a person wants to know when a suite failed
#
# With KUBECONFIG set, that cluster is taken as it is; SLIPWAY_REGISTRY has to
# name a registry (host:port, plain HTTP) that its nodes and this machine reach.
# Suites that kill parts of the cluster run only with SLIPWAY_CLUSTER_CONTROL, a
# program that takes `kill PART` and `start PART`; the kit is one.
# Without, the kit that lies beside the checkout (or SLIPWAY_CLUSTER_KIT) is
# built where it has not been yet and brought up: the first time that takes a
# quarter of an hour and needs root. It stays up, for the next time; with
# SLIPWAY_CLUSTER_FRESH what an earlier time left in it is wiped first.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
kit=${SLIPWAY_CLUSTER_KIT:-$root/../shared/cluster/cluster}

say() { echo "cluster.sh: $*" >&2; }

# What a dead cluster says of itself may be old news: a node that was ready when
# its kubelet was killed stands as ready in the store of the next start. A node
# is there when it runs a pod.
nodes_run_pods() {
  local node name waiting=()
  for node in $(kubectl get nodes --output name); do
    name="proof-${node#node/}"
    kubectl delete pod "$name" --ignore-not-found --grace-period 0 --force >&2 2>&1
    kubectl run "$name" --image "$SLIPWAY_REGISTRY/pause:3.10" --restart Never \
      --overrides "{\"spec\":{\"nodeName\":\"${node#node/}\",\"terminationGracePeriodSeconds\":0}}" >&2
    waiting+=("pod/$name")
  done
  [ ${#waiting[@]} -gt 0 ] || return 1
  kubectl wait --for condition=Ready --timeout 45s "${waiting[@]}" >&2 || return 1
  kubectl delete --wait=false --grace-period 0 "${waiting[@]}" >&2
}

state() {
  if [ -z "${KUBECONFIG:-}" ] && [ -x "$kit" ]; then
    "$kit" status 2>/dev/null | grep DOWN || true
    eval "$("$kit" env)"
  fi
  timeout 20 kubectl get nodes --no-headers || true
  timeout 20 kubectl get pods --all-namespaces --no-headers |
    awk '{ split($3, ready, "/"); if (ready[1] != ready[2]) print $1, $2, $4, $6 }' | tail -n 8 || true
  timeout 20 kubectl get events --all-namespaces --field-selector type=Warning --no-headers \
    --sort-by .lastTimestamp --output custom-columns=WHEN:.lastTimestamp,WHAT:.reason,WHY:.message |
    cut -c 1-160 | tail -n 6 || true
}

if [ "${1:-}" = state ]; then
  state
  exit 0
fi

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
"$kit" build >&2
if [ "${1:-}" = build ]; then
  "$kit" build buildkit >&2
  exit 0
fi

# Without a mount left (after a reboot, or when everything was killed) the kit
# ends its processes and stops before it wipes.
home=${SLIPWAY_CLUSTER_HOME:-$HOME/.cache/slipway-cluster}
if [ -n "${SLIPWAY_CLUSTER_FRESH:-}" ] && [ -e "$home/data/etcd" ]; then
  say 'wiping what an earlier run left'
  "$kit" down --wipe >&2 || true
  rm -rf "$home/data" "$home/pki" "$home/admin.kubeconfig"
fi
say 'bringing a cluster up'
# A kubelet whose runtime does not answer yet ends, and its node does not come:
# what does not run is started again by another time.
for attempt in 1 2 3 4; do
  if timeout 240 "$kit" up >&2 && (eval "$("$kit" env)" && nodes_run_pods); then break; fi
  if [ "$attempt" = 4 ]; then
    state >&2
    exit 1
  fi
  say 'not all of it came up; once more'
done
# For the suites with BuildKit.
"$kit" start buildkit >&2
"$kit" env
# The suites of faults may kill what belongs to these tests alone.
printf 'export SLIPWAY_CLUSTER_CONTROL=%q\n' "$(realpath "$kit")"
