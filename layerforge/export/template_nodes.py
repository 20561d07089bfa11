"""The text of a template as nodes that know where they stand, so that it can be changed there alone.

Made of the parser's events rather than composed: an alias stays an alias, and no nesting is too deep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from layerforge.errors import ConfigError

_KEEPS_BLANK_LINES = re.compile(r"[|>][0-9]?\+")


@dataclass(kw_only=True, slots=True)
class Node:
    """A scalar, a sequence (`items`), a mapping (`pairs`), or an alias (`value` is its anchor).

    `start` and `end` are places in the text. `end` of a block collection is where the next thing begins;
    `end_of` tells where its own text ends. `line` counts from 1.
    """

    start: int
    end: int
    line: int
    value: str | None = None
    items: list[Node] | None = None
    pairs: list[tuple[Node, Node]] | None = None
    is_flow: bool = False
    is_alias: bool = False
    is_block_scalar: bool = False

    def key(self, name: str) -> tuple[Node, Node] | None:
        """The pair with this key, if this is a mapping that has it."""
        return next((pair for pair in self.pairs or () if pair[0].value == name), None)

    def children(self) -> Iterator[Node]:
        """Items, or keys and values."""
        yield from self.items or ()
        for pair in self.pairs or ():
            yield from pair


@dataclass(kw_only=True, slots=True)
class _Open:
    node: Node
    children: list[Node] = field(default_factory=list)

    def close(self, end: int) -> None:
        self.node.end = end
        if self.node.items is not None:
            self.node.items = self.children
        else:
            self.node.pairs = list(zip(self.children[::2], self.children[1::2], strict=True))


def read_nodes(text: str, *, path: str) -> Node:
    """The nodes of a template that was found to be one.

    Raises ConfigError, with the line, for JSON that YAML's parser does not take.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    root = _Open(node=Node(start=0, end=len(text), line=1, items=[]))
    open_nodes = [root]
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionEndEvent):
                open_nodes.pop().close(_place(event.end_mark))
            elif isinstance(event, yaml.NodeEvent):
                node = _node(event)
                open_nodes[-1].children.append(node)
                if isinstance(event, yaml.CollectionStartEvent):
                    open_nodes.append(_Open(node=node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"it cannot be changed in place: {error.problem or 'the places of its parts cannot be told'}",
            where=f"{path}:{mark.line + 1}" if mark else path,
            hint="write it as YAML, or as JSON that is indented with spaces",
        ) from error
    return root.children[0]


def _place(mark: Any) -> int:
    return int(mark.index)


def _node(event: Any) -> Node:
    import yaml

    node = Node(start=_place(event.start_mark), end=_place(event.end_mark), line=event.start_mark.line + 1)
    if isinstance(event, yaml.AliasEvent):
        node.value, node.is_alias = event.anchor, True
    elif isinstance(event, yaml.ScalarEvent):
        node.value, node.is_block_scalar = event.value, event.style in {"|", ">"}
    else:
        node.is_flow = bool(event.flow_style)
        if isinstance(event, yaml.MappingStartEvent):
            node.pairs = []
        else:
            node.items = []
    return node


def has_alias(node: Node) -> bool:
    """Whether an alias is anywhere in it."""
    pending = [node]
    while pending:
        one = pending.pop()
        if one.is_alias:
            return True
        pending += one.children()
    return False


def end_of(node: Node, text: str) -> int:
    """Where the text of a node ends: no blank line or comment that follows is part of it."""
    while not node.is_flow and (children := list(node.children())):
        node = children[-1]
    if not node.is_block_scalar:
        return node.end
    header = text[node.start : line_end(text, node.start)]
    if _KEEPS_BLANK_LINES.search(header):
        return node.end
    return node.start + len(text[node.start : node.end].rstrip())


def line_start(text: str, place: int) -> int:
    """Where the line of a place begins."""
    return text.rfind("\n", 0, place) + 1


def line_end(text: str, place: int) -> int:
    """Where the line after that of a place begins. A place that begins a line ends the one before."""
    if place and text[place - 1] == "\n":
        return place
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1
