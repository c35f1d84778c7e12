#!/usr/bin/env bash
# Debian's docker-registry, skopeo and buildah agree with our client, our
# registry and our builder on every digest. Installs them when run as root.
set -euo pipefail

cd "$(dirname "$0")/../.."
missing=()
for program in docker-registry skopeo buildah; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "registry-peers: install ${missing[*]} first" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  timeout 300 apt-get update -qq
  timeout 600 apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

cd plugins/delivery-backend-module-local
SLIPWAY_REQUIRE_PEERS=1 timeout 600 \
  node ../../node_modules/@backstage/cli/bin/backstage-cli package test \
  --no-watch --runInBand src/registry/peers
