from __future__ import annotations

from dataclasses import replace

from layerforge.model.limits import Limits
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.target import Target
from layerforge.plan.planner import make_layer_plan

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.12", architecture="arm64")
MB = 1_048_576


def item(name: str, megabytes: float, *targets: Target, version: str = "1.0") -> Item:
    return Item(
        name=name,
        version=version,
        digest="-".join([name, version, *(target.slug for target in targets)]),
        unzipped_size=int(megabytes * MB),
        targets=targets,
    )


def demand(
    function: str,
    *needs: Item,
    target: Target = X86,
    code: float = 0,
    external_layers: int = 0,
    external: float = 0,
) -> Demand:
    return Demand(
        function=function,
        target=target,
        needs=frozenset(needs),
        code_size=int(code * MB),
        external_layers=external_layers,
        external_size=int(external * MB),
    )


def plan(*demands: Demand, limits: Limits = Limits()) -> LayerPlan:
    return make_layer_plan([replace(one, limits=limits) for one in demands], prefix="shop")


def contents(made: LayerPlan) -> dict[str, tuple[str, ...]]:
    return {layer.name: tuple(i.name for i in layer.items) for layer in made.layers}


def attached(made: LayerPlan) -> dict[str, tuple[str, ...]]:
    return {function.function: function.layers for function in made.functions}


NUMPY = item("numpy", 70)
PANDAS = item("pandas", 60)
PYDANTIC = item("pydantic", 15)
SIX = item("six", 0.1)


def test_what_is_shared_is_stored_once() -> None:
    made = plan(demand("a", NUMPY, PANDAS), demand("b", NUMPY, PYDANTIC))
    assert made == LayerPlan(
        layers=(
            PlannedLayer(name="shop-py313-x86-64-numpy", targets=(X86,), items=(NUMPY,)),
            PlannedLayer(name="shop-py313-x86-64-pandas", targets=(X86,), items=(PANDAS,)),
            PlannedLayer(name="shop-py313-x86-64-pydantic", targets=(X86,), items=(PYDANTIC,)),
        ),
        functions=(
            FunctionPlan(
                function="a",
                target=X86,
                layers=("shop-py313-x86-64-numpy", "shop-py313-x86-64-pandas"),
                external_layers=0,
                external_size=0,
                code_size=0,
                needed_size=130 * MB,
                layers_size=130 * MB,
            ),
            FunctionPlan(
                function="b",
                target=X86,
                layers=("shop-py313-x86-64-numpy", "shop-py313-x86-64-pydantic"),
                external_layers=0,
                external_size=0,
                code_size=0,
                needed_size=85 * MB,
                layers_size=85 * MB,
            ),
        ),
    )


def test_a_small_distribution_rides_along_where_a_layer_would_cost_more() -> None:
    made = plan(demand("a", PYDANTIC, SIX), demand("b", PYDANTIC))
    assert contents(made) == {"shop-py313-x86-64-pydantic": ("pydantic", "six")}
    assert [f.carried_excess for f in made.functions] == [0, SIX.unzipped_size]


def test_targets_share_what_fits_them_all() -> None:
    made = plan(demand("a", PYDANTIC), demand("b", PYDANTIC, target=ARM))
    assert made.layers == (PlannedLayer(name="shop-any-pydantic", targets=(ARM, X86), items=(PYDANTIC,)),)
    assert attached(made) == {"a": ("shop-any-pydantic",), "b": ("shop-any-pydantic",)}


def test_what_is_made_for_one_target_is_taken_by_no_other() -> None:
    numpy, numpy_arm = item("numpy", 70, X86), item("numpy", 60, ARM)
    made = plan(
        demand("a", numpy, PYDANTIC), demand("b", numpy_arm, PYDANTIC, target=ARM), demand("c", PYDANTIC)
    )
    assert attached(made) == {
        "a": ("shop-any-pydantic", "shop-py313-x86-64-numpy"),
        "b": ("shop-any-pydantic", "shop-py312-arm64-numpy"),
        "c": ("shop-any-pydantic",),
    }


