#!/bin/sh
# Checks that the machine has what flowrs is built with, and, as root on Debian or Ubuntu, installs what is missing.
#   sh scripts/bootstrap.sh PYTHON [chromium]
set -eu
python=$1
browser=${2:-}

missing=""
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v "$python" >/dev/null 2>&1 || missing="$missing python3 python3-venv python3-dev"
if command -v "$python" >/dev/null 2>&1; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
    "$python" -c 'import os, sysconfig; assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))' \
        2>/dev/null || missing="$missing python3-dev"
fi

# What only examples in the documentation and the dashboard's tests use: those tests are skipped without it, so it is tried for at the first
# set-up alone, and is no reason to stop. In CI they are not skipped.
extra=""
if [ ! -e .venv/ready ] || [ "${CI:-}" = true ]; then
    for tool in socat jq npm strace; do
        command -v "$tool" >/dev/null 2>&1 || extra="$extra $tool"
    done
    if [ "${CI:-}" = true ]; then # for promtool; where systemd runs, the package starts a server
        command -v promtool >/dev/null 2>&1 || extra="$extra prometheus"
    fi
    command -v node >/dev/null 2>&1 || extra="$extra nodejs"
    command -v systemd-analyze >/dev/null 2>&1 || extra="$extra systemd"
    if [ "$(id -u)" = 0 ]; then # make test-systemd, which nobody else can run
        command -v debootstrap >/dev/null 2>&1 || extra="$extra debootstrap"
        command -v systemd-nspawn >/dev/null 2>&1 || extra="$extra systemd-container"
    fi
fi
if [ -n "$browser" ]; then
    command -v "$browser" >/dev/null 2>&1 || extra="$extra $browser fonts-dejavu-core"
fi

install() {
    echo "installing: $*"
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # lists of packages
    [ -z "$missing" ] || install $missing
    # shellcheck disable=SC2086 # as above
    [ -z "$extra" ] || install $extra || echo "could not install:$extra; some tests of the documentation or the dashboard will be skipped"
elif [ -n "$missing" ]; then
    echo "missing on this machine:$missing (Debian's names); install them, then run make again" >&2
    exit 1
elif [ -n "$extra" ]; then
    echo "missing on this machine:$extra (Debian's names); some tests of the documentation or the dashboard will be skipped"
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$("$python" --version) is too old: flowrs needs Python 3.11 or newer; name one with make PYTHON=python3.12" >&2
    exit 1
}
