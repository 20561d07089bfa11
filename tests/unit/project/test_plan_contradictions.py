"""What cannot be had together is one sentence that names both keys."""

from __future__ import annotations

import tomllib

import pytest

from layerforge.errors import ConfigError
from layerforge.model.function import Function
from layerforge.model.planning import FunctionPlanning
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.project.config import parse_config
from layerforge.project.plan_contradictions import check_plan_settings

TARGET = Target(runtime="python3.13", architecture="x86_64")
FUNCTIONS = ("orders", "pay-card", "pay-cash")


def check(text: str) -> None:
    config = parse_config(tomllib.loads(text), path="layerforge.toml")
    own = {function.name: function.planning for function in config.functions}
    functions = [
        Function(
            name=name,
            target=TARGET,
            source="built.zip" if name == "pay-cash" else name,
            planning=own.get(name, FunctionPlanning()),
            origin=Origin(path="template.yaml"),
        )
        for name in FUNCTIONS
    ]
    check_plan_settings(config.plan, config.limits, functions)


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        (
            """
            [plan.layers.data]
            distributions = ["numpy", "six"]
            [plan.layers.base]
            distributions = ["six"]
            """,
            (
                "plan.layers.data.distributions: six cannot lie in two layers, "
                "and plan.layers.base.distributions names it too"
            ),
            "name it once; or give both layers functions of their own",
        ),
        (
            """
            [plan.layers.pay]
            functions = ["pay-*"]
            [plan.layers.cards]
            functions = ["pay-card", "orders"]
            """,
            (
                "plan.layers.pay.functions: pay-card cannot find everything in one layer, "
                "as plan.layers.cards.functions asks for the same"
            ),
            "put each function into one of them",
        ),
        (
            """
            [plan]
            apart = [["torch", "jax"], ["six", "jax", "numpy"]]
            [plan.layers.data]
            distributions = ["numpy", "six"]
            """,
            (
                "plan.apart[1]: six and numpy are to be kept apart, "
                "and plan.layers.data.distributions puts both into one layer"
            ),
            "drop one of the two",
        ),
        (
            """
            [plan.layers.data]
            distributions = ["numpy"]
            [functions.orders]
            bundle = ["six", "numpy"]
            """,
            (
                "functions.orders.bundle: numpy is to stay in the zip of orders, "
                "and plan.layers.data.distributions puts it into a layer"
            ),
            "drop one of the two",
        ),
        (
            """
            [plan.layers.pay]
            functions = ["pay-*"]
            [functions.pay-card]
            bundle = "all"
            """,
            (
                "functions.pay-card.bundle: everything is to stay in the zip of pay-card, "
                "and plan.layers.pay.functions puts it into a layer"
            ),
            "drop one of the two",
        ),
        (
            '[functions.pay-cash]\nbundle = ["six"]',
            (
                "functions.pay-cash.bundle: nothing can be bundled with pay-cash: "
                "its code built.zip is a zip already"
            ),
            "set source under [functions.pay-cash], or let layers hold it",
        ),
        (
            """
            [limits]
            layers = 2
            [plan]
            reserve-layers = 2
            """,
            "plan.reserve-layers: 2 reserved of 2 (limits.layers) leave no place for a layer",
            "reserve fewer",
        ),
        (
            """
            [functions.orders]
            limits = { layers = 1 }
            reserve-layers = 3
            """,
            (
                "functions.orders.reserve-layers: 3 reserved of 1 (functions.orders.limits.layers) "
                "leave no place for a layer"
            ),
            "reserve fewer",
        ),
        (
            '[plan.layers.pay]\nfunctions = ["pay-card", "order"]',
            "plan.layers.pay.functions[1]: there is no function 'order'",
            "did you mean orders?",
        ),
        (
            '[plan.layers.pay]\nfunctions = ["zz*"]',
            "plan.layers.pay.functions[0]: no function's name fits 'zz*'",
            "there are orders, pay-card and pay-cash",
        ),
    ],
)
def test_what_excludes_each_other(text: str, headline: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(text)
    assert (caught.value.headline, caught.value.hint) == (f"layerforge.toml: {headline}", hint)


@pytest.mark.parametrize(
    "text",
    [
        # The same distribution in two layers, for functions that have nothing in common.
        """
        [plan.layers.old]
        distributions = ["numpy"]
        functions = ["orders"]
        [plan.layers.new]
        distributions = ["numpy"]
        functions = ["pay-*"]
        """,
        # What is pinned goes there, all else into the team's layer.
        """
        [plan.layers.data]
        distributions = ["numpy"]
        [plan.layers.pay]
        functions = ["pay-*"]
        """,
        """
        [plan]
        bundle = "all"
        apart = [["numpy", "torch"]]
        reserve-layers = 4
        [plan.layers.data]
        distributions = ["numpy"]
        [functions.orders]
        bundle = ["six"]
        """,
    ],
)
def test_what_goes_together(text: str) -> None:
    check(text)


def test_keys_in_pyproject_are_named_from_its_top() -> None:
    plan = {"plan": {"reserve-layers": 5}}
    config = parse_config(plan, path="pyproject.toml", keys=("tool", "layerforge"))
    function = Function(name="orders", target=TARGET, source=None, origin=Origin(path="template.yaml"))
    with pytest.raises(ConfigError) as caught:
        check_plan_settings(config.plan, config.limits, [function])
    assert caught.value.headline == (
        "pyproject.toml: tool.layerforge.plan.reserve-layers: "
        "5 reserved of 5 (limits.layers) leave no place for a layer"
    )
