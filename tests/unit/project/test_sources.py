from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.project.sources import list_code, measure_code


def write_at(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_folder_without_what_tools_leave_behind(tmp_path: Path) -> None:
    for name in (
        "app.py",
        "lib/util.py",
        "tests/test_app.py",
        "requirements.txt",
        "data/.hidden",
        "__pycache__/app.cpython-313.pyc",
        "lib/old.pyc",
        ".git/HEAD",
        ".venv/pyvenv.cfg",
        "env/pyvenv.cfg",
        "env/lib/python3.13/site.py",
        ".aws-sam/build.toml",
        ".layerforge/manifest.json",
        "node_modules/x.js",
        "shop.egg-info/PKG-INFO",
        ".env",
        ".DS_Store",
    ):
        write_at(tmp_path / "orders", name, "12345")
    assert list_code(tmp_path, "orders") == (
        ("app.py", 5),
        ("data/.hidden", 5),
        ("lib/util.py", 5),
        ("requirements.txt", 5),
        ("tests/test_app.py", 5),
    )
    assert measure_code(tmp_path, "orders") == 25


def test_a_folder_above_the_root(tmp_path: Path) -> None:
    write_at(tmp_path, "shared/app.py", "12")
    (tmp_path / "project").mkdir()
    assert list_code(tmp_path / "project", "../shared") == (("app.py", 2),)


def test_one_file(tmp_path: Path) -> None:
    write_at(tmp_path, "functions/orders.py", "123")
    assert list_code(tmp_path, "functions/orders.py") == (("orders.py", 3),)


def test_a_zip_by_its_directory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.mkdir("lib")
        archive.writestr("lib/b.py", "123")
        archive.writestr("a.py", "1" * 1000, compress_type=zipfile.ZIP_DEFLATED)
    assert list_code(tmp_path, "code.zip") == (("a.py", 1000), ("lib/b.py", 3))


def test_links_are_followed_and_cycles_are_not(tmp_path: Path) -> None:
    write_at(tmp_path, "shared/money.py", "123")
    write_at(tmp_path, "orders/app.py", "12")
    write_at(tmp_path, "orders/inner/x.py", "1")
    (tmp_path / "orders" / "shared").symlink_to("../shared")
    (tmp_path / "orders" / "settings.py").symlink_to("../shared/money.py")
    (tmp_path / "orders" / "inner" / "self").symlink_to(".")
    (tmp_path / "orders" / "above").symlink_to("..")
    (tmp_path / "shared" / "back").symlink_to("../orders")
    (tmp_path / "orders" / ".#app.py").symlink_to("me@host.1234")
    assert list_code(tmp_path, "orders") == (
        ("app.py", 2),
        ("inner/x.py", 1),
        ("settings.py", 3),
        ("shared/money.py", 3),
    )


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "gone.py").symlink_to("nowhere.py")
    with pytest.raises(ConfigError) as caught:
        measure_code(tmp_path, "orders", where="template.yaml:7")
    assert caught.value.headline == (
        "template.yaml:7: the code orders cannot be read: orders/gone.py (No such file or directory)"
    )
    assert caught.value.hint == "mend or remove the link"


def test_a_missing_folder_names_who_wants_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        measure_code(tmp_path, "functions/orders", where="template.yaml:7")
    assert caught.value.headline == "template.yaml:7: the code functions/orders does not exist"
    assert caught.value.hint == (
        "correct the path (CodeUri is relative to its template), or build what puts it there"
    )


def test_not_a_zip(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_text("no")
    with pytest.raises(ConfigError) as caught:
        measure_code(tmp_path, "code.zip")
    assert caught.value.headline == "the code code.zip is not a zip (File is not a zip file)"
