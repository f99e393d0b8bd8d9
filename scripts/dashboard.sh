#!/bin/sh
# The dashboard's sources: built, checked, or looked at in a browser.
#   sh scripts/dashboard.sh build|check|browser
# Only who changes the page needs Node.js. Without it the checks are skipped and say so; with CI=true they fail.
set -eu
what=$1
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top/dashboard"

lacking() {
    if [ "$what" = build ] || [ "${CI:-}" = true ]; then
        echo "dashboard: $1" >&2
        exit 1
    fi
    echo "dashboard: skipped: $1"
    exit 0
}

command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || lacking "Node.js and npm are not installed"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    lacking "Node.js $(node --version) is too old: 20.19 or newer is needed"

# npm writes this file last, so an installation that was broken off is made again.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --silent
    touch node_modules/.package-lock.json
fi

case $what in
build)
    npx vite build --logLevel warn
    ;;
check)
    npx vue-tsc --noEmit
    npx vitest run --project pure
    npx vite build --logLevel warn --outDir ../build/dashboard
    diff -r ../build/dashboard ../flowrs/gateway/static || {
        echo "dashboard: flowrs/gateway/static is not what the sources build: run make dashboard, and commit it" >&2
        exit 1
    }
    ;;
browser)
    command -v chromium >/dev/null 2>&1 || lacking "chromium is not installed"
    npx vitest run --project browser
    ;;
esac
