from __future__ import annotations

from dataclasses import replace

import pytest

from layerforge.check.differences import compare
from layerforge.check.growth import GrowthBudget, find_growth
from layerforge.check.states import FunctionState, Held, LayerState, State
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Distribution, Edge, FunctionRoots, Lock, Root
from layerforge.model.requirement import Origin
from layerforge.model.target import Target

MB = 2**20
TARGET = Target(runtime="python3.13", architecture="x86_64")


def held(**versions: tuple[str, float]) -> dict[str, Held]:
    return {
        name: Held(version=version, unzipped_size=int(size * MB))
        for name, (version, size) in versions.items()
    }


def layer(**versions: tuple[str, float]) -> LayerState:
    contents = held(**versions)
    return LayerState(distributions=contents, unzipped_size=sum(h.unzipped_size for h in contents.values()))


def state(shared: LayerState, *functions: str, code: float = 1, elsewhere: float = 0) -> State:
    """All functions take the one layer."""
    extra = int((code + elsewhere) * MB)
    one = FunctionState(
        target=TARGET.name,
        carries=shared.distributions,
        layers=("shared",),
        code_size=int(code * MB),
        unzipped_size=shared.unzipped_size + extra,
    )
    return State(label="x", layers={"shared": shared}, functions=dict.fromkeys(functions, one))


def lock(*functions: str, asks: tuple[str, ...] = ("pandas",), line: int = 3) -> Lock:
    pandas = Distribution(name="pandas", version="2.2", unzipped_size=MB, edges=(Edge(name="numpy"),))
    numpy = Distribution(name="numpy", version="2.2", unzipped_size=MB)
    flask = Distribution(name="flask", version="3.1", unzipped_size=MB)
    return Lock(
        cohort=TARGET.slug,
        target=TARGET,
        distributions=(pandas, numpy, flask),
        functions=tuple(
            FunctionRoots(
                function=name,
                roots=tuple(
                    Root(name=asked, origin=Origin(path="orders/requirements.txt", line=line))
                    for asked in asks
                ),
            )
            for name in functions
        ),
        input_digest="",
    )


BEFORE = layer(numpy=("2.1", 20))
AFTER = layer(numpy=("2.2", 22), pandas=("2.2", 29))


def grown(
    before: State, after: State, budget: int | None = None, locks: tuple[Lock, ...] | None = None
) -> tuple[Finding, ...]:
    return find_growth(
        compare(before, after),
        dict.fromkeys(after.functions, GrowthBudget(allowed=budget)),
        (lock("orders"),) if locks is None else locks,
        revision="origin/main",
    )


def test_growth_over_the_budget_says_what_came_in_and_who_asked() -> None:
    assert grown(state(BEFORE, "orders"), state(AFTER, "orders"), 25 * MB) == (
        Finding(
            severity=Severity.ERROR,
            code="growth",
            subject="orders",
            sentence="orders grew by 31.0 MB since origin/main, 6.0 MB more than the 25.0 MB that [limits] "
            "growth allows, because pandas 2.2 came in (+29.0 MB, required by orders/requirements.txt:3) "
            "and numpy 2.1 -> 2.2 grew by 2.0 MB",
            hint="`layerforge diff origin/main` shows all that changed, "
            "`layerforge why orders pandas` who asks; raise growth in [limits] if it is meant",
        ),
    )


@pytest.mark.parametrize("budget", [31 * MB, None])
def test_growth_within_the_budget_is_a_note(budget: int | None) -> None:
    (finding,) = grown(state(BEFORE, "orders"), state(AFTER, "orders"), budget)
    assert finding == Finding(
        severity=Severity.NOTE,
        code="grown",
        subject="orders",
        sentence="orders grew by 31.0 MB since origin/main, because pandas 2.2 came in "
        "(+29.0 MB, required by orders/requirements.txt:3) and numpy 2.1 -> 2.2 grew by 2.0 MB",
    )


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (20, 20.9, False),  # less than 1 MB
        (20, 21, True),
        (100, 101, False),  # 1 MB of 101: less than 2 %
        (100, 102.5, True),
        (20, 10, False),
    ],
)
def test_noise_is_not_told(was: float, now: float, told: bool) -> None:
    before = state(layer(numpy=("2.1", was)), "orders")
    after = state(layer(numpy=("2.2", now)), "orders")
    assert bool(grown(before, after)) == told


