"""`layerforge doctor`: what is there, what is missing, and no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.shop import Shop
from tests.local_index import PASSWORD, Fault

INDEX = {"LAYERFORGE_CACHE_MAX_MB": "64"}


def states(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(one["topic"], one["subject"]): one["state"] for one in document["observations"]}


def test_nothing_is_missing(shop: Shop) -> None:
    ended = shop.run("doctor", "--json", **INDEX)
    assert (ended.code, ended.document["ok"]) == (0, True)
    seen = states(ended.document)
    assert seen["project", ""] == "ok"
    assert seen["container-engine", ""] == "note"
    assert seen["indexes", shop.index.url] == "ok"
    assert seen["interpreters", "python3.13"] in {"ok", "warning"}


def test_what_is_needed_and_missing_makes_exit_code_6(shop: Shop, tmp_path: Path) -> None:
    shop.write("layerforge.toml", 'template = "template.yaml"\nbuilder = "container"\n')
    ended = shop.run("doctor", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert ended.code == 6
    assert 'DOCKER_HOST names does not answer: builder = "container" needs one' in ended.stdout
    assert (
        f"DOCKER_HOST: unix://{tmp_path}/none.sock does not answer (there is no such socket)" in ended.stdout
    )
    assert ended.stdout.endswith("\n\n1 thing that this project needs is missing\n")


def test_index_that_refuses_is_missing_and_its_password_is_not_shown(shop: Shop) -> None:
    shop.index.protect()
    answers = [
        shop.run("doctor", "--json", PIP_INDEX_URL=url)
        for url in (shop.index.url, shop.index.url_with_credentials)
    ]
    assert [ended.code for ended in answers] == [6, 0]
    assert PASSWORD not in answers[1].stdout
    (refused,) = [one for one in answers[0].document["observations"] if one["topic"] == "indexes"]
    assert refused["sentence"] == f"{shop.index.url}greeter/ asks for credentials (401)"


def test_index_is_asked_once(shop: Shop) -> None:
    shop.index.fail("/simple/*", Fault(status=503))
    assert shop.run("doctor", "--json").code == 6
    assert shop.index.count("/simple/*") == 1


def test_config_that_cannot_be_read(shop: Shop) -> None:
    shop.write("layerforge.toml", "nmae = 'shop'\n")
    ended = shop.run("doctor", "--json")
    assert (ended.code, states(ended.document)["project", ""]) == (2, "missing")


def test_folder_without_a_project(tmp_path: Path, shop: Shop) -> None:
    empty = Shop(root=tmp_path / "empty", index=shop.index)
    empty.root.mkdir()
    ended = empty.run("doctor", "--json")
    assert (ended.code, states(ended.document)["project", ""]) == (0, "note")
