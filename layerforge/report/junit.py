"""Findings as JUnit XML, which GitLab, Jenkins and others show as tests: one for each function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from layerforge.model.finding import Severity
from layerforge.report.located import Located

# What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def format_junit(located: Sequence[Located], *, functions: Iterable[str]) -> str:
    """A test for each of `functions`, and for what else (layers, the lock) something was found of.

    Errors are its failure; warnings and notes its output.
    """
    of: dict[str, list[Located]] = {name: [] for name in functions}
    known = set(of)
    for one in located:
        of.setdefault(one.finding.subject, []).append(one)
    failed = sum(1 for found in of.values() if any(_is_error(one) for one in found))
    counts = {"tests": str(len(of)), "failures": str(failed), "errors": "0"}
    suites = ElementTree.Element("testsuites", {"name": "layerforge check", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "layerforge check", **counts})
    for name, found in of.items():
        kind = "layerforge.functions" if name in known else "layerforge.others"
        case = ElementTree.SubElement(suite, "testcase", {"classname": kind, "name": _xml(name)})
        _fill(case, found)
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _fill(case: ElementTree.Element, found: Sequence[Located]) -> None:
    errors = [one for one in found if _is_error(one)]
    others = [one for one in found if not _is_error(one)]
    first = next((one for one in found if one.path), None)
    if first and first.path:
        case.set("file", _xml(first.path))
    if errors:
        failure = {"type": errors[0].finding.code, "message": _xml(errors[0].finding.sentence)}
        ElementTree.SubElement(case, "failure", failure).text = _told(errors)
    if others:
        ElementTree.SubElement(case, "system-out").text = _told(others)


def _told(found: Sequence[Located]) -> str:
    return _xml("\n\n".join(f"{_place(one)}{one.finding.severity}: {one.text}" for one in found))


def _place(one: Located) -> str:
    line = f":{one.line}" if one.line else ""
    return f"{one.path}{line}: " if one.path else ""


def _is_error(one: Located) -> bool:
    return one.finding.severity is Severity.ERROR


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
