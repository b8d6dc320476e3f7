#!/usr/bin/env bash
# The main job: sets everything up, then renders a news script to an MP4.
# usage: bash scripts/run.sh [SCRIPT.yaml [OPTIONS of digital-human news render]]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bash "$root/scripts/setup.sh"
cd "$root"
.venv/bin/digital-human models pull
if (($#)); then
    exec .venv/bin/digital-human news render "$@"
fi
exec .venv/bin/digital-human news render assets/news/sample.yaml --out out/news.mp4
