#!/usr/bin/env bash
# The main job: sets everything up, then renders a news script to an MP4.
# usage: bash scripts/run.sh [SCRIPT.yaml [OPTIONS of digital-human news render]]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bash "$root/scripts/setup.sh"
"$root/.venv/bin/digital-human" models pull
if (($#)); then
    exec "$root/.venv/bin/digital-human" news render "$@"
fi
cd "$root"
exec .venv/bin/digital-human news render assets/news/sample.yaml --out out/news.mp4
