"""Encodings, logical lines, variables."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerforge.project.requirement_files.text import decode, expand_variables, logical_lines, variables_in


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("numpy # å".encode(), id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + "numpy # å".encode(), id="utf-8 with mark"),
        pytest.param(codecs.BOM_UTF16_LE + "numpy # å".encode("utf-16-le"), id="utf-16-le"),
        pytest.param(codecs.BOM_UTF16_BE + "numpy # å".encode("utf-16-be"), id="utf-16-be"),
        pytest.param(codecs.BOM_UTF32_LE + "numpy # å".encode("utf-32-le"), id="utf-32-le"),
    ],
)
def test_decode_by_mark(data: bytes) -> None:
    assert decode(data) == "numpy # å"


def test_decode_by_coding_comment() -> None:
    assert decode(b"\n# -*- coding: latin-1 -*-\n# \xe5") == "\n# -*- coding: latin-1 -*-\n# å"


def test_coding_comment_counts_on_the_first_two_lines_only() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode(b"\n\n# coding: latin-1\n# \xe5")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\r\nb\rc\n", [(1, "a"), (2, "b"), (3, "c")], id="every line end"),
        pytest.param("a # why\n#b\n  # c\n\nd", [(1, "a"), (5, "d")], id="comments"),
        pytest.param("git+https://x#egg=a", [(1, "git+https://x#egg=a")], id="a fragment is no comment"),
        pytest.param(
            "a \\\n  --hash=x \\\n  --hash=y\nb", [(1, "a   --hash=x   --hash=y"), (4, "b")], id="joined"
        ),
        pytest.param("a \\\n# via b\nc", [(1, "a"), (3, "c")], id="a comment line ends a continuation"),
        pytest.param("a \\", [(1, "a")], id="continued to the end"),
        pytest.param("# a \\\nb", [(2, "b")], id="a comment does not continue"),
    ],
)
def test_logical_lines(text: str, expected: list[tuple[int, str]]) -> None:
    assert [(line.number, line.text) for line in logical_lines(text)] == expected


@given(st.lists(st.sampled_from(["a", "b \\", "# c", "", "d # e", "\\"])))
def test_no_line_is_lost_whatever_is_continued(lines: list[str]) -> None:
    words = [w for line in logical_lines("\n".join(lines)) for w in line.text.split()]
    assert [w for w in words if w in "abd"] == [line[0] for line in lines if line[:1] in set("abd")]


def test_variables() -> None:
    assert variables_in("${A}${B_1}${lower}$C${A}") == ("A", "B_1")
    assert expand_variables("${A}-${EMPTY}-${UNSET}-${lower}", {"A": "1", "EMPTY": "", "lower": "x"}) == (
        "1-${EMPTY}-${UNSET}-${lower}"
    )
