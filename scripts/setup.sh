#!/usr/bin/env bash
# Sets up what the other scripts need: system libraries, .venv, pinned packages. Quick when done.
# usage: bash scripts/setup.sh [llm] [train] [clone] [ja] [test]
#   llm    also llama.cpp, which is compiled here (about 5 minutes, once)
#   train  also PyTorch: own voices, the neural mouth, training
#   clone  also Coqui: XTTS checkpoints of your own
#   ja     also what reads Japanese
#   test   also the programs that tests talk to: a browser, an SFU, a TURN server, an RTMP server
set -euo pipefail
cd "$(dirname "$0")/.."
llm=0 train=0 clone=0 ja=0 test=0
for wish in "$@"; do
    case $wish in
        llm) llm=1 ;;
        train) train=1 ;;
        clone) train=1 clone=1 ;;
        ja) ja=1 ;;
        live) ;; # always there
        test) test=1 ;;
        *) echo "setup.sh: unknown part '$wish'; known: llm, train, clone, ja, test" >&2; exit 2 ;;
    esac
done

# MediaPipe's face landmarker (building avatars, measuring lips) loads the first two; 3D heads are
# drawn through EGL, by Mesa where there is no GPU.
libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
missing=()
[[ $libraries == *libEGL.so.1* ]] || missing+=(libegl1)
[[ $libraries == *libGLESv2.so.2* ]] || missing+=(libgles2)
compgen -G '/usr/lib/*/dri/*_dri.so' >/dev/null || compgen -G '/usr/lib/*/libgallium*.so' >/dev/null ||
    missing+=(libgl1-mesa-dri)
if ((llm)) && ! .venv/bin/python -c 'import llama_cpp' 2>/dev/null; then
    command -v c++ >/dev/null || missing+=(g++)
    command -v make >/dev/null || missing+=(make)
fi
if ((test)); then
    command -v chromium >/dev/null || missing+=(chromium)
    command -v janus >/dev/null || missing+=(janus)
    command -v turnserver >/dev/null || missing+=(coturn)
    [[ -x /usr/sbin/nginx ]] || missing+=(nginx)
    compgen -G '/usr/lib/nginx/modules/*rtmp*' >/dev/null || missing+=(libnginx-mod-rtmp)
fi
if ((${#missing[@]})); then
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        echo "installing system packages: ${missing[*]}"
        # Servers are installed for the tests to start; none is left running.
        policy=/usr/sbin/policy-rc.d
        [[ -e $policy ]] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; trap 'rm -f "$policy"' EXIT; }
        apt-get update -q >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
            "${missing[@]}" >/dev/null
    else
        echo "note: ${missing[*]} missing: tests, avatar building or the language model need them" >&2
        echo "  fix: sudo apt-get install -y ${missing[*]}" >&2
    fi
fi

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || python=python3
if ! "$python" -c 'import sys; sys.exit(not sys.version_info >= (3, 11))' 2>/dev/null; then
    echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2
    exit 1
fi

# The locks are complete; --no-deps keeps a second OpenCV from being laid over the headless one.
install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --progress-bar on \
        --no-deps "$@"
}

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
    install -r requirements.lock
    install --no-build-isolation --editable .
    echo "$want" >"$stamp"
fi

stamp=.venv/.installed-llm
want=$(sha256sum <requirements-llm.lock | cut -d' ' -f1)
if ((llm)) && [[ "$(cat "$stamp" 2>/dev/null)" != "$want" ]]; then
    echo "compiling llama.cpp for this machine (about 5 minutes on 2 cores, once)"
    install -r requirements-llm.lock
    echo "$want" >"$stamp"
fi

if ((train)) && ! .venv/bin/python -c 'import torch' 2>/dev/null; then
    echo "installing PyTorch (the build that pip finds; with CUDA it is several GB)"
    # Its own dependencies come along, held to the versions that are locked.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --progress-bar on \
        --constraint requirements.lock torch==2.13.0
fi

stamp=.venv/.installed-clone
want=$(sha256sum <requirements-clone.lock | cut -d' ' -f1)
if ((clone)) && [[ "$(cat "$stamp" 2>/dev/null)" != "$want" ]]; then
    echo "installing Coqui and what it needs"
    install -r requirements-clone.lock
    echo "$want" >"$stamp"
fi

if ((ja)) && ! .venv/bin/python -c 'import pyopenjtalk' 2>/dev/null; then
    echo "installing Open JTalk with its dictionary"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --progress-bar on \
        --constraint requirements.lock pyopenjtalk-plus==0.4.1.post10
fi