def test_a_function_carries_small_things_of_other_targets_where_they_fit_it() -> None:
    small, small_arm = item("small", 0.1), item("small-arm", 0.1, ARM)
    made = plan(demand("a", PYDANTIC), demand("b", PYDANTIC, small, small_arm, target=ARM))
    items = {layer.name: layer.items for layer in made.layers}
    carried = {f.function: {i.name for layer in f.layers for i in items[layer]} for f in made.functions}
    assert carried["a"] <= {"pydantic", "small"}
    assert carried["b"] == {"pydantic", "small", "small-arm"}


def test_layers_are_named_after_what_their_targets_have_in_common() -> None:
    other = Target(runtime="python3.13", architecture="arm64")
    made = plan(
        demand("a", PYDANTIC, item("abi3-lib", 9, X86, Target(runtime="python3.12", architecture="x86_64"))),
        demand("b", PYDANTIC, target=other),
        demand(
            "c",
            item("abi3-lib", 9, X86, Target(runtime="python3.12", architecture="x86_64")),
            target=Target(runtime="python3.12", architecture="x86_64"),
        ),
    )
    assert {layer.name: tuple(target.name for target in layer.targets) for layer in made.layers} == {
        "shop-py313-pydantic": ("python3.13-arm64", "python3.13-x86_64"),
        "shop-x86-64-abi3-lib": ("python3.12-x86_64", "python3.13-x86_64"),
    }


def test_versions_differ_between_targets_and_never_meet_in_a_function() -> None:
    old, new = item("lib", 9, version="1.0"), item("lib", 9, version="2.0")
    made = plan(demand("a", old, PYDANTIC), demand("b", new, PYDANTIC, target=ARM))
    items = {layer.name: layer.items for layer in made.layers}
    carried = {f.function: {i for layer in f.layers for i in items[layer]} for f in made.functions}
    assert carried == {"a": {old, PYDANTIC}, "b": {new, PYDANTIC}}
    assert [layer.name for layer in made.layers if PYDANTIC in layer.items] == ["shop-any-pydantic"]


def test_two_versions_of_one_distribution_never_meet_in_a_function() -> None:
    old, new = item("lib", 0.1, version="1.0"), item("lib", 0.1, version="2.0")
    made = plan(demand("a", old, SIX), demand("b", new, SIX))
    items = {layer.name: layer.items for layer in made.layers}
    carried = {f.function: {i for layer in f.layers for i in items[layer]} for f in made.functions}
    assert carried == {"a": {old, SIX}, "b": {new, SIX}}


def test_same_names_at_two_versions_are_told_apart_by_a_digest() -> None:
    old, new = item("lib", 9, version="1.0"), item("lib", 9, version="2.0")
    assert list(contents(plan(demand("a", old), demand("b", new)))) == [
        "shop-py313-x86-64-lib-2bd0fd10",
        "shop-py313-x86-64-lib-4715531e",
    ]


def test_slots_are_held_with_layers_from_elsewhere() -> None:
    parts = [item(f"part{n}", 20) for n in range(8)]
    # Every part has users of its own, so that each is a group by itself.
    others = [demand(f"only{n}", part) for n, part in enumerate(parts)]
    made = plan(demand("all", *parts, external_layers=3, external=10), *others)
    assert len(attached(made)["all"]) == 2
    assert not any(function.infeasible for function in made.functions)


def test_bytes_are_held_where_merging_for_slots_would_break_them() -> None:
    # `tight` uses 249 MB and has one slot: it may carry nothing that it does not need.
    big, rest = item("big", 200), item("rest", 49)
    others = [demand(f"f{n:02}", big, item(f"own{n}", 3)) for n in range(20)]
    made = plan(demand("tight", big, rest, external_layers=4), *others)
    tight = next(function for function in made.functions if function.function == "tight")
    assert (len(tight.layers), tight.carried_excess, tight.infeasible) == (1, 0, None)


