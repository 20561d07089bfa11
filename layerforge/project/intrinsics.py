"""CloudFormation's intrinsic functions, resolved as far as parameters, mappings and defaults allow.

What only a deployment knows becomes an `Unknown` that keeps the template's words. Nothing here
raises, whatever a template holds: a value that makes no sense is unknown, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from layerforge.project.conditions import evaluate_condition

_SUBSTITUTION = re.compile(r"\$\{(?P<literal>!)?(?P<name>[^${}]*)\}")
_DEEPEST = 40
_LONGEST_WORDS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """A value that cannot be told from the template. `resource` is the logical id that it refers to."""

    words: str
    resource: str | None = None


class NoValue:
    """`AWS::NoValue`: the property or item is taken away."""


NO_VALUE = NoValue()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What names stand for in one template.

    `parameters` holds values (strings, lists, Unknown); `mappings` and `conditions` are as written.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    resources: frozenset[str] = frozenset()

    def resolve(self, value: Any) -> Any:
        """Return `value` with every intrinsic in it resolved, or Unknown in its place."""
        return _resolve(value, self, 0)

    def judge(self, name: str) -> bool | None:
        """Tell whether a condition holds; None where that cannot be known."""
        return _condition(name, self, 0)


def is_known(value: Any) -> bool:
    """Whether there is nothing unknown in a resolved value."""
    if isinstance(value, Unknown):
        return False
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    return all(map(is_known, value)) if isinstance(value, list) else True


def as_text(value: Any) -> str | None:
    """Return a scalar as CloudFormation compares and joins it: all of them are strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def words_of(value: Any) -> str:
    """Return a value as the template could have written it, in the short form, not too long."""
    text = _words(value, 0)
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 1]}…"


def _words(value: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Unknown):
        return value.words
    if intrinsic := _intrinsic(value):
        name, argument = intrinsic
        return f"!{name.removeprefix('Fn::')} {_argument_words(name, argument, depth)}"
    if isinstance(value, list):
        return f"[{', '.join(_words(item, depth + 1) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_words(item, depth + 1)}' for key, item in value.items())}}}"
    text = as_text(value)
    return json.dumps(value, default=str) if text is None else text


def _argument_words(name: str, argument: Any, depth: int) -> str:
    if (
        name == "Fn::GetAtt"
        and isinstance(argument, list)
        and all(isinstance(part, str) for part in argument)
    ):
        return ".".join(argument)
    return _words(argument, depth + 1)


