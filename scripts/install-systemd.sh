#!/bin/sh
# Installs flowrs as systemd services, or takes them away again. Run as root.
#   sh scripts/install-systemd.sh install|uninstall
# PYTHON (python3): what the virtual environment is made with. PREFIX (/opt/flowrs): where it goes.
# WHEEL: what is installed there, if not this checkout. DESTDIR: only lay the files down below it, for packages.
set -eu
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/opt/flowrs}
root=${DESTDIR:-}
units=$root/etc/systemd/system
etc=$root/etc/flowrs
all="flowrs.socket flowrs.service flowrs@.socket flowrs@.service flowrs-gateway.service"

say() { echo "flowrs: $*"; }

install_files() {
    install -d -m 0755 "$units" "$root/etc/sysusers.d" "$etc"
    install -d -m 0700 "$etc/credentials"
    for unit in $all; do
        sed "s#/opt/flowrs/#$prefix/#g" "systemd/$unit" >"$units/$unit"
        chmod 0644 "$units/$unit"
    done
    install -m 0644 systemd/sysusers.d/flowrs.conf "$root/etc/sysusers.d/flowrs.conf"
    if [ ! -e "$etc/flowrs.toml" ]; then
        install -m 0644 systemd/flowrs.toml "$etc/flowrs.toml"
    fi
    if [ ! -e "$etc/gateway-token" ]; then
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$etc/gateway-token")
    fi
}

install_program() {
    "${PYTHON:-python3}" -m venv "$prefix"
    "$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "${WHEEL:-.}"
    "$prefix/bin/flowrs" --version
}

reload() {
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
    fi
}

case ${1:-} in
install)
    if [ -n "$root" ]; then
        install_files
        exit
    fi
    [ "$(id -u)" = 0 ] || { echo "flowrs: only root can install services; try sudo make install-systemd" >&2; exit 1; }
    install_program
    install_files
    systemd-sysusers "$root/etc/sysusers.d/flowrs.conf"
    reload
    say "installed in $prefix; the configuration is $etc/flowrs.toml"
    say "start it:       systemctl enable --now flowrs.socket flowrs.service"
    say "let USER ask:   usermod -aG flowrs USER, who then logs in anew"
    say "the dashboard:  systemctl enable --now flowrs-gateway; its token is in $etc/gateway-token"
    ;;
uninstall)
    [ "$(id -u)" = 0 ] || { echo "flowrs: only root can remove services; try sudo make uninstall-systemd" >&2; exit 1; }
    if [ -d /run/systemd/system ]; then
        # Globs match what is loaded, so that instances end whatever they are called.
        systemctl stop flowrs-gateway.service flowrs.socket flowrs.service 'flowrs@*.socket' 'flowrs@*.service' || true
    fi
    rm -f "$units"/*.wants/flowrs.* "$units"/*.wants/flowrs@* "$units"/*.wants/flowrs-gateway.*
    for unit in $all; do
        rm -f "$units/$unit"
    done
    rm -f /etc/sysusers.d/flowrs.conf
    if [ -e "$prefix/pyvenv.cfg" ]; then
        rm -rf "$prefix"
    fi
    reload
    say "removed, but for what is yours: $etc, the group flowrs, and what plugins stored in /var/lib/private/flowrs*"
    ;;
*)
    echo "usage: sh scripts/install-systemd.sh install|uninstall" >&2
    exit 2
    ;;
esac