def test_a_byte_over_a_small_budget_is_over_it() -> None:
    before, after = layer(numpy=("2.1", 20)), layer(numpy=("2.2", 20.5))
    assert not grown(state(before, "orders"), state(after, "orders"), MB // 2)
    (finding,) = grown(state(before, "orders"), state(after, "orders"), MB // 2 - 1)
    assert (finding.code, "1 B more than" in finding.sentence) == ("growth", True)


def test_functions_of_one_cause_are_told_once() -> None:
    names = tuple(f"f{number:02}" for number in range(12))
    (finding,) = grown(state(BEFORE, *names), state(AFTER, *names), MB, (lock(*names),))
    assert (finding.subject, finding.sentence.partition(",")[0], finding.details) == (
        "f00",
        "f00 and 11 other functions grew by 31.0 MB each since origin/main",
        ("f00, f01, f02, f03, f04, f05, f06, f07, f08, f09 and 2 more",),
    )


def test_functions_with_requirements_of_their_own_are_told_apart() -> None:
    findings = grown(
        state(BEFORE, "orders", "refunds"),
        state(AFTER, "orders", "refunds"),
        MB,
        (lock("orders", line=3), lock("refunds", line=7)),
    )
    assert [one.subject for one in findings] == ["orders", "refunds"]


def test_own_budget_is_named_by_its_table() -> None:
    difference = compare(state(BEFORE, "orders"), state(AFTER, "orders"))
    budgets = {"orders": GrowthBudget(allowed=MB, key="functions.orders.limits")}
    (finding,) = find_growth(difference, budgets, (lock("orders"),), revision="main")
    assert "that [functions.orders.limits] growth allows" in finding.sentence


def test_what_others_need_of_the_layer_is_no_requirement_of_the_function() -> None:
    (finding,) = grown(
        state(BEFORE, "orders"), state(AFTER, "orders"), MB, (lock("orders", asks=("flask",)),)
    )
    assert "pandas 2.2 came in (+29.0 MB, which layer shared holds for others)" in finding.sentence
    assert finding.hint is not None
    assert "layerforge why" not in finding.hint


@pytest.mark.parametrize(
    ("before", "after", "because"),
    [
        (state(BEFORE, "orders"), state(BEFORE, "orders", code=5), "its own code grew by 4.0 MB"),
        (
            state(BEFORE, "orders"),
            state(BEFORE, "orders", elsewhere=2),
            "layers from elsewhere grew by 2.0 MB",
        ),
        (
            state(layer(numpy=("2.2", 20), flask=("3.1", 5)), "orders"),
            state(AFTER, "orders"),
            (
                "pandas 2.2 came in (+29.0 MB, required by orders/requirements.txt:3) "
                "and numpy 2.2 grew by 2.0 MB, while others shrank by 5.0 MB"
            ),
        ),
        (
            state(layer(), "orders"),
            state(layer(a=("1", 5), b=("1", 4), c=("1", 3), d=("1", 2), e=("1", 1)), "orders"),
            (
                "a 1 came in (+5.0 MB, which layer shared holds for others), "
                "b 1 came in (+4.0 MB, which layer shared holds for others), "
                "c 1 came in (+3.0 MB, which layer shared holds for others) and 2 other parts grew by 3.0 MB"
            ),
        ),
    ],
)
def test_reasons_in_words(before: State, after: State, because: str) -> None:
    (finding,) = grown(before, after)
    assert finding.sentence.partition("because ")[2] == because


def test_trifles_are_no_reasons() -> None:
    parts = {f"p{number}": ("1", 0.001) for number in range(9)}
    before, after = state(layer(), "orders"), state(layer(big=("1", 29), **parts), "orders")
    (finding,) = grown(before, after)
    assert finding.sentence.endswith("because big 1 came in (+29.0 MB, which layer shared holds for others)")


def test_new_functions_have_not_grown_and_code_that_is_not_known_does_not_count() -> None:
    assert grown(state(BEFORE, "orders"), state(BEFORE, "orders", "fresh"), 1) == ()
    there = state(BEFORE, "orders", code=50)
    one = there.functions["orders"]
    unknown = replace(
        there, functions={"orders": replace(one, code_size=None, unzipped_size=one.unzipped_size - 50 * MB)}
    )
    assert grown(unknown, there, 1) == ()


def test_locks_alone_tell_what_was_needed() -> None:
    # A revision whose functions cannot be read has no layers.
    before = replace(state(BEFORE, "orders"), layers=None)
    (finding,) = grown(before, state(AFTER, "orders"), MB)
    assert "orders grew by 31.0 MB" in finding.sentence
