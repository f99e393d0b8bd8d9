#!/bin/sh
# The service under a real systemd: a minimal Debian with the wheel in it, booted by systemd-nspawn, tested from inside.
#   sh tests/systemd/run.sh PYTHON WHEEL
# PYTHON: one with pip, which downloads. The Debian is made once and kept in the user's cache. Where that cannot be,
# because nobody is root or the machine lets no container boot, it says why and passes.
set -eu
cd "$(dirname "$0")/../.."
python=$1
wheel=$2
suite=bookworm
include=systemd,systemd-sysv,libnss-systemd,python3,python3-venv,procps
cache=${XDG_CACHE_HOME:-$HOME/.cache}/flowrs
base=$cache/debian-$suite-$(echo "$include" | cksum | cut -d' ' -f1)

skip() {
    echo "the service was not tested under systemd: $*"
    exit 0
}

[ "$(uname -s)" = Linux ] || skip "this is no Linux"
[ "$(id -u)" = 0 ] || skip "only root can boot a container; try sudo make test-systemd"
for tool in debootstrap systemd-nspawn; do
    command -v "$tool" >/dev/null || skip "$tool is missing; on Debian: apt-get install debootstrap systemd-container"
done

if [ ! -d "$base" ]; then
    echo "making a minimal Debian in $base (once, about a minute)"
    mkdir -p "$cache"
    rm -rf "$base.new"
    debootstrap --variant=minbase --include="$include" "$suite" "$base.new" >"$cache/debootstrap.log" 2>&1 || {
        tail -n 5 "$cache/debootstrap.log"
        skip "debootstrap cannot make a Debian here; its log is $cache/debootstrap.log"
    }
    rm -rf "$base.new/var/cache/apt/archives" && mkdir -p "$base.new/var/cache/apt/archives/partial"
    mv "$base.new" "$base"
fi

work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
root=$work/root
cp -a --reflink=auto "$base" "$root"
systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network true </dev/null 2>"$work/err" ||
    skip "systemd-nspawn starts nothing here: $(tail -n 1 "$work/err")"

# The machine in the container has no network: what it installs is brought along.
"$python" -m pip download --quiet --disable-pip-version-check --only-binary=:all: --python-version 3.11 \
    --dest "$root/wheels" "$wheel" "pytest>=8"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$root/wheels" tests/systemd/probe
mkdir "$root/checkout"
cp -r Makefile scripts systemd "$root/checkout"
cp -r tests/systemd "$root/tests"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels "$@"; }
inside WHEEL="/wheels/$(basename "$wheel")" sh /checkout/scripts/install-systemd.sh install
inside /opt/flowrs/bin/pip install --quiet --disable-pip-version-check flowrs-probe
inside python3 -m venv /opt/tests
inside /opt/tests/bin/pip install --quiet --disable-pip-version-check pytest
inside useradd --create-home --groups flowrs alice
inside useradd --create-home mallory
cp tests/systemd/units/* "$root/etc/systemd/system/"
inside systemctl --quiet enable flowrs.socket tests.service sim.service
inside systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
mkdir -p "$root/var/log/journal"

echo "booting it"
timeout --kill-after=10 400 systemd-nspawn --quiet --boot --directory="$root" --register=no --keep-unit \
    --private-network --machine="flowrs-$$" </dev/null >"$work/console" 2>&1 || true
if [ ! -e "$root/results/code" ]; then
    tail -n 40 "$work/console"
    echo "the container ended without results" >&2
    exit 1
fi
cat "$root/results/output"
code=$(cat "$root/results/code")
if [ "$code" != 0 ]; then
    journalctl --directory="$root/var/log/journal" --no-pager --lines=300 >"$cache/last-journal.log" 2>/dev/null || true
    echo "the container's journal is in $cache/last-journal.log" >&2
fi
exit "$code"
