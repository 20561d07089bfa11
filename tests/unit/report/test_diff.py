from __future__ import annotations

import json
from dataclasses import replace

import pytest

from layerforge.check.differences import Part, compare
from layerforge.check.states import (
    FunctionState,
    Held,
    LayerState,
    State,
    state_of_locks,
    state_of_manifest,
    state_of_plan,
)
from layerforge.model.artifact import Artifact, BuiltDistribution, Manifest, ManifestFunction
from layerforge.model.lock import Distribution, Edge, FunctionRoots, Lock, Root
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.report.diff_text import (
    describe_part,
    difference_document,
    format_difference,
    format_growth,
    format_markdown,
    summarise,
)

MB = 2**20
X86 = Target(runtime="python3.13", architecture="x86_64")


def held(**versions: tuple[str, int]) -> dict[str, Held]:
    return {
        name: Held(version=version, unzipped_size=megabytes * MB)
        for name, (version, megabytes) in versions.items()
    }


def layer(**versions: tuple[str, int]) -> LayerState:
    contents = held(**versions)
    return LayerState(distributions=contents, unzipped_size=sum(h.unzipped_size for h in contents.values()))


def function(
    *layers: LayerState, code: int | None = 1, elsewhere: int = 0, target: str = "python3.13-x86_64"
) -> FunctionState:
    carries = {name: held for one in layers for name, held in one.distributions.items()}
    held_size = sum(held.unzipped_size for held in carries.values())
    return FunctionState(
        target=target,
        carries=carries,
        layers=("data",) * len(layers),
        code_size=None if code is None else code * MB,
        unzipped_size=held_size + ((code or 0) + elsewhere) * MB,
    )


def state(label: str, layers: dict[str, LayerState], **functions: FunctionState) -> State:
    return State(label=label, layers=layers, functions=functions)


OLD_DATA = layer(numpy=("2.3", 50), pandas=("3.0", 40))
NEW_DATA = layer(numpy=("2.4", 55), pandas=("3.0", 40), tzdata=("2026.6", 1))
WEB = layer(flask=("3.1", 2))
BEFORE = state(
    "HEAD (0123456789ab)",
    {"data": OLD_DATA, "web": WEB},
    orders=function(OLD_DATA),
    reports=function(OLD_DATA, code=2),
    site=function(WEB),
    same=function(WEB),
)
AFTER = state(
    "the working tree",
    {"data": NEW_DATA, "other": WEB},
    orders=function(NEW_DATA),
    reports=function(NEW_DATA, code=1, elsewhere=3),
    fresh=function(WEB),
    same=function(WEB),
)


def test_what_changed_as_text() -> None:
    lines = format_difference(compare(BEFORE, AFTER), width=None).splitlines()
    assert [line[:80].rstrip() for line in lines] == [
        "HEAD (0123456789ab) -> the working tree",
        "",
        "distributions",
        "   distribution  before  after     bytes  targets               functions",
        "-  ------------  ------  ------  -------  --------------------  ----------------",
        "~  numpy         2.3     2.4     +5.0 MB  1: python3.13-x86_64  2: orders, repor",
        "+  tzdata                2026.6  +1.0 MB  1: python3.13-x86_64  2: orders, repor",
        "",
        "layers",
        "   layer   before    after    bytes  because of",
        f"-  -----  -------  -------  -------  {43 * '-'}",
        "~  data   90.0 MB  96.0 MB  +6.0 MB  2: numpy 2.3 -> 2.4 +5.0 MB, +tzdata 2026.6",
        "+  other            2.0 MB  +2.0 MB  1: +flask 3.1 +2.0 MB",
        "-  web     2.0 MB           -2.0 MB  1: -flask 3.1 -2.0 MB",
        "",
        "functions",
        "   function   before     after    bytes  because of",
        f"-  --------  -------  --------  -------  {39 * '-'}",
        "~  reports   92.0 MB  100.0 MB  +8.0 MB  4: numpy 2.3 -> 2.4 +5.0 MB, +layers fr",
        "~  orders    91.0 MB   97.0 MB  +6.0 MB  2: numpy 2.3 -> 2.4 +5.0 MB, +tzdata 20",
        "+  fresh                3.0 MB  +3.0 MB  2: +flask 3.1 +2.0 MB, +its own code +1",
        "-  site       3.0 MB            -3.0 MB  2: -flask 3.1 -2.0 MB, -its own code -1",
        "",
        "2 distributions, 3 layers and 4 functions changed; layers 92.0 MB -> 98.0 MB",
    ]
    assert lines[11].endswith("+tzdata 2026.6 +1.0 MB")


