"""What a plan costs, what it changes, and why a function takes its layers, as a user asks."""

from __future__ import annotations

from tests.e2e.shop import Shop

CONFIG = 'name = "shop"\ntemplate = "template.yaml"\n'


def test_a_plan_says_what_it_costs_changes_and_why(shop: Shop) -> None:
    shop.write("layerforge.toml", CONFIG)
    first = shop.run("plan", "--json")
    assert first.code == 0, first.stderr
    document = first.document
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
