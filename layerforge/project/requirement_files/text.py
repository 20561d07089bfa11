"""The text of a requirements file: its encoding, logical lines, comments, environment variables.

The rules are those of pip's "Requirements File Format"
(https://pip.pypa.io/en/stable/reference/requirements-file-format/).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

# The longer marks first: that of UTF-32-LE begins with that of UTF-16-LE.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# PEP 263: in a comment on one of the first two lines.
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_LINE_END = re.compile(r"\r\n|\n|\r")
_COMMENT = re.compile(r"(^|\s+)#.*$")
# Only upper-case names, so that what merely looks like a variable stays as it is.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogicalLine:
    """What remains of a line without comment, its continuations joined; `number` is that of its first."""

    number: int
    text: str


def decode(data: bytes) -> str:
    """Text of a file: by its byte order mark, else by its PEP 263 comment, else as UTF-8.

    Raises UnicodeDecodeError, and LookupError for an encoding that does not exist.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    for line in data.split(b"\n", 2)[:2]:
        if match := _CODING.match(line):
            return data.decode(match[1].decode("ascii", "replace"))
    return data.decode("utf-8")


def logical_lines(text: str) -> Iterator[LogicalLine]:
    """Lines that say something. A backslash at its end continues a line; a comment line ends it."""
    for number, line in _continued(_LINE_END.split(text)):
        if stripped := _COMMENT.sub("", line).strip():
            yield LogicalLine(number=number, text=stripped)


def _continued(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    held: list[str] = []
    first = 0
    for number, line in enumerate(lines, 1):
        first = first if held else number
        if line.endswith("\\") and not _COMMENT.search(line):
            held.append(line[:-1])
            continue
        # A space keeps a comment line that ends a continuation apart from what it ends.
        held.append(f" {line}" if _COMMENT.match(line) else line)
        yield first, "".join(held)
        held = []
    if held:
        yield first, "".join(held)


def variables_in(text: str) -> tuple[str, ...]:
    """Names of the environment variables (`${NAME}`) that `text` uses."""
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


def expand_variables(text: str, environ: Mapping[str, str]) -> str:
    """`text` with the variables that are set (and not empty) replaced; the others stay as they are."""
    return _VARIABLE.sub(lambda match: environ.get(match[1]) or match[0], text)
