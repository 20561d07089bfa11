"""YAML and JSON as CloudFormation reads them: mappings, lists and texts that know their lines.

PyYAML parses; what it has no notion of is here: CloudFormation's short tags (`!Sub` is `Fn::Sub`), keys that
are given twice, lines, and aliases that grow without end. Importing PyYAML takes a while: import this late.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import yaml

# A few lines of nested aliases ("billion laughs") would keep busy whoever walks through what they stand for.
_MOST_NODES = 250_000
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
_TAGS_WITHOUT_PREFIX = frozenset({"Ref", "Condition"})
_MERGE = "tag:yaml.org,2002:merge"
# JSON may begin with a tab, and escapes what YAML need not know: then it is looked at as JSON.
_COULD_BE_JSON = ("found character", "found unknown escape character")
# What PyYAML's constructors raise of `!!bool x`, `2010-99-99`, `!!int ''` and lists without end.
_NOT_CONSTRUCTED = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnreadableError(Exception):
    """Text that is neither YAML nor JSON: why, and the line, counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class MarkedText(str):
    """A text that knows its line."""

    __slots__ = ("line",)
    line: int


class MarkedList(list[Any]):
    """A list that knows its line."""

    __slots__ = ("line",)
    line: int


class MarkedDict(dict[Any, Any]):
    """A mapping that knows its line."""

    __slots__ = ("line",)
    line: int


Marked = TypeVar("Marked", MarkedText, MarkedList, MarkedDict)


def read_yaml(text: str) -> Any:
    """Return what is in `text`: an empty mapping if there is nothing. Raises UnreadableError."""
    try:
        return _read(text)
    except (yaml.YAMLError, *_NOT_CONSTRUCTED) as error:
        raise UnreadableError(*_message_of(error)) from error


def _read(text: str) -> Any:
    try:
        return _load(text)
    except yaml.scanner.ScannerError as error:
        if not str(error.problem).startswith(_COULD_BE_JSON) or not _is_json(text):
            raise
    return _load(_spell_json_for_yaml(text))


def _load(text: str) -> Any:
    loader = _TemplateLoader(text)
    try:
        read = loader.get_single_data()
    finally:
        loader.dispose()
    if read is None:
        return MarkedDict()
    if "&" in text:  # an alias needs an anchor
        _count_nodes(read, {})
    return read


def _message_of(error: Exception) -> tuple[str, int]:
    if isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError) and error.problem_mark:
        return str(error.problem), error.problem_mark.line + 1
    message = str(error)
    found = re.search(r"\bline (\d+), column", message)
    return message, int(found[1]) if found else 1


def _is_json(text: str) -> bool:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except ValueError:
        return False
    return True


def _spell_json_for_yaml(text: str) -> str:
    """The same JSON on the same lines, without what YAML does not take. Its strings hold no tabs."""
    return re.sub(r"\\(.)", lambda escape: "/" if escape[1] == "/" else escape[0], text.replace("\t", " "))


def _count_nodes(node: Any, known: dict[int, int]) -> int:
    """How many nodes there are once every alias is replaced by what it stands for."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if id(node) not in known:
        known[id(node)] = 1 + sum(_count_nodes(child, known) for child in children)
    if known[id(node)] > _MOST_NODES:
        raise UnreadableError(
            f"it has more than {_MOST_NODES:,} nodes once YAML aliases are expanded, "
            "which may be alias amplification",
            1,
        )
    return known[id(node)]


class _TemplateLoader(_Loader):  # type: ignore[misc]
    """Builds values at once, not in two steps as PyYAML does: what contains itself is no template."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._merged: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what `<<` names before the keys of the mapping, which then may give it anew."""
        if any(key.tag == _MERGE for key, _ in node.value):
            self._merged.add(id(node))
        super().flatten_mapping(node)

    def read_text(self, node: yaml.ScalarNode) -> MarkedText:
        return _marked(MarkedText(self.construct_scalar(node)), node)

    def read_list(self, node: yaml.SequenceNode) -> MarkedList:
        return _marked(MarkedList(self.construct_sequence(node)), node)

    def read_mapping(self, node: yaml.MappingNode) -> MarkedDict:
        self.flatten_mapping(node)
        may_repeat = id(node) in self._merged
        read = _marked(MarkedDict(), node)
        twice: list[tuple[Any, int]] = []
        for key_node, value_node in node.value:
            key, value = self.construct_object(key_node), self.construct_object(value_node)
            line = key_node.start_mark.line + 1
            if key is None:
                raise UnreadableError(f"null key {key_node.value!r} not supported", line)
            try:
                if key in read and not may_repeat:
                    twice.append((key, line))
                read[key] = value
            except TypeError as error:
                raise UnreadableError(f'unhashable type "{key}"', line) from error
        if twice:
            key, line = twice[-1]
            raise UnreadableError(f"the key {key} is given twice", line)
        return read

    def read_tag(self, suffix: str, node: yaml.Node) -> MarkedDict:
        """`!Sub x` as `Fn::Sub: x`."""
        name = suffix if suffix in _TAGS_WITHOUT_PREFIX else f"Fn::{suffix}"
        value: Any
        if isinstance(node, yaml.ScalarNode):
            value = self.construct_scalar(node)
            if name == "Fn::GetAtt":
                value = _marked(MarkedList(value.split(".", 1)), node)
        elif isinstance(node, yaml.SequenceNode):
            value = _marked(MarkedList(self.construct_sequence(node, deep=True)), node)
        else:
            value = self.construct_mapping(node, deep=True)
        return _marked(MarkedDict({name: value}), node)


def _marked(value: Marked, node: yaml.Node) -> Marked:
    value.line = node.start_mark.line + 1
    return value


_TemplateLoader.add_constructor("tag:yaml.org,2002:str", _TemplateLoader.read_text)
_TemplateLoader.add_constructor("tag:yaml.org,2002:seq", _TemplateLoader.read_list)
_TemplateLoader.add_constructor("tag:yaml.org,2002:map", _TemplateLoader.read_mapping)
_TemplateLoader.add_multi_constructor("!", _TemplateLoader.read_tag)
