#!/usr/bin/env bash
# Sets up what run.sh and test.sh need: system libraries, .venv, pinned packages. Quick when done.
set -euo pipefail
cd "$(dirname "$0")/.."

# MediaPipe's face landmarker (building avatars, measuring lips) loads these two.
libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
missing=()
[[ $libraries == *libEGL.so.1* ]] || missing+=(libegl1)
[[ $libraries == *libGLESv2.so.2* ]] || missing+=(libgles2)
if ((${#missing[@]})); then
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        echo "installing system packages: ${missing[*]}"
        apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "note: ${missing[*]} missing: tests and avatar building need them, rendering does not" >&2
        echo "  fix: sudo apt-get install -y ${missing[*]}" >&2
    fi
fi

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=python3
if ! "$python" -c 'import sys; sys.exit(not sys.version_info >= (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2
    exit 1
fi

stamp=.venv/.installed
want=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
if [[ ! -x .venv/bin/python || "$(cat "$stamp" 2>/dev/null)" != "$want" ]]; then
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        rm -rf .venv
        "$python" -m venv .venv || {
            echo "cannot make .venv; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2
            exit 1
        }
    fi
    echo "installing pinned packages into .venv (about 600 MB the first time)"
    # The lock is complete; --no-deps keeps a second OpenCV from being laid over the headless one.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --progress-bar on \
        --no-deps -r requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --no-deps --no-build-isolation --editable .
    echo "$want" >"$stamp"
fi
