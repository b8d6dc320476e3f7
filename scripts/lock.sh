#!/usr/bin/env bash
# Writes requirements.lock anew from pyproject.toml. Needs uv (pip install uv).
set -euo pipefail
cd "$(dirname "$0")/.."
overrides=$(mktemp)
trap 'rm -f "$overrides"' EXIT
# mediapipe asks for opencv-contrib-python, which would be laid over the headless OpenCV.
echo 'opencv-contrib-python ; sys_platform == "never"' >"$overrides"
uv pip compile --quiet pyproject.toml --extra dev --python-version 3.11 --python-platform linux \
    --no-emit-index-url --no-header --no-annotate --override "$overrides" --output-file requirements.lock
