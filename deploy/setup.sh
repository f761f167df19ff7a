#!/bin/sh
# Make .venv and install a locked set into it:  deploy/setup.sh runtime|test|browser
#
# Needs Python 3.11 or 3.12 with pip, and nothing else: no ensurepip, no uv, and pip may be one that refuses to
# install into the system (PEP 668). uv is put into .tools and does the rest; where it cannot be had, pip does.
# A larger set that was installed once stays: `make run` after `make test` takes nothing away.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

fits() { # a pyenv shim may be there without its Python, so each one is asked
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 or 3.12. Name one that is, or unset PYTHON."
        "$PYTHON" -m pip --version >/dev/null 2>&1 || fail "PYTHON=$PYTHON has no pip. Install it, or name another."
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3.12 python3.11 python3 /usr/bin/python3.12 /usr/bin/python3.11 /usr/bin/python3; do
        if fits "$candidate" && "$candidate" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "No Python 3.11 or 3.12 with pip was found. Install one (Debian: apt-get install python3 python3-pip)" \
        "or name it: make run PYTHON=/path/to/python3.12"
}

lock_of() {
    case "$1" in
        runtime) echo requirements.lock ;;
        test) echo requirements-test.lock ;;
        browser) echo requirements-browser.lock ;;
        *) fail "deploy/setup.sh knows the sets runtime, test and browser, not '$1'." ;;
    esac
}

larger() { # the larger of two sets; an empty name is the smallest
    case "$1 $2" in
        *browser*) echo browser ;;
        *test*) echo test ;;
        *) echo runtime ;;
    esac
}

get_uv() {
    wanted=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements-setup.lock)
    if [ -x .tools/bin/uv ] && [ "$(.tools/bin/uv --version | cut -d' ' -f2)" = "$wanted" ]; then
        return 0
    fi
    rm -rf .tools
    "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes \
        --only-binary :all: --target .tools -r requirements-setup.lock
}

install_with_uv() {
    export UV_PYTHON_DOWNLOADS=never
    # The system's certificates, like pip on Debian: a company's own authority is known there and not to uv.
    [ "$(uname)" != Darwin ] && [ ! -e /etc/ssl/certs/ca-certificates.crt ] ||
        export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
    [ -x .venv/bin/python ] || .tools/bin/uv venv --quiet --python "$python" .venv
    # Compiled now, so that no start pays for it, even where PYTHONDONTWRITEBYTECODE is set.
    # shellcheck disable=SC2086  # empty or one word
    .tools/bin/uv pip sync $quiet --python .venv/bin/python --require-hashes --only-binary :all: \
        --compile-bytecode "$1"
}

install_with_pip() {
    [ -x .venv/bin/python ] || "$python" -m venv --without-pip .venv
    "$python" -m pip --python .venv/bin/python install --quiet --disable-pip-version-check \
        --root-user-action=ignore --no-deps --require-hashes --only-binary :all: -r "$1"
}

[ $# -eq 1 ] || fail "Usage: deploy/setup.sh runtime|test|browser"
lock_of "$1" >/dev/null
python=$(find_python)
if [ -e .venv ] && ! fits .venv/bin/python; then # its Python was removed or is another one now
    rm -rf .venv
fi
have=$(cat .venv/installed-set 2>/dev/null || true)
want=$(larger "$1" "$have")
lock=$(lock_of "$want")
quiet=
[ -t 2 ] || quiet=--quiet

used=$python
[ ! -x .venv/bin/python ] || used=.venv/bin/python
say "Installing $(grep -c == "$lock") locked packages ($lock) into .venv with $("$used" --version) ..."
if [ -n "${WITHOUT_UV:-}" ] || ! get_uv || ! install_with_uv "$lock"; then
    say "Installing with pip instead of uv, which takes longer ..."
    install_with_pip "$lock"
fi
printf '%s\n' "$want" >.venv/installed-set
# Stamps that the Makefile compares with the lock files.
case "$want" in
    browser) touch .venv/set-runtime .venv/set-test .venv/set-browser ;;
    test) touch .venv/set-runtime .venv/set-test ;;
    runtime) touch .venv/set-runtime ;;
esac
