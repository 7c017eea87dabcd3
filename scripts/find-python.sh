#!/bin/sh
# Prints the Python to build the virtual environment with: the one that PYTHON names, or the newest
# that the package is tested with, then newer ones, then whatever python3 is. It must be 3.11 or
# newer and bring venv.
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3.13 python3.12 python3.11 python3.14 python3
fi
without_venv=''
for name in "$@"; do
    path=$(command -v "$name") || continue
    version=$("$path" -c 'import sys; print("python%d.%d" % sys.version_info[:2] if sys.version_info >= (3, 11) else "")' 2>/dev/null)
    [ -n "$version" ] || continue
    if "$path" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$path"
        exit 0
    fi
    [ -n "$without_venv" ] || without_venv=$version
done
if [ -n "$without_venv" ]; then
    echo "$without_venv is here but cannot make virtual environments; install its venv module (Debian, Ubuntu: sudo apt-get install $without_venv-venv) and try again." >&2
elif [ -n "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON does not run or is older than Python 3.11; name another, or leave PYTHON out." >&2
else
    echo "No Python 3.11 or newer was found; install one with its venv module (Debian, Ubuntu: sudo apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3 ..." >&2
fi
exit 1
