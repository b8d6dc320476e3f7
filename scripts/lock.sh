#!/usr/bin/env bash
# Writes requirements.lock and requirements-llm.lock anew from pyproject.toml. Needs uv
# (pip install uv). The second holds only what the language model adds: it is compiled on the spot.
# requirements-clone.lock, what Coqui adds, is kept by hand: torchaudio asks for another torch than ours.
set -euo pipefail
cd "$(dirname "$0")/.."
overrides=$(mktemp)
trap 'rm -f "$overrides"' EXIT
# mediapipe asks for opencv-contrib-python, which would be laid over the headless OpenCV.
echo 'opencv-contrib-python ; sys_platform == "never"' >"$overrides"
compile() {
    uv pip compile --quiet pyproject.toml --python-version 3.11 --python-platform linux \
        --no-emit-index-url --no-header --no-annotate --override "$overrides" "$@"
}
compile --extra dev --extra live --output-file requirements.lock
compile --extra llm --extra dev --extra live | grep -vxFf requirements.lock >requirements-llm.lock
