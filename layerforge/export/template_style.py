"""Values as the template that they go into is written: YAML in blocks or in one line, or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layerforge.export.template_nodes import Node, line_start

_PLAIN = re.compile(r"[A-Za-z0-9._/][A-Za-z0-9._/-]*(?: [A-Za-z0-9._/-]+)*|[A-Z]\w+::\w+::\w+")
_INDENT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How a template is written: `step` and `item` are the columns of what is nested and of a list's dash."""

    is_json: bool
    newline: str
    step: int = _INDENT
    item: int = _INDENT
    unit: str = " " * _INDENT

    def entry(self, key: str, value: Any) -> str:
        """`key: value` in one line."""
        return f"{self.key(key)}: {self.inline(value)}"

    def key(self, key: str) -> str:
        """A key."""
        return json.dumps(key, ensure_ascii=False) if self.is_json else _scalar(key)

    def inline(self, value: Any) -> str:
        """A value in one line."""
        if self.is_json:
            return json.dumps(value, ensure_ascii=False)
        if tagged := _tagged(value):
            tag, argument = tagged
            return f"!{tag} {self._quoted(argument) if tag == 'Ref' else self.inline(argument)}"
        if isinstance(value, Mapping):
            return f"{{{', '.join(self.entry(key, item) for key, item in value.items())}}}"
        if isinstance(value, Sequence) and not isinstance(value, str):
            return f"[{', '.join(map(self.inline, value))}]"
        return _scalar(value)

    def _quoted(self, name: Any) -> str:
        return json.dumps(name) if ":" in name else str(name)

    def indented(self, value: Any, lead: str) -> str:
        """A value within brackets over several lines; `lead` is what its first line begins with."""
        if not self.is_json:
            return self.inline(value)
        lines = json.dumps(value, ensure_ascii=False, indent=self.unit).split("\n")
        return f"{self.newline}{lead}".join(lines)

    def block(self, key: str, value: Any, column: int) -> str:
        """An entry of a block mapping as whole lines, each with its end."""
        return "".join(f"{line}{self.newline}" for line in self._entry_lines(key, value, column))

    def block_item(self, value: Any, column: int) -> str:
        """An item of a block sequence as a whole line."""
        return f"{' ' * column}- {self.inline(value)}{self.newline}"

    def _entry_lines(self, key: str, value: Any, column: int) -> list[str]:
        start = f"{' ' * column}{self.key(key)}:"
        if isinstance(value, Mapping) and value and not _tagged(value):
            inner = [self._entry_lines(*entry, column + self.step) for entry in value.items()]
            return [start, *(line for lines in inner for line in lines)]
        if isinstance(value, list) and any(map(_tagged, value)):
            return [start, *(f"{' ' * (column + self.item)}- {self.inline(one)}" for one in value)]
        return [f"{start} {self.inline(value)}"]


def find_style(root: Node, text: str, *, newline: str) -> Style:
    """Tell how a template is written from its first nested mapping and its first list."""
    if root.is_flow:
        return Style(is_json=True, newline=newline, unit=_unit(root, text))
    step = item = None
    pending = [(root, 0)]
    while pending and (step is None or item is None):
        node, column = pending.pop()
        for key, value in node.pairs or ():
            inner = _column(value, text)
            if value.pairs and not value.is_flow:
                step = step or inner - column
                pending.insert(0, (value, inner))
            elif value.items and not value.is_flow and item is None:
                item = inner - _column(key, text)
    return Style(
        is_json=False,
        newline=newline,
        step=step or _INDENT,
        item=item if item is not None else step or _INDENT,
    )


def _column(node: Node, text: str) -> int:
    """The column of a collection's first entry (its own start may be an anchor), or of a scalar."""
    if node.pairs and not node.is_flow:
        return _column(node.pairs[0][0], text)
    if node.items and not node.is_flow:
        start = line_start(text, node.items[0].start)
        return len(text[start:]) - len(text[start:].lstrip(" "))
    return node.start - line_start(text, node.start)


def _unit(root: Node, text: str) -> str:
    """What JSON is indented with: what the line of the first entry begins with."""
    if not root.pairs:
        return " " * _INDENT
    first = root.pairs[0][0].start
    lead = text[line_start(text, first) : first]
    return lead if lead and not lead.strip() else " " * _INDENT


def _tagged(value: Any) -> tuple[str, Any] | None:
    """The tag and the argument, if a value is a call of an intrinsic function."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" or name.startswith("Fn::"):
            return name.removeprefix("Fn::"), argument
    return None


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if _PLAIN.fullmatch(text) and _stays_text(text) else json.dumps(text, ensure_ascii=False)


def _stays_text(text: str) -> bool:
    """Whether YAML takes a plain word as text, and not as a number, a date or a truth."""
    import yaml

    for first in (text[0], None):
        for _, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(first, ()):
            if pattern.match(text):
                return False
    return True
