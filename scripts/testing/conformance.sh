#!/usr/bin/env bash
# Runs the official conformance suite of the OCI distribution specification
# against the embedded registry. Needs Go; takes about a minute when cold.
# Usage: scripts/testing/conformance.sh [RESULTS_DIRECTORY]
set -euo pipefail

cd "$(dirname "$0")/../.."
version=v0.0.0-20260831232431-97274622c111
work=$(mktemp -d)
results=${1:-$work/results}
mkdir -p "$results"
server=

stop() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT

command -v go >/dev/null || {
  echo 'conformance: Go is not installed' >&2
  exit 1
}

mkdir "$work/suite"
(
  cd "$work/suite"
  go mod init conformance.example >/dev/null 2>&1
  timeout 300 go get -tool \
    "github.com/opencontainers/distribution-spec/conformance@$version"
  timeout 300 go build -o "$work/bin/" tool
)

node scripts/testing/serve-registry.cjs "$work/registry" >"$work/address" &
server=$!
for _ in $(seq 300); do
  [ -s "$work/address" ] && break
  kill -0 "$server" || {
    echo 'conformance: the registry did not start' >&2
    exit 1
  }
  sleep 0.2
done
address=$(head -n 1 "$work/address")
[ -n "$address" ] || {
  echo 'conformance: the registry did not start within a minute' >&2
  exit 1
}

status=0
OCI_REGISTRY=${address#http://} OCI_TLS=disabled \
  OCI_REPO1=conformance/one OCI_REPO2=conformance/two OCI_VERSION=1.1 \
  OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_BLOBS_DIGEST_HEADER=true \
  OCI_API_MANIFESTS_DIGEST_HEADER=true OCI_API_MANIFESTS_TAG_PARAM=true \
  OCI_RESULTS_DIR="$results" \
  timeout 300 "$work/bin/conformance" >"$results/output.txt" 2>&1 || status=$?

sed -n '/Conformance Result/,$p' "$results/output.txt"
if [ "$status" -ne 0 ]; then
  grep 'level=WARN' "$results/output.txt" | cut -c1-300 >&2 || true
  echo "conformance: FAILED with status $status; see $results" >&2
  exit 1
fi
passed=$(sed -n 's/^  Pass\.*: *\([0-9]*\)$/\1/p' "$results/output.txt" | head -n 1)
if [ "${passed:-0}" -lt 900 ]; then
  echo "conformance: only ${passed:-0} tests ran; expected 900 at least" >&2
  exit 1
fi
echo "${passed} passed, 0 failed"