def test_parts_are_the_largest_first_and_add_up() -> None:
    changes = {change.name: change for change in compare(BEFORE, AFTER).functions}
    assert list(changes) == ["reports", "orders", "fresh", "site"]
    assert [describe_part(part) for part in changes["reports"].parts] == [
        "numpy 2.3 -> 2.4 +5.0 MB",
        "+layers from elsewhere +3.0 MB",
        "its own code -1.0 MB",
        "+tzdata 2026.6 +1.0 MB",
    ]
    for name in ("reports", "orders"):
        assert sum(part.growth for part in changes[name].parts) == changes[name].growth
    assert (changes["fresh"].before, changes["site"].after) == (None, None)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (Part(name="a", before=None, after=Held(version="1", unzipped_size=5)), "+a 1 +5 B"),
        (Part(name="a", before=Held(version="1", unzipped_size=5), after=None), "-a 1 -5 B"),
        (
            Part(
                name="a",
                before=Held(version="1", unzipped_size=5),
                after=Held(version="1", unzipped_size=4),
            ),
            "a -1 B",
        ),
    ],
)
def test_parts_in_words(part: Part, text: str) -> None:
    assert describe_part(part) == text


def test_growth_has_its_sign() -> None:
    assert [format_growth(n) for n in (0, 1, -1, 3 * MB)] == ["0 B", "+1 B", "-1 B", "+3.0 MB"]


def test_the_same_is_no_difference() -> None:
    difference = compare(BEFORE, replace(BEFORE, label="again"))
    assert difference.is_empty
    assert format_difference(difference, width=80) == "HEAD (0123456789ab) -> again\nnothing changed"
    assert format_markdown(difference).endswith("Nothing changed.\n")


def test_the_same_change_for_two_targets_is_one() -> None:
    arm = "python3.13-arm64"
    before = state("a", {}, orders=function(OLD_DATA), arm=function(OLD_DATA, target=arm))
    after = state("b", {}, orders=function(NEW_DATA), arm=function(NEW_DATA, target=arm))
    numpy = compare(before, after).distributions[0]
    assert (numpy.name, numpy.targets, numpy.functions) == (
        "numpy",
        (arm, "python3.13-x86_64"),
        ("arm", "orders"),
    )


def test_functions_of_one_target_may_have_two_versions() -> None:
    before = state("a", {}, one=function(OLD_DATA), two=function(OLD_DATA))
    after = state("b", {}, one=function(OLD_DATA), two=function(NEW_DATA))
    numpy = next(change for change in compare(before, after).distributions if change.name == "numpy")
    assert ([h.version for h in numpy.before], [h.version for h in numpy.after]) == (["2.3"], ["2.3", "2.4"])


def test_a_moved_function_is_told_by_its_target() -> None:
    before = state("a", {}, site=function(WEB))
    after = state("b", {}, site=function(WEB, target="python3.14-x86_64"))
    (change,) = compare(before, after).functions
    assert change.parts == ()
    assert "1: target python3.13-x86_64 -> python3.14-x86_64" in format_difference(
        compare(before, after), width=None
    )


def test_what_one_side_does_not_know_is_not_compared() -> None:
    unknown = state("a", {}, orders=function(WEB, code=None))
    known = state("b", {}, orders=function(WEB, code=7))
    assert compare(unknown, known).functions == ()
    locked = State(
        label="lock",
        functions={"orders": replace(function(WEB, code=None), layers=None)},
        layers=None,
    )
    difference = compare(locked, state("b", {"web": WEB}, orders=function(WEB, elsewhere=3)))
    assert (difference.functions, difference.layers) == ((), None)


def test_bytecode_of_what_was_built_is_no_change_of_what_is_planned() -> None:
    compiled = layer(flask=("3.1", 3))
    built = replace(state("built", {"web": compiled}, site=function(compiled)), built=True)
    planned = state("planned", {"web": WEB}, site=function(WEB))
    assert compare(built, planned).is_empty
    grown = state("planned", {"web": layer(flask=("3.2", 2))}, site=function(layer(flask=("3.2", 2))))
    assert summarise(compare(built, grown)) == (
        "1 distribution, 1 layer and 1 function changed; layers 3.0 MB -> 2.0 MB "
        "(what was built counts its bytecode, what is planned has none yet)"
    )


def test_markdown_is_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>|`x`"
    difference = compare(state("a|b", {}), state("b", {hostile: WEB}))
    text = format_markdown(difference)
    assert "### layerforge: a\\|b → b" in text
    row = next(line for line in text.splitlines() if "img" in line)
    assert row == (
        "| + | \\<img src=x onerror=alert\\(1\\)\\>\\|\\`x\\` |  | 2.0 MB | +2.0 MB | +flask 3.1 +2.0 MB |"
    )


def test_many_rows_are_counted() -> None:
    functions = {f"f{at:03}": function(WEB) for at in range(130)}
    difference = compare(state("a", {}), state("b", {}, **functions))
    assert "and 110 more; -v shows all" in format_difference(difference, width=100)
    assert "and 30 more" in format_markdown(difference)
    assert len(difference_document(difference)["functions"]) == 130


