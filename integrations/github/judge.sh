#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One run of slatcheck in a GitHub workflow: annotations in the log, JSON and SARIF as files.
#
# The inputs of action.yml come as KERNEL, LAYOUTS, BASELINE, FAIL_ON and ARGS; the outputs
# verdict, gate, report and sarif go to GITHUB_OUTPUT. The exit status is that of 'slatcheck check'.

set -uo pipefail

program=${SLATCHECK:-$(dirname -- "${BASH_SOURCE[0]}")/../../.venv/bin/slatcheck}
folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/slatcheck.XXXXXX") || exit 4
report=$folder/report.json
sarif=$folder/report.sarif

options=(--kernel "${KERNEL:-.}")
for layout in ${LAYOUTS:-}; do
    options+=(--layout "$layout")
done
if [ -n "${BASELINE:-}" ]; then
    options+=(--baseline "$BASELINE")
fi
if [ -n "${FAIL_ON:-}" ]; then
    options+=(--fail-on "$FAIL_ON")
fi
# The words of ARGS are meant to be split.
# shellcheck disable=SC2206
options+=(${ARGS:-})

"$program" check "${options[@]}" --format json --output "$report"
status=$?

if [ ! -s "$report" ]; then
    echo "::error title=slatcheck::slatcheck ended with status $status and wrote no report"
    [ "$status" -ne 0 ] || status=4
    exit "$status"
fi

# The same run in other forms; whether the job fails is decided by the run itself.
"$program" report "$report" --format github
"$program" report "$report" --format sarif --output "$sarif" || true

# The indents tell the verdict on the whole from the gate's, and both from those of checks.
verdict=$(sed -n 's/^ "verdict": "\([a-z]*\)",$/\1/p' "$report")
gate=$(sed -n 's/^  "verdict": "\([a-z]*\)",$/\1/p' "$report")
{
    echo "verdict=${verdict:-error}"
    echo "gate=${gate:-${verdict:-error}}"
    echo "report=$report"
    if [ -s "$sarif" ]; then
        echo "sarif=$sarif"
    fi
} >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$status"
