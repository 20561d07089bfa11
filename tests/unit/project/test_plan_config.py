"""`[plan]`, and what functions want of it: every key, and every way to get one wrong."""

from __future__ import annotations

import tomllib

import pytest

from layerforge.errors import ConfigError
from layerforge.model.limits import Limits
from layerforge.model.planning import Bundling, FunctionPlanning, NamedLayer, PlanSettings
from layerforge.project.config import Config, parse_config

MB = 2**20


def parse(text: str) -> Config:
    return parse_config(tomllib.loads(text), path="layerforge.toml")


def test_every_key() -> None:
    config = parse(
        """
        [limits]
        unzipped = "200 MB"
        layers = 4

        [plan]
        effort = "best"
        excess-weight = 0.2
        layer-cost = "2 MiB"
        change-weight = 0
        attach-cost = "1 KB"
        most-layers = 12
        reserve-layers = 1
        bundle = "auto"
        share-across = "architectures"
        apart = [["Torch", "tensorflow"], ["ruamel.yaml", "PyYAML"]]

        [plan.layers.data]
        distributions = ["NumPy", "pandas", "numpy"]

        [plan.layers.team-pay]
        functions = ["pay-*", "refunds"]

        [functions.orders]
        source = "orders"
        weight = 2.5
        bundle = ["Stripe"]
        reserve-layers = 0
        limits = { unzipped = "150 MB", warn-at = 0.5 }

        [functions.billing]
        source = "billing"
        bundle = "all"
        """
    )
    assert config.plan == PlanSettings(
        effort="best",
        excess_weight=0.2,
        layer_cost=2 * MB,
        change_weight=0.0,
        attach_cost=1024,
        most_layers=12,
        reserve_layers=1,
        bundle=Bundling(mode="auto"),
        share_across="architectures",
        apart=(("torch", "tensorflow"), ("ruamel-yaml", "pyyaml")),
        layers=(
            NamedLayer(name="data", distributions=("numpy", "pandas")),
            NamedLayer(name="team-pay", functions=("pay-*", "refunds")),
        ),
    )
    assert [function.planning for function in config.functions] == [
        FunctionPlanning(
            weight=2.5,
            bundle=Bundling(names=("stripe",)),
            reserve_layers=0,
            # What it does not say is as for all.
            limits=Limits(unzipped=150 * MB, layers=4, warn_at=0.5),
        ),
        FunctionPlanning(bundle=Bundling(mode="all")),
    ]


def test_nothing() -> None:
    assert parse("[plan]").plan == PlanSettings()


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        ('[plan]\nefort = "fast"', "plan.efort: unknown key", "did you mean effort?"),
        (
            '[plan]\neffort = "better"',
            "plan.effort: unexpected value 'better' (expected 'fast', 'normal' or 'best')",
            None,
        ),
        (
            "[plan]\nexcess-weight = -0.1",
            "plan.excess-weight: unexpected value -0.1 (expected a number from 0 to 1000)",
            None,
        ),
        (
            "[functions.a]\nweight = 1e9",
            "functions.a.weight: unexpected value 1e+09 (expected a number from 0 to 1000)",
            None,
        ),
        (
            '[plan]\nlayer-cost = "cheap"',
            "plan.layer-cost: unexpected value 'cheap' (expected a size such as '200 MB')",
            None,
        ),
        (
            "[plan]\nmost-layers = 0",
            "plan.most-layers: unexpected value 0 (expected at least 1)",
            'without layers at all, everything would lie in the functions\' own zips: bundle = "all"',
        ),
        (
            "[plan]\nreserve-layers = 6",
            "plan.reserve-layers: unexpected value 6 (Lambda allows at most 5 layers per function)",
            None,
        ),
        (
            '[plan]\nbundle = ["six"]',
            "plan.bundle: unexpected type array (expected string)",
            None,
        ),
        (
            '[functions.a]\nbundle = "some"',
            "functions.a.bundle: unexpected value 'some' (expected 'never', 'auto' or 'all')",
            None,
        ),
        (
            '[functions.a]\nbundle = ["six>=1"]',
            (
                "functions.a.bundle[0]: unexpected value 'six>=1' "
                "(expected the name of a distribution, without a version)"
            ),
            None,
        ),
        (
            '[functions.a]\nlimits = { unziped = "1 MB" }',
            "functions.a.limits.unziped: unknown key",
            "did you mean unzipped?",
        ),
        ('[plan]\napart = "six"', "plan.apart: unexpected type string (expected array of strings)", None),
        (
            '[plan]\napart = ["six"]',
            "plan.apart[0]: unexpected type string (expected array of strings)",
            None,
        ),
        (
            '[plan]\napart = [["six", "SIX"]]',
            ("plan.apart[0]: one distribution alone cannot be kept apart (expected an array of two or more)"),
            'write sets of names: apart = [["torch", "tensorflow"]]',
        ),
        (
            '[plan]\napart = [["six", 1]]',
            "plan.apart[0][1]: unexpected type integer (expected string)",
            None,
        ),
        (
            '[plan.layers."a b"]\nfunctions = ["x"]',
            "plan.layers.a b: unexpected layer name (expected letters, digits, - and _, at most 64)",
            None,
        ),
        (
            "[plan.layers.data]",
            "plan.layers.data: nothing says what this layer holds, or whom it serves",
            'give distributions = ["numpy"], or functions = ["pay-*"], or both',
        ),
        (
            '[plan.layers.data]\ndistribution = ["numpy"]',
            "plan.layers.data.distribution: unknown key",
            "did you mean distributions?",
        ),
    ],
)
def test_what_is_refused(text: str, headline: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert (caught.value.headline, caught.value.hint) == (f"layerforge.toml: {headline}", hint)