def test_a_function_that_does_not_fit_says_by_how_much_and_the_others_get_their_plan() -> None:
    made = plan(demand("huge", item("torch", 300), code=12.4), demand("small", PYDANTIC))
    assert {f.function: (f.layers, f.infeasible) for f in made.functions} == {
        "huge": (
            (),
            "needs 312.4 MB unzipped, 62.4 MB over Lambda's 250 MB (distributions 300.0 MB, code 12.4 MB)",
        ),
        "small": (("shop-py313-x86-64-pydantic",), None),
    }


def test_an_overrun_of_some_bytes_is_told_in_bytes() -> None:
    made = plan(demand("close", Item(name="x", version="1", digest="", unzipped_size=262_144_001)))
    assert made.functions[0].infeasible == (
        "needs 250.0 MB unzipped, 1 bytes over Lambda's 250 MB (distributions 250.0 MB, code 0 B)"
    )


def test_a_budget_of_the_user_is_named_as_such() -> None:
    made = plan(demand("f", PYDANTIC, external_layers=1, external=2), limits=Limits(unzipped=4 * MB))
    assert made.functions[0].infeasible == (
        "needs 17.0 MB unzipped, 13.0 MB over the budget of 4.0 MB "
        "(distributions 15.0 MB, code 0 B, layers from elsewhere 2.0 MB)"
    )


def test_no_slot_left() -> None:
    made = plan(demand("f", PYDANTIC, external_layers=5, external=1), demand("g", external_layers=5))
    assert [f.infeasible for f in made.functions] == [
        (
            "has no room for a layer: 5 layers from elsewhere take all of its 5, "
            "and 15.0 MB of distributions need one"
        ),
        None,
    ]


def test_more_layers_from_elsewhere_than_lambda_takes() -> None:
    assert plan(demand("f", external_layers=6)).functions[0].infeasible == (
        "has 6 layers from elsewhere, 1 more than the 5 allowed"
    )


def test_code_alone_may_be_too_large() -> None:
    assert plan(demand("f", code=260)).functions[0].infeasible == (
        "needs 260.0 MB unzipped, 10.0 MB over Lambda's 250 MB (distributions 0 B, code 260.0 MB)"
    )


def test_nothing_to_plan() -> None:
    assert plan() == LayerPlan(layers=(), functions=())
    assert attached(plan(demand("bare"))) == {"bare": ()}


def test_what_is_bundled_takes_room_and_no_layer() -> None:
    whole = demand("a", PYDANTIC, code=1)
    kept = replace(whole, needs=frozenset({PYDANTIC}), bundled=frozenset({SIX}))
    made = plan(kept, demand("b", PYDANTIC))
    (first, _) = made.functions
    assert (first.bundled, first.bundled_size) == ((SIX,), SIX.unzipped_size)
    assert first.unzipped_size == MB + SIX.unzipped_size + PYDANTIC.unzipped_size
    assert contents(made) == {"shop-py313-x86-64-pydantic": ("pydantic",)}
    assert [one.name for one in made.zips] == ["shop-py313-x86-64-pydantic", "a (code)"]
    over = replace(kept, bundled=frozenset({item("torch", 240)}))
    assert plan(over).functions[0].infeasible == (
        "needs 256.0 MB unzipped, 6.0 MB over Lambda's 250 MB "
        "(distributions 15.0 MB, code 1.0 MB, bundled 240.0 MB)"
    )


def test_no_layer_brings_another_version_of_what_is_bundled() -> None:
    old, new = item("lib", 0.1, version="1.0"), item("lib", 0.1, version="2.0")
    bundling = replace(demand("a", PYDANTIC), bundled=frozenset({old}))
    made = plan(bundling, demand("b", PYDANTIC, new), demand("c", PYDANTIC, old))
    items = {layer.name: layer.items for layer in made.layers}
    carried = {f.function: {i for layer in f.layers for i in items[layer]} for f in made.functions}
    assert new not in carried["a"]
    assert carried["b"] == {PYDANTIC, new}
    assert old in carried["c"]
