#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Judges the guest-physical page tables of the tree that it lies in, and prints KTAP.
#
# Copy this folder to tools/testing/selftests/ of a kernel tree, then:
#
#     make -C tools/testing/selftests TARGETS=kvm-mips-gpa-pt run_tests
#
#   SLATCHECK                the program (default: the one on the PATH)
#   SLATCHECK_KERNEL         the tree to judge (default: the one that this file is in)
#   KSELFTEST_RUN_SH_ARGS    arguments of 'slatcheck check', such as '--layout mips64-4k'

set -u

failed() {
	printf 'KTAP version 1\n1..1\n# %s\nnot ok 1 slatcheck # error: could not run\n' "$1"
	exit 1
}

program=${SLATCHECK:-slatcheck}
command -v "$program" >/dev/null 2>&1 ||
	failed "there is no program '$program': install slatcheck or set SLATCHECK"

tree=${SLATCHECK_KERNEL:-}
if [ -z "$tree" ]; then
	tree=$(cd -P "$(dirname "$0")" && pwd)
	while [ ! -f "$tree/arch/mips/kvm/mmu.c" ]; do
		[ "$tree" != / ] || failed 'this is no kernel tree: set SLATCHECK_KERNEL'
		tree=$(dirname "$tree")
	done
fi

"$program" check --kernel "$tree" --format ktap "$@"
status=$?

# The runner of kselftest reads 4 as 'skipped' and 124 as 'timed out'. It is neither.
case "$status" in
4 | 124)
	echo "# slatcheck ended with status $status"
	exit 1
	;;
esac
exit "$status"
