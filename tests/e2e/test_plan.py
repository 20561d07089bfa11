"""What a plan costs, what it changes, and why a function takes its layers, as a user asks."""

from __future__ import annotations

from tests.e2e.shop import Shop
from tests.plan_checker import check_project

MB = 1_048_576
NEEDS = {
    "Orders": frozenset({"greeter", "matrix", "speedups"}),
    "Billing": frozenset({"greeter", "shopkit"}),
    "Reports": frozenset({"greeter", "matrix"}),
}
CONFIG = 'name = "shop"\ntemplate = "template.yaml"\n'


def test_a_plan_says_what_it_costs_changes_and_why(shop: Shop) -> None:
    shop.write("layerforge.toml", CONFIG)
    first = shop.run("plan", "--json")
    assert first.code == 0, first.stderr
    document = first.document
    check_project(document, NEEDS)
    cost = document["cost"]
    assert cost["total"] == cost["stored"] + cost["excess"] + cost["layers"] + cost["change"]
    assert cost["layer_count"] == len(document["layers"])
    assert document["lower_bound"] is None
    assert {"changes", "explanation"}.isdisjoint(document)
    # A plan is shown, not recorded.
    assert not (shop.root / "layerforge-plan.toml").exists()
    refused = shop.run("plan", "--diff")
    assert refused.code == 2
    assert "neither a build nor a recorded plan" in refused.stderr

    assert shop.run("lock").code == 0
    same = shop.run("plan", "--diff")
    assert same.stdout.startswith("nothing changes against layerforge-plan.toml\ncost ")
    shop.write("layerforge.toml", f'{CONFIG}[plan.layers.tools]\ndistributions = ["greeter"]\n')
    changed = shop.run("plan", "--diff", "--json").document["changes"]
    names = {layer["name"]: layer["kind"] for layer in changed["layers"]}
    assert [kind for name, kind in names.items() if name.endswith("-tools")] == ["new"]
    assert {"Billing", "Orders", "Reports"} == {one["function"] for one in changed["functions"]}

    explained = shop.run("plan", "--explain", "Orders", "--locked")
    assert explained.stdout.startswith("Orders (python3.13-x86_64) takes ")
    assert "shop-any-tools" in explained.stdout
    misspelt = shop.run("plan", "--explain", "Order")
    assert (misspelt.code, misspelt.stderr) == (
        2,
        "error: there is no function 'Order'\nhint: did you mean Orders?\n",
    )


def test_a_plan_is_proven_or_why_not_is_told(shop: Shop) -> None:
    shop.write("layerforge.toml", CONFIG)
    proven = shop.run("plan", "--prove", "--json")
    assert proven.code == 0, proven.stderr
    # Two targets share little here: at least two layers, and all that is stored.
    cost = proven.document["cost"]
    assert 2 * MB + cost["stored"] < proven.document["lower_bound"] <= cost["total"]
    told = (
        "proven: no plan costs less" if proven.document["lower_bound"] == cost["total"] else "of the optimum"
    )
    assert told in shop.run("plan", "--prove").stdout
    shop.write("hidden/highspy.py", "raise ImportError('no highspy here')\n")
    refused = shop.run("plan", "--prove", PYTHONPATH=str(shop.root / "hidden"))
    assert refused.code == 6
    assert "a proof needs HiGHS, which is not installed" in refused.stderr
    assert "pip install 'layerforge[exact]'" in refused.stderr
