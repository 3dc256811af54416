#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Where slatcheck keeps proofs and images in a GitHub workflow, and the key they are found by.
#
# The outputs folder and key go to GITHUB_OUTPUT. The key names the version, the machine and all of
# slatcheck's own text: what another version has kept is of no use.

set -euo pipefail

source=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
cd -- "$source"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
digest=$(
    find model impl proofs slatcheck requirements -type f -not -path '*/__pycache__/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c -16
)
{
    echo "folder=${RUNNER_TEMP:-/tmp}/slatcheck-cache"
    echo "key=slatcheck-$version-$(uname -sm | tr ' ' -)-$digest"
} >>"${GITHUB_OUTPUT:-/dev/stdout}"
