"""`Fn::ForEach` of AWS::LanguageExtensions, written out.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from layerforge.project.intrinsics import Scope, as_text

PREFIX = "Fn::ForEach::"
# CloudFormation allows 500 resources; a loop that gives many more is a mistake or an attack.
_MOST_ENTRIES = 5000
_DEEPEST = 5
_DEEPEST_NODE = 60


class EndlessLoopError(ValueError):
    """A loop gives more entries than a template may have."""


def expand_loops(section: Mapping[Any, Any], scope: Scope) -> Iterator[tuple[Any, Any, Any]]:
    """Give key, body and the key whose line is meant, for each entry of a section.

    A loop that cannot be written out is given as it is, under its own `Fn::ForEach::…` key.
    Raises EndlessLoopError if there are too many entries.
    """
    for count, entry in enumerate(_entries(section, scope, {}, 0)):
        if count >= _MOST_ENTRIES:
            raise EndlessLoopError
        yield entry


def _entries(
    section: Mapping[Any, Any], scope: Scope, names: dict[str, str], depth: int
) -> Iterator[tuple[Any, Any, Any]]:
    for key, body in section.items():
        if not (isinstance(key, str) and key.startswith(PREFIX)):
            yield _replace(key, names, 0) if names else key, _replace(body, names, 0) if names else body, key
            continue
        loop = _loop(_replace(body, names, 0) if names else body, scope) if depth < _DEEPEST else None
        if loop is None:
            yield key, body, key
            continue
        name, items, inner = loop
        for item in items:
            for made, made_body, _ in _entries(inner, scope, {**names, name: item}, depth + 1):
                yield made, made_body, key


def _loop(body: Any, scope: Scope) -> tuple[str, list[str], dict[Any, Any]] | None:
    if not (
        isinstance(body, list) and len(body) == 3 and isinstance(body[0], str) and isinstance(body[2], dict)
    ):
        return None
    items = scope.resolve(body[1])
    texts = [as_text(item) for item in items] if isinstance(items, list) else [None]
    known = [text for text in texts if text is not None]
    return (str(body[0]), known, body[2]) if len(known) == len(texts) else None


def _replace(node: Any, names: dict[str, str], depth: int) -> Any:
    """Put the loop's names into keys, texts and `!Ref`s."""
    if depth > _DEEPEST_NODE:
        return node
    if isinstance(node, str):
        return _replace_text(node, names)
    if isinstance(node, list):
        return [_replace(item, names, depth + 1) for item in node]
    if isinstance(node, dict):
        if len(node) == 1 and isinstance(node.get("Ref"), str) and node["Ref"] in names:
            return names[node["Ref"]]
        return {
            _replace(key, names, depth + 1): _replace(item, names, depth + 1) for key, item in node.items()
        }
    return node


def _replace_text(text: str, names: dict[str, str]) -> str:
    if "{" not in text:
        return text
    for name, item in names.items():
        # `&{Name}` keeps letters and digits alone, as logical ids must.
        text = text.replace(f"${{{name}}}", item).replace(f"&{{{name}}}", re.sub(r"[^A-Za-z0-9]", "", item))
    return text
