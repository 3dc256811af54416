# SPDX-License-Identifier: GPL-2.0-only
"""Patches as they come on stdin: mails, bare diffs, cover letters, and what is none of them."""

from __future__ import annotations

import base64
import io
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slatcheck.errors import InputError
from slatcheck.patches.patch import LONGEST, Patch, read

MMU = "arch/mips/kvm/mmu.c"
DIFF = f"""\
diff --git a/{MMU} b/{MMU}
index 1111111..2222222 100644
--- a/{MMU}
+++ b/{MMU}
@@ -1,2 +1,2 @@
-int x = 1;
+int x = 2;
 int y;
"""
HEAD = "From: A <a@b.c>\nSubject: [PATCH] x\n"
BASE = "0123456789abcdef0123456789abcdef01234567"


def taken(text: str | bytes) -> Patch:
    return read(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def test_a_diff_and_a_mail_name_their_files() -> None:
    for text in (DIFF, f"{HEAD}\nWhy.\n---\n{DIFF}-- \n2.39\n", f"From 123 Mon\n{HEAD}\n{DIFF}"):
        patch = taken(text)
        assert MMU in patch.paths
        assert patch.texts[0] == text.encode()
        assert patch.base == ""


def test_the_commit_it_was_made_on_is_read() -> None:
    assert taken(f"{HEAD}\n{DIFF}\nbase-commit: {BASE}\n").base == BASE
    assert taken(f"{HEAD}\n{DIFF}\nbase-commit: HEAD\n").base == ""


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("quoted-printable", quopri.encodestring(DIFF.encode())),
        ("base64", base64.encodebytes(DIFF.encode())),
    ],
)
def test_an_encoded_mail_is_decoded(encoding: str, encoded: bytes) -> None:
    head = f"{HEAD}MIME-Version: 1.0\nContent-Transfer-Encoding: {encoding}\n\n".encode()
    patch = taken(head + encoded)
    assert DIFF.encode() in patch.texts
    assert MMU in patch.paths
    # b4 decodes the body and leaves the header as it was.
    assert taken(head + DIFF.encode()).texts[0].endswith(DIFF.encode())


def test_carriage_returns_of_a_mail_are_not_part_of_it() -> None:
    assert taken(f"{HEAD}\n{DIFF}".replace("\n", "\r\n")).texts[0] == f"{HEAD}\n{DIFF}".encode()


def test_a_cover_letter_touches_nothing() -> None:
    patch = taken(f"{HEAD}\nHello.\n")
    assert patch.texts == () and patch.paths == frozenset()


@pytest.mark.parametrize(
    "line",
    [
        f'--- "a/{MMU}"',
        '+++ "b/arch/mips/kvm/\\155mu.c"',
        f"rename from {MMU}",
        f"copy to {MMU}",
        f"diff --git a/{MMU} b/elsewhere.c",
        f"diff --git a/elsewhere.c b/{MMU}",
        f'diff --git "a/{MMU}" "b/x"',
        f"--- i/{MMU}\t2020-01-01",
        f"--- {MMU}",
    ],
)
def test_no_way_to_name_a_file_hides_it(line: str) -> None:
    assert MMU in taken(f"{DIFF.replace(MMU, 'other.c')}\n{line}\n").paths


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "there is no patch on stdin"),
        (b" \n\t\n", "there is no patch on stdin"),
        (b"\x00\xff\xfe garbage", "neither a mail nor a patch"),
        (b"hello world", "neither a mail nor a patch"),
        (b"x" * (LONGEST + 1), "longer than 16 MiB"),
        (DIFF.encode() + b"GIT binary patch\nliteral 99999999999\n", "binary parts"),
    ],
)
def test_what_is_no_patch_is_refused_in_one_line(text: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why) as problem:
        taken(text)
    assert "\n" not in str(problem.value)


@given(
    st.one_of(
        st.binary(), st.text().map(lambda one: (HEAD + one + DIFF).encode("utf-8", "replace"))
    )
)
def test_whatever_comes_is_taken_or_refused(data: bytes) -> None:
    try:
        patch = taken(data)
    except InputError:
        return
    assert all(isinstance(one, bytes) for one in patch.texts)
