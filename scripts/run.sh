#!/usr/bin/env bash
# The main jobs, each with all its own set-up.
# usage: bash scripts/run.sh                                          the sample bulletin → out/news.mp4
#        bash scripts/run.sh SCRIPT.yaml [OPTIONS of digital-human news render]
#        bash scripts/run.sh serve [OPTIONS of digital-human serve]   talk with it in a browser
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if [[ ${1-} == serve ]]; then
    bash "$root/scripts/setup.sh" llm
    exec "$root/.venv/bin/digital-human" "$@"
fi
bash "$root/scripts/setup.sh"
"$root/.venv/bin/digital-human" models pull
if (($#)); then
    exec "$root/.venv/bin/digital-human" news render "$@"
fi
cd "$root"
exec .venv/bin/digital-human news render assets/news/sample.yaml --out out/news.mp4