def _intrinsic(value: Any) -> tuple[str, Any] | None:
    """Return name and argument if `value` is a call of an intrinsic function."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, argument),) = value.items()
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            return str(name), argument
    return None


def _unknown(name: str, argument: Any, *, resource: str | None = None) -> Unknown:
    return Unknown(words=words_of({name: argument}), resource=resource)


def _resolve(value: Any, scope: Scope, depth: int) -> Any:
    if depth > _DEEPEST:
        return Unknown(words="…")
    if intrinsic := _intrinsic(value):
        name, argument = intrinsic
        function = _FUNCTIONS.get(name)
        return function(argument, scope, depth + 1) if function else _unknown(name, argument)
    if isinstance(value, list):
        items = [_resolve(item, scope, depth + 1) for item in value]
        return [item for item in items if item is not NO_VALUE]
    if isinstance(value, dict):
        pairs = [(key, _resolve(item, scope, depth + 1)) for key, item in value.items()]
        return {key: item for key, item in pairs if item is not NO_VALUE}
    if isinstance(value, str) and "{{resolve:" in value:
        return Unknown(words=words_of(str(value)))
    return value


def _ref(argument: Any, scope: Scope, _depth: int) -> Any:
    if not isinstance(argument, str):
        return _unknown("Ref", argument)
    if argument == "AWS::NoValue":
        return NO_VALUE
    if argument in scope.parameters:
        return scope.parameters[argument]
    return _unknown("Ref", argument, resource=_resource(argument, scope))


def _get_att(argument: Any, scope: Scope, _depth: int) -> Any:
    parts = argument.split(".") if isinstance(argument, str) else argument
    first = parts[0] if isinstance(parts, list) and parts else None
    return _unknown("Fn::GetAtt", argument, resource=_resource(first, scope))


def _resource(name: Any, scope: Scope) -> str | None:
    return str(name) if isinstance(name, str) and name in scope.resources else None


def _sub(argument: Any, scope: Scope, depth: int) -> Any:
    text, local = argument, {}
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
        text, local = argument[0], {key: _resolve(item, scope, depth) for key, item in argument[1].items()}
    if not isinstance(text, str):
        return _unknown("Fn::Sub", argument)
    complete = True

    def substitute(match: re.Match[str]) -> str:
        nonlocal complete
        name = match["name"].strip()
        if match["literal"]:
            return f"${{{name}}}"
        found = as_text(local[name] if name in local else scope.parameters.get(name))
        complete = complete and found is not None
        return match[0] if found is None else found

    substituted = _SUBSTITUTION.sub(substitute, text)
    if complete and "{{resolve:" not in substituted:
        return substituted
    return Unknown(words=substituted)


def _join(argument: Any, scope: Scope, depth: int) -> Any:
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str)):
        return _unknown("Fn::Join", argument)
    items = _resolve(argument[1], scope, depth)
    if not isinstance(items, list):
        return _unknown("Fn::Join", argument)
    texts = [as_text(item) for item in items]
    known = [text for text in texts if text is not None]
    if len(known) == len(texts):
        return argument[0].join(known)
    # What is known of it is kept, so that an ARN is recognised though its Region is not known.
    return Unknown(
        words=argument[0].join(words_of(i) if t is None else t for i, t in zip(items, texts, strict=True))
    )


def _if(argument: Any, scope: Scope, depth: int) -> Any:
    if not (isinstance(argument, list) and len(argument) == 3):
        return _unknown("Fn::If", argument)
    holds = _condition(argument[0], scope, depth)
    if holds is not None:
        return _resolve(argument[1 if holds else 2], scope, depth)
    agreed = _agreed([_resolve(item, scope, depth) for item in argument[1:]])
    return _unknown("Fn::If", argument) if agreed is None else agreed


def _condition(name: Any, scope: Scope, depth: int) -> bool | None:
    # Conditions cannot use Fn::If; one that does could lead back to itself without end.
    unconditional = replace(scope, conditions={})

    def resolve(value: Any) -> Any:
        return _resolve(value, unconditional, depth)

    return evaluate_condition(name, scope.conditions, resolve=resolve, as_text=as_text)


def _agreed(values: list[Any]) -> Any:
    """Return the value that all have in common, if there is one: then the choice does not matter."""
    first = values[0] if values else None
    if first is None or not is_known(first) or isinstance(first, NoValue):
        return None
    return first if all(value == first for value in values) else None


def _find_in_map(argument: Any, scope: Scope, depth: int) -> Any:
    if not (isinstance(argument, list) and len(argument) in {3, 4}):
        return _unknown("Fn::FindInMap", argument)
    name, *keys = [_resolve(item, scope, depth) for item in argument[:3]]
    found: list[Any] = [scope.mappings.get(name)] if isinstance(name, str) else []
    for key in keys:
        found = _step(found, key)
    # Mappings hold plain values; what looks like an intrinsic there is not one.
    values = [item for item in found if as_text(item) is not None or _is_plain_list(item)]
    if len(values) == len(found) and (agreed := _agreed(values)) is not None:
        return agreed
    if not found and all(as_text(key) is not None for key in keys) and len(argument) == 4:
        default = argument[3].get("DefaultValue") if isinstance(argument[3], dict) else None
        return _resolve(default, scope, depth) if default is not None else _unknown("Fn::FindInMap", argument)
    return _unknown("Fn::FindInMap", argument)


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and all(as_text(item) is not None for item in value)


def _step(tables: list[Any], key: Any) -> list[Any]:
    """Follow a key into each table, or every key where it is not known which one."""
    maps = [table for table in tables if isinstance(table, dict)]
    wanted = as_text(key)
    if wanted is None:
        return [item for table in maps for item in table.values()]
    return [item for table in maps for own, item in table.items() if as_text(own) == wanted]


def _select(argument: Any, scope: Scope, depth: int) -> Any:
    if not (isinstance(argument, list) and len(argument) == 2):
        return _unknown("Fn::Select", argument)
    index, items = _resolve(argument[0], scope, depth), _resolve(argument[1], scope, depth)
    number = as_text(index)
    if not isinstance(items, list) or number is None or not number.isdecimal() or len(number) > 6:
        return _unknown("Fn::Select", argument)
    return items[int(number)] if int(number) < len(items) else _unknown("Fn::Select", argument)


def _split(argument: Any, scope: Scope, depth: int) -> Any:
    if not (
        isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str) and argument[0]
    ):
        return _unknown("Fn::Split", argument)
    text = as_text(_resolve(argument[1], scope, depth))
    return _unknown("Fn::Split", argument) if text is None else text.split(argument[0])


_FUNCTIONS: dict[str, Callable[[Any, Scope, int], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::If": _if,
    "Fn::FindInMap": _find_in_map,
    "Fn::Select": _select,
    "Fn::Split": _split,
}
