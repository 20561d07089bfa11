"""A template with our layers in it is still the template that is built from."""

from __future__ import annotations

from tests.e2e.shop import Shop

NOTHING = "nothing changed, nothing was done"


def test_build_after_export_has_nothing_to_do(shop: Shop) -> None:
    shop.run("build")
    template = shop.root / "template.yaml"
    ended = shop.run("export", "sam", "--in-place")
    assert (ended.code, ended.stdout) == (0, "wrote template.yaml\n"), ended.stderr
    written = template.read_text()
    assert written.count("!Ref Layer") >= 3
    assert all(layer["path"] in written for layer in shop.manifest["layers"])
    copied = shop.run("export", "sam", "--code", "-o", "deploy.yaml")
    assert copied.code == 0, copied.stderr
    assert NOTHING in shop.run("build").stdout
