"""What functions grew by since a git revision, and why, held against the user's budgets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layerforge.check.chains import required_by
from layerforge.check.differences import Difference, FunctionChange, Part
from layerforge.check.states import State
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Lock
from layerforge.model.sizes import format_size

# Below this, and below this share of what the function was, growth within the budget is not told: a
# patch release moves a few hundred KB, and nobody can act on that.
_WORTH_TELLING = 1_048_576
_SHARE_WORTH_TELLING = 0.02
_REASONS_SHOWN = 3
# What is less than this part of the growth is no reason for it.
_TRIFLE = 100
_FUNCTIONS_SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowthBudget:
    """By how many bytes a function may grow (None: any), and the table of the config that says so."""

    allowed: int | None = None
    key: str = "limits"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Growth:
    """A function that grew. Functions of the same growth, budget and reasons are told together."""

    function: str
    growth: int
    budget: GrowthBudget
    reasons: str
    largest: str

    @property
    def is_over(self) -> bool:
        return self.budget.allowed is not None and self.growth > self.budget.allowed


def find_growth(
    difference: Difference, budgets: Mapping[str, GrowthBudget], locks: Sequence[Lock], *, revision: str
) -> tuple[Finding, ...]:
    """Return who grew by more than its budget (errors), and who grew noticeably (notes).

    A function that is new has nothing to grow from. `revision` is what the user calls the state before.
    """
    asking = _Asking(difference.after, locks)
    grown = [
        one
        for change in difference.functions
        if change.before is not None and change.after is not None
        if (one := _judge(change, budgets.get(change.name, GrowthBudget()), asking))
    ]
    groups: dict[tuple[int, GrowthBudget, str], list[_Growth]] = {}
    for one in sorted(grown, key=lambda one: (not one.is_over, -one.growth, one.function)):
        groups.setdefault((one.growth, one.budget, one.reasons), []).append(one)
    return tuple(_finding(group, revision) for group in groups.values())


def _judge(change: FunctionChange, budget: GrowthBudget, asking: _Asking) -> _Growth | None:
    grown = [part for part in change.parts if part.growth > 0]
    found = _Growth(
        function=change.name,
        growth=change.growth,
        budget=budget,
        reasons=_reasons(change, grown, asking),
        largest=next((part.name for part in grown if part.name in asking.needed_by(change.name)), ""),
    )
    was = change.before.unzipped_size if change.before else 0
    tells = change.growth >= max(_WORTH_TELLING, was * _SHARE_WORTH_TELLING)
    return found if found.is_over or tells else None


class _Asking:
    """Who asks for what a function holds."""

    def __init__(self, state: State, locks: Sequence[Lock]) -> None:
        self._state = state
        self._locks = {roots.function: (lock, roots.roots) for lock in locks for roots in lock.functions}
        self._needed: dict[str, frozenset[str]] = {}

    def needed_by(self, function: str) -> frozenset[str]:
        """Names of the distributions that it needs."""
        if function not in self._needed:
            held = self._locks.get(function)
            self._needed[function] = held[0].closure(held[1]) if held else frozenset()
        return self._needed[function]

    def describe(self, function: str, name: str) -> str:
        """`required by functions/orders/requirements.txt:3`, or that others need it."""
        if function in self._locks and name in self.needed_by(function):
            lock, roots = self._locks[function]
            return f"required by {required_by(lock.by_name(), roots, name)}"
        layers = self._state.layers or {}
        taken = self._state.functions[function].layers or ()
        holder = next((layer for layer in taken if name in layers[layer].distributions), None)
        return f"which layer {holder} holds for others" if holder else "required by nobody"


def _reasons(change: FunctionChange, grown: Sequence[Part], asking: _Asking) -> str:
    """`pandas 2.2 came in (+29.0 MB, required by …) and numpy 2.1 -> 2.2 grew by 2.0 MB`, largest first."""
    trifle = change.growth // _TRIFLE
    weighty = [part for part in grown if part.growth > trifle][:_REASONS_SHOWN] or grown[:1]
    told = [_reason(part, change.name, asking) for part in weighty]
    rest = grown[len(weighty) :]
    if (more := sum(part.growth for part in rest)) > trifle:
        told.append(f"{count(rest, 'other part')} grew by {format_size(more)}")
    text = f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else "".join(told)
    saved = -sum(part.growth for part in change.parts if part.growth < 0)
    return f"{text}, while others shrank by {format_size(saved)}" if saved > trifle else text


def _reason(part: Part, function: str, asking: _Asking) -> str:
    size = format_size(part.growth)
    before, after = part.before, part.after
    if after is None or not after.version:
        # Its own code, or layers from elsewhere.
        return f"{part.name} grew by {size}"
    if before is None:
        return f"{part.name} {after.version} came in (+{size}, {asking.describe(function, part.name)})"
    if before.version == after.version:
        return f"{part.name} {after.version} grew by {size}"
    return f"{part.name} {before.version} -> {after.version} grew by {size}"


def _finding(group: Sequence[_Growth], revision: str) -> Finding:
    first = group[0]
    others = len(group) - 1
    who = first.function + (f" and {count(others, 'other function')}" if others else "")
    each = " each" if others else ""
    over = _over(first.growth, first.budget) if first.is_over else ""
    return Finding(
        severity=Severity.ERROR if first.is_over else Severity.NOTE,
        code="growth" if first.is_over else "grown",
        subject=first.function,
        sentence=f"{who} grew by {format_size(first.growth)}{each} since {revision}{over}, "
        f"because {first.reasons}",
        details=_told_functions(group),
        hint=_hint(first, revision) if first.is_over else None,
    )


def _over(growth: int, budget: GrowthBudget) -> str:
    allowed = budget.allowed or 0
    return (
        f", {format_size(growth - allowed)} more than the {format_size(allowed)} "
        f"that [{budget.key}] growth allows"
    )


def _told_functions(group: Sequence[_Growth]) -> tuple[str, ...]:
    if len(group) == 1:
        return ()
    names = [one.function for one in group[:_FUNCTIONS_SHOWN]]
    more = len(group) - len(names)
    return (", ".join(names) + (f" and {more} more" if more else ""),)


def _hint(first: _Growth, revision: str) -> str:
    why = f", `layerforge why {first.function} {first.largest}` who asks" if first.largest else ""
    return (
        f"`layerforge diff {revision}` shows all that changed{why}; "
        f"raise growth in [{first.budget.key}] if it is meant"
    )
