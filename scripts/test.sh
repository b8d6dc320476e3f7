#!/usr/bin/env bash
# Everything a change must pass: style, types, room order, tests. Sets itself up first.
# usage: bash scripts/test.sh [OPTIONS of pytest]
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh llm test
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
.venv/bin/digital-human models pull kokoro-int8 kokoro-voices whisper-base \
    face-landmarker selfie-segmentation smart-turn use-multilingual qwen2.5-coder-0.5b
.venv/bin/python -m pytest "$@"
