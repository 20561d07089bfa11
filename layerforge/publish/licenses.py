"""The licence of a layer, from those of the distributions in it."""

from __future__ import annotations

import email.parser
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from layerforge.errors import BuildError
from layerforge.wheels.licenses import read_license

# botocore: LicenseInfo is at most 512 characters.
LICENSE_LIMIT = 512
_METADATA = re.compile(r"(?:.+/)?[^/]+\.dist-info/METADATA")
_COMPOUND = re.compile(r"\sOR\s|[()]")


def read_licenses(archive: Path) -> tuple[str, ...]:
    """The SPDX expressions of the distributions in a layer zip, each once, sorted.

    One that names no licence has none. Raises BuildError if it is no zip.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if _METADATA.fullmatch(name)]
            texts = [opened.read(name).decode("utf-8", "replace") for name in names]
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise BuildError(
            f"the zip cannot be read ({error})", where=str(archive), hint="run `layerforge build`"
        ) from error
    parser = email.parser.HeaderParser()
    return tuple(sorted({told for text in texts if (told := read_license(parser.parsestr(text)))}))


def join_licenses(licenses: Iterable[str]) -> str:
    """One SPDX expression for all; where that is too long for AWS, its beginning and how many more."""
    parts = sorted({part for expression in licenses for part in _conjuncts(expression)})
    for shown in range(len(parts), 0, -1):
        rest = len(parts) - shown
        text = " AND ".join(parts[:shown]) + (f" AND {rest} more" if rest else "")
        if len(text) <= LICENSE_LIMIT:
            return text
    return ""


def _conjuncts(expression: str) -> list[str]:
    return [f"({expression})"] if _COMPOUND.search(expression) else expression.split(" AND ")
