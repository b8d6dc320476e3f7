#!/usr/bin/env bash
# Everything a change must pass: style, types, room order, tests. Sets itself up first.
# usage: bash scripts/test.sh [OPTIONS of pytest]
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh llm clone ja test
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
.venv/bin/digital-human models pull kokoro-int8 kokoro-voices whisper-base \
    face-landmarker face-detector selfie-segmentation smart-turn use-multilingual qwen2.5-coder-0.5b \
    kokoro-fp32 campplus eres2net resemblyzer dnsmos

failed=0
run_tests() {
    .venv/bin/python -m pytest "$@" || {
        local status=$?
        # 5: the options select none of these.
        ((status == 5)) || failed=$status
    }
}
# What asks no clock runs in two workers; the rest has the machine, and a process, to itself: models
# that other tests have loaded would make the garbage collector stall it.
clocked=(tests/contract/test_llms.py tests/contract/test_api.py tests/realtime tests/webrtc tests/browser)
run_tests tests/unit tests/golden tests/eval tests/contract "${clocked[@]/#/--ignore=}" \
    --numprocesses 2 --dist loadfile "$@"
earlier=$failed failed=0
run_tests "${clocked[@]}" "$@"
if ((failed == 1)); then
    # They run against the clock with real servers and browsers: what another job on this machine
    # disturbed has a second try, in a process of its own. What fails twice has failed.
    echo "test.sh: the tests that failed are run once more"
    failed=0
    run_tests "${clocked[@]}" --last-failed --last-failed-no-failures none "$@"
fi
exit $((earlier ? earlier : failed))