def test_document_is_json_and_whole() -> None:
    document = json.loads(json.dumps(difference_document(compare(BEFORE, AFTER))))
    assert (document["before"], document["after"]) == ("HEAD (0123456789ab)", "the working tree")
    assert document["distributions"][0] == {
        "name": "numpy",
        "targets": ["python3.13-x86_64"],
        "before": [{"version": "2.3", "unzipped_size": 50 * MB}],
        "after": [{"version": "2.4", "unzipped_size": 55 * MB}],
        "growth": 5 * MB,
        "functions": ["orders", "reports"],
    }
    assert document["layers"][1]["before"] is None
    assert document["functions"][0]["parts"][0]["growth"] == 5 * MB


def test_state_of_a_lock_is_what_functions_need() -> None:
    lock = Lock(
        cohort="c",
        target=X86,
        distributions=(
            Distribution(name="pandas", version="3", unzipped_size=40, edges=(Edge(name="numpy"),)),
            Distribution(name="numpy", version="2", unzipped_size=50),
            Distribution(name="other", version="1", unzipped_size=1),
        ),
        functions=(
            FunctionRoots(function="f", roots=(Root(name="pandas", origin=Origin(path="r.in", line=1)),)),
        ),
        input_digest="",
    )
    assert state_of_locks("lock", [lock]) == State(
        label="lock",
        functions={
            "f": FunctionState(
                target="python3.13-x86_64",
                carries={
                    "numpy": Held(version="2", unzipped_size=50),
                    "pandas": Held(version="3", unzipped_size=40),
                },
                unzipped_size=90,
            )
        },
        layers=None,
    )


def test_state_of_a_plan_holds_functions_that_fit_nowhere() -> None:
    item = Item(name="big", version="1", digest="d", unzipped_size=300 * MB)
    demands = [
        Demand(function=name, target=X86, needs=frozenset({item}), code_size=5, external_size=7)
        for name in ("fits", "not")
    ]
    plans = [
        FunctionPlan(
            function=demand.function,
            target=X86,
            layers=("big",) if demand.function == "fits" else (),
            external_layers=0,
            external_size=7,
            code_size=5,
            needed_size=300 * MB,
            layers_size=300 * MB,
            infeasible=None if demand.function == "fits" else "too large",
        )
        for demand in demands
    ]
    plan = LayerPlan(
        layers=(PlannedLayer(name="big", targets=(X86,), items=(item,)),), functions=tuple(plans)
    )
    found = state_of_plan("plan", plan, demands, unknown_code=frozenset({"fits"}))
    carried = {"big": Held(version="1", unzipped_size=300 * MB)}
    assert {name: (one.carries, one.layers, one.code_size) for name, one in found.functions.items()} == {
        "fits": (carried, ("big",), None),
        "not": (carried, (), 5),
    }
    assert found.functions["not"].unzipped_size == 300 * MB + 12


def test_what_is_bundled_is_carried() -> None:
    item = Item(name="big", version="1", digest="d", unzipped_size=MB)
    demand = Demand(function="f", target=X86, needs=frozenset(), bundled=frozenset({item}), code_size=5)
    plan = FunctionPlan(
        function="f",
        target=X86,
        layers=(),
        external_layers=0,
        external_size=0,
        code_size=5,
        needed_size=0,
        layers_size=0,
        bundled=(item,),
    )
    found = state_of_plan("plan", LayerPlan(layers=(), functions=(plan,)), [demand]).functions["f"]
    assert (found.carries, found.rest_size) == ({"big": Held(version="1", unzipped_size=MB)}, 0)


def test_state_of_a_manifest() -> None:
    artifact = Artifact(
        name="data",
        path="layers/data.zip",
        sha256="",
        code_sha256="",
        zipped_size=3,
        unzipped_size=11,
        runtimes=("python3.13",),
        architectures=("x86_64",),
        distributions=(BuiltDistribution(name="numpy", version="2", unzipped_size=10),),
        input_digest="",
    )
    manifest = Manifest(
        project="shop",
        layers=(artifact,),
        functions={
            "f": ManifestFunction(
                target="python3.13-x86_64",
                layers=("data",),
                external_layers=(),
                code=None,
                code_size=2,
                unzipped_size=13,
                carried_excess=0,
            )
        },
    )
    numpy = {"numpy": Held(version="2", unzipped_size=10)}
    found = state_of_manifest("m", manifest)
    assert found.layers == {"data": LayerState(distributions=numpy, unzipped_size=11, zipped_size=3)}
    assert (found.built, found.functions["f"].carries, found.functions["f"].rest_size) == (True, numpy, 1)
