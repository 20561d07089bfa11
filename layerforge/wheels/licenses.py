"""The licence of a distribution as an SPDX expression, as far as its METADATA tells one.

Sources: https://packaging.python.org/en/latest/specifications/core-metadata/ (License-Expression since
2.4, License and classifiers before), https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message

from layerforge.wheels.license_names import ALIASES, CLASSIFIERS

_PREFIX = "License :: "
_FILLERS = re.compile(r"\b(?:the|licen[cs]e[ds]?|version|under)\b|v(?=[0-9])|[^a-z0-9]+")
_BRACKETS = re.compile(r"\([^)]*\)")
_LONGEST_NAME = 100


def read_license(metadata: Message) -> str | None:
    """Return the SPDX expression that METADATA tells: its own, its `License:`, or its classifiers.

    What is named but is no SPDX licence is a `LicenseRef-…`; None where nothing is named. Several
    classifiers are joined by AND: whether one may choose among them, they do not tell.
    """
    own = _expression(metadata.get("License-Expression"))
    if own is not None:
        return own
    told = _from_text(metadata.get("License"))
    if told is not None and not told.startswith("LicenseRef-"):
        return told
    # A classifier is no more precise than `BSD`, but it is chosen from a list.
    return _from_classifiers(metadata.get_all("Classifier", ())) or told


def canonical_license(expression: str) -> str:
    """The SPDX expression in its normal form (`mit or apache-2.0` -> `MIT OR Apache-2.0`).

    Raises ValueError if it is none.
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression as error:
        raise ValueError(str(error)) from error


def _expression(text: str | None) -> str | None:
    if not text or len(text) > _LONGEST_NAME * 10:
        return None
    try:
        return canonical_license(text)
    except ValueError:
        return None


def _from_text(text: str | None) -> str | None:
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    if not lines or lines[0].lower() == "unknown":
        return None
    if len(lines) == 1 and (expression := _expression(lines[0])):
        return expression
    # Some put the whole text of the licence here, which begins with its name.
    bare = _BRACKETS.sub(" ", lines[0].lower()).replace("+", " or later")
    name = " ".join(_FILLERS.sub(" ", bare).split())
    if name in ALIASES:
        return ALIASES[name]
    return _reference(lines[0]) if len(lines) == 1 and len(lines[0]) <= _LONGEST_NAME else None


def _from_classifiers(classifiers: Iterable[str]) -> str | None:
    found: dict[str, None] = {}
    for classifier in classifiers:
        if not classifier.startswith(_PREFIX):
            continue
        name = classifier.removeprefix(_PREFIX).removeprefix("OSI Approved").removeprefix(" :: ")
        if name and name != "DFSG approved":
            found[CLASSIFIERS.get(name) or _reference(name)] = None
    return " AND ".join(sorted(found)) or None


def _reference(name: str) -> str:
    return f"LicenseRef-{'-'.join(re.findall(r'[A-Za-z0-9.]+', name)) or 'Unnamed'}"
