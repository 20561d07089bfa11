"""Findings as SARIF 2.1.0, which GitHub's code scanning and others read.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from layerforge import __version__
from layerforge.report.located import Located

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# A number with its unit, or a version; names such as python3.13 keep theirs.
_NUMBER = re.compile(r"(?<![\w.])\d[\d.,]*(?:\w*)(?: [KMGT]?B\b| bytes\b)?")


def format_sarif(located: Sequence[Located], *, fallback: str) -> str:
    """One run. What has no place of its own is put at `fallback`: code scanning refuses what has none."""
    codes = sorted({one.finding.code for one in located})
    run = {
        "tool": {
            "driver": {
                "name": "layerforge",
                "semanticVersion": __version__,
                "rules": [{"id": code, "name": _rule_name(code)} for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(one, codes, fallback, fingerprint)
            for one, fingerprint in zip(located, _fingerprints(located), strict=True)
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule_name(code: str) -> str:
    """`unzipped-size` is `UnzippedSize`: the standard asks for names in that form."""
    return "".join(word.capitalize() for word in code.split("-"))


def _fingerprints(located: Sequence[Located]) -> list[str]:
    """One for each finding, by which the same problem stays the same alert.

    Sizes and versions in the sentence change with every release: numbers do not count. Of findings that
    differ in nothing else, the second is told from the first by its place among them.
    """
    told: Counter[str] = Counter()
    fingerprints = []
    for one in located:
        words = _NUMBER.sub("#", one.finding.sentence)
        text = f"{one.finding.code}\x00{one.finding.subject}\x00{words}"
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]
        told[digest] += 1
        fingerprints.append(f"{digest}:{told[digest]}")
    return fingerprints


def _result(one: Located, codes: Sequence[str], fallback: str, fingerprint: str) -> dict[str, Any]:
    finding = one.finding
    uri = quote((one.path or fallback).encode(errors="surrogateescape"))
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if one.line:
        place["region"] = {"startLine": one.line}
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity.value,
        "message": {"text": one.text},
        "locations": [{"physicalLocation": place, "logicalLocations": [{"name": finding.subject}]}],
        "partialFingerprints": {"layerforge/v1": fingerprint},
    }
