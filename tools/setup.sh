# Set-up that ./run and ./check share. Sourced, from the root of the checkout. Names no host: pip and npm use the machine's own settings.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The newest suitable Python: 3.11 or later, with venv.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$name" -c 'import ensurepip, venv, sqlite3, ssl' 2>/dev/null && { printf '%s' "$name"; return; }
            incomplete=$name
        fi
    done
    [ -n "${incomplete:-}" ] && fail "$incomplete has no venv module: install it (Debian: apt-get install python3-venv)."
    fail "Python 3.11 or newer is missing (Debian 12: apt-get install python3 python3-venv)."
}

# need_packages LOCK...: install each lock file with its hashes, once for each content of the file.
need_packages() {
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
        python=$(find_python) || exit 1
        say "Making .venv with $("$python" --version) ..."
        "$python" -m venv --clear .venv || fail "The virtual environment could not be made in .venv."
    fi
    stale=
    for lock in "$@"; do
        cmp -s "$lock" ".venv/$lock" || stale="$stale $lock"
    done
    if [ -n "$stale" ]; then
        say "Installing Python packages ($(echo $stale)), locked by hash ..."
        asked=
        for lock in "$@"; do asked="$asked -r $lock"; done
        # shellcheck disable=SC2086 # a list of options
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes $asked \
            || fail "Python packages could not be installed; pip said why above."
        for lock in "$@"; do cp "$lock" ".venv/$lock"; done
    fi
    write_command
}

# .venv/bin/stadtmail runs this checkout: nothing is built and nothing is copied.
write_command() {
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    pwd > "$site/stadtmail.pth"
    { echo "#!$(pwd)/.venv/bin/python"; cat tools/stadtmail.py; } > .venv/bin/stadtmail.new
    chmod +x .venv/bin/stadtmail.new
    mv .venv/bin/stadtmail.new .venv/bin/stadtmail
}

# Static files of the portal, and the English words.
need_assets() {
    if [ ! -f stadtmail/doors/web/static/vendor/done ] || [ ! stadtmail/doors/web/static/vendor/done -nt package-lock.json ]; then
        for name in node npm; do
            command -v "$name" >/dev/null 2>&1 || fail "$name is missing (Debian 12: apt-get install nodejs npm)."
        done
        say "Fetching the portal's stylesheet and fonts ..."
    fi
    sh tools/assets.sh || fail "The portal's stylesheet and fonts could not be fetched; npm said why above."
    if [ -f tools/words.py ]; then
        .venv/bin/python tools/words.py || fail "The English words could not be compiled."
    fi
}
