from __future__ import annotations

import pytest

from tests.e2e.shop import Shop

pytestmark = pytest.mark.usefixtures("isolated_environment")


def test_why_reads_the_lock_alone(shop: Shop) -> None:
    assert shop.run("lock", "-q").code == 0
    asked = len(shop.index.requests)
    ended = shop.run("why", "Orders", "speedups")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        ended.stdout.splitlines()[0],
        "",
        "functions/orders/requirements.in:2 asks for matrix[fast]",
        "  matrix[fast] 2.0 asks for speedups",
    ]
    assert ended.stdout.startswith("Orders (python3.13-x86_64) needs speedups 3.0 (")
    assert len(shop.index.requests) == asked


def test_why_of_a_distribution_names_all_who_need_it(shop: Shop) -> None:
    assert shop.run("lock", "-q").code == 0
    document = shop.run("why", "Greeter", "--json").document
    functions = document["functions"]
    assert document["distribution"] == "greeter"
    assert {name: one["needed"] for name, one in functions.items()} == {
        "Billing": True,
        "Orders": True,
        "Reports": True,
    }
    assert functions["Billing"]["chains"][0] == {
        "path": "functions/common.in",
        "line": 1,
        "requirement": "greeter",
        "steps": [],
    }


def test_why_tells_that_the_lock_is_stale_and_answers(shop: Shop) -> None:
    assert shop.run("lock", "-q").code == 0
    shop.write("functions/orders/requirements.in", "greeter\n")
    ended = shop.run("why", "Orders", "speedups")
    assert ended.code == 0
    assert "matrix[fast] 2.0 asks for speedups" in ended.stdout
    assert "the lock does not fit the requirements; what is shown is what is locked" in ended.stderr


def test_why_answers_where_the_code_is_not_built_yet(shop: Shop) -> None:
    assert shop.run("lock", "-q").code == 0
    (shop.root / "functions/orders/app.py").unlink()
    shop.write(
        "layerforge.toml",
        'template = "template.yaml"\n[functions.Orders]\nsource = "build/orders"\n'
        'requirements = ["functions/orders/requirements.in"]\n',
    )
    ended = shop.run("why", "Orders", "speedups")
    assert ended.code == 0
    assert "the code build/orders does not exist: it counts as 0 bytes here" in ended.stderr


def test_why_without_a_lock_ends_with_3(shop: Shop) -> None:
    ended = shop.run("why", "Orders", "speedups")
    assert (ended.code, ended.stdout) == (3, "")
    assert "there is no lock yet" in ended.stderr


def test_why_of_nothing_ends_with_2(shop: Shop) -> None:
    assert "Name a distribution, or a function and a distribution." in shop.run("why").stderr
    assert shop.run("why", "a", "b", "c").code == 2
