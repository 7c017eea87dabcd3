#!/bin/sh
# Fails unless a tag, the package, the citation and the changelog name the same version: a release
# is built from the tag, and its files must not say otherwise. Usage: scripts/check-tag.sh v1.2.3
set -eu
tag=${1:?usage: scripts/check-tag.sh v1.2.3}
version=${tag#v}
failed=0
expect() { # a line that must be in a file, and what it is
    if ! grep -qxF "$2" "$1"; then
        echo "$1 does not say “$2”, but the tag is $tag." >&2
        failed=1
    fi
}
expect src/napari_fus_ulm/__init__.py "__version__ = \"$version\""
expect CITATION.cff "version: $version"
if ! grep -qF "## [$version]" CHANGELOG.md; then
    echo "CHANGELOG.md has no section “## [$version]”." >&2
    failed=1
fi
exit $failed
