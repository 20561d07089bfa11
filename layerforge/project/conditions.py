"""Conditions of a template, judged with three answers: yes, no, and only a deployment knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_DEEPEST = 40


def evaluate_condition(
    name: Any,
    conditions: Mapping[str, Any],
    *,
    resolve: Callable[[Any], Any],
    as_text: Callable[[Any], str | None],
) -> bool | None:
    """Tell whether the condition `name` holds; None where that cannot be known, or makes no sense.

    `resolve` gives the values that are compared, `as_text` their text (None: not known).
    """
    judged: dict[str, bool | None] = {}

    def judge_named(name: Any, open_names: frozenset[str], depth: int) -> bool | None:
        if not isinstance(name, str) or name in open_names or name not in conditions:
            return None
        if name not in judged:
            judged[name] = judge(conditions[name], open_names | {name}, depth + 1)
        return judged[name]

    def judge(node: Any, open_names: frozenset[str], depth: int) -> bool | None:
        if depth > _DEEPEST or not isinstance(node, dict) or len(node) != 1:
            return None
        ((function, argument),) = node.items()
        if function == "Condition":
            return judge_named(argument, open_names, depth)
        if not isinstance(argument, list):
            return None
        if function == "Fn::Equals":
            return _equal(argument, resolve, as_text)
        if function not in {"Fn::Not", "Fn::And", "Fn::Or"}:
            return None
        answers = [judge(part, open_names, depth + 1) for part in argument]
        return _combine(str(function), answers)

    return judge_named(name, frozenset(), 0)


def _equal(
    argument: list[Any], resolve: Callable[[Any], Any], as_text: Callable[[Any], str | None]
) -> bool | None:
    if len(argument) != 2:
        return None
    left, right = (as_text(resolve(part)) for part in argument)
    return None if left is None or right is None else left == right


def _combine(function: str, answers: list[bool | None]) -> bool | None:
    if function == "Fn::Not":
        return not answers[0] if len(answers) == 1 and answers[0] is not None else None
    deciding = function == "Fn::Or"
    if not answers:
        return None
    if deciding in answers:
        return deciding
    return None if None in answers else not deciding
