#!/bin/sh
# Installs what the GUI tests need beyond Python: a virtual X display and the libraries Qt loads.
# Only what is missing is installed; as root or with CI=true without asking.
set -eu
# xauth is only recommended by xvfb, but xvfb-run does not start without it.
wanted='xvfb xauth libegl1 libgl1 libgl1-mesa-dri libopengl0 libxkbcommon-x11-0 libdbus-1-3
    libfontconfig1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
    libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1'

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    if command -v xvfb-run >/dev/null; then
        echo "There is no apt here; going on with the xvfb-run that is installed." >&2
        exit 0
    fi
    echo "There is no apt here. Install what corresponds to these Debian packages, then try again:" $wanted >&2
    exit 1
fi

missing=''
for package in $wanted; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = 'install ok installed' ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=''
elif ! command -v sudo >/dev/null; then
    echo "The tests need these system packages; ask an administrator to install them:$missing" >&2
    exit 1
elif [ "${CI:-}" = true ]; then
    as_root='sudo -n'
elif [ -t 0 ]; then
    printf 'The tests need these system packages:%s\nInstall them with sudo apt-get? [y/N] ' "$missing"
    read -r answer
    case $answer in
        [yY] | [yY][eE][sS]) as_root='sudo' ;;
        *)
            echo "Nothing was installed. The tests can run once these packages are there:$missing" >&2
            exit 1
            ;;
    esac
else
    echo "The tests need these system packages; install them (sudo apt-get install$missing) or set CI=true." >&2
    exit 1
fi

$as_root apt-get update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
