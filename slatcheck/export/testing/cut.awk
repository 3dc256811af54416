# SPDX-License-Identifier: GPL-2.0-only
#
# Cuts functions out of the tree as it is now: awk -f cut.awk SLICE, with KERNEL in the environment.
# SLICE has each as it was at the export, behind a #line that names its file. A function is found by
# its first two lines, in that file, and ends with a brace at the beginning of a line.

function fail(why)
{
	print "mmu-test: " path ": " why ": export the folder again" > "/dev/stderr"
	failed = 1
	exit 1
}

function cut(	file, line, before, number, found)
{
	file = ENVIRON["KERNEL"] "/" path
	while ((getline line < file) > 0) {
		number++
		if (!found && before == first && line == second) {
			print "#line " number - 1 " \"" file "\""
			print before
			found = 1
		}
		if (found) {
			print line
			if (line ~ /^}/) {
				close(file)
				return
			}
		}
		before = line
	}
	close(file)
	fail(found ? "it ends in the middle of " first : "there is no " first)
}

/^#line / {
	path = $0
	sub(/^#line [0-9]+ "/, "", path)
	sub(/"$/, "", path)
	state = 1
	next
}
state == 1 { first = $0; state = 2; if ($0 ~ /}$/) { print; state = 0 } next }
state == 2 { second = $0; cut(); state = $0 ~ /^}/ ? 0 : 3; next }
state == 3 { if ($0 ~ /^}/) state = 0; next }
{ print }
END { exit failed }
