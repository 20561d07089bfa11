"""What goes wrong at users' places: one clear error each, the exit code of its kind, nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.shop import Shop
from tests.local_index import Fault
from tests.wheel_files import Lies, MakeSource, MakeWheel


def leftovers(shop: Shop) -> list[Path]:
    """Half-written files anywhere we write."""
    folders = (shop.root, Path(os.environ["LAYERFORGE_CACHE_DIR"]))
    return [
        path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix == ".part"
    ]


def test_unknown_config_key(shop: Shop) -> None:
    shop.write("layerforge.toml", 'name = "shop"\n[functions.orders]\nrequirments = ["a"]\n')
    ended = shop.run("build")
    assert ended.code == 2
    assert "functions.orders.requirments" in ended.stderr
    assert "requirements" in ended.stderr.split("hint:")[1]


@pytest.mark.parametrize(
    "text",
    ["Resources:\n\tOrders: {}\n", "{% if x %}\nResources: {}\n{% endif %}\n", "- a\n- b\n", "Resources: [1"],
)
def test_template_that_is_no_template(shop: Shop, text: str) -> None:
    shop.write("template.yaml", text)
    shop.write("layerforge.toml", 'name = "shop"\ntemplate = "template.yaml"\n')
    ended = shop.run("build")
    assert ended.code == 2
    assert "template.yaml" in ended.stderr
    assert "[functions" in ended.stderr


def test_function_without_requirements_gets_no_layers(shop: Shop) -> None:
    (shop.root / "functions/orders/requirements.in").write_text("")
    assert shop.run("build").code == 0
    assert shop.manifest["functions"]["Orders"]["layers"] == []


def test_empty_folder_says_what_to_do(shop: Shop, tmp_path: Path) -> None:
    empty = Shop(root=tmp_path / "empty", index=shop.index)
    empty.root.mkdir()
    ended = empty.run("build")
    assert ended.code == 2
    assert "hint:" in ended.stderr


def test_requirement_that_does_not_exist(shop: Shop) -> None:
    shop.write("functions/common.in", "greeter\nno-such-thing\n")
    ended = shop.run("lock")
    assert ended.code == 3
    assert "no-such-thing" in ended.stderr
    assert not list(shop.root.glob("pylock.*"))


def test_no_wheel_for_the_target_names_what_is_on_offer(shop: Shop, make_wheel: MakeWheel) -> None:
    shop.index.add(make_wheel("native", "1.0", tag="cp313-cp313-win_amd64"))
    shop.index.add(make_wheel("native", "1.1", tag="cp313-cp313-manylinux_2_39_x86_64"))
    shop.write("functions/orders/requirements.in", "native\n")
    ended = shop.run("lock")
    assert ended.code == 3
    assert "native" in ended.stderr
    assert "manylinux_2_39" in ended.stderr
    assert "python3.13" in ended.stderr


def test_sdist_with_native_code_names_who_asks_for_it(shop: Shop, make_sdist: MakeSource) -> None:
    shop.index.add(make_sdist("native", "1.0", tag="cp313-cp313-linux_x86_64"))
    shop.write("functions/orders/requirements.in", "greeter\nnative\n")
    ended = shop.run("lock")
    assert ended.code == 6
    assert (
        "error: functions/orders/requirements.in:2: native 1.0 must be built for python3.13-x86_64"
        in ended.stderr
    )


def test_contradiction_splits_the_cohort_and_names_both_sides(shop: Shop) -> None:
    shop.write("functions/orders/requirements.in", "greeter<1.2\n")
    shop.write("functions/billing/requirements.in", "greeter>=1.2\n")
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    assert "functions/orders/requirements.in:1" in ended.stderr
    assert "functions/billing/requirements.in:1" in ended.stderr
    assert len(list(shop.root.glob("pylock.py313-x86-64*.toml"))) == 2


def test_function_that_contradicts_itself(shop: Shop) -> None:
    shop.write("functions/orders/requirements.in", "greeter<1.2\ngreeter>=1.2\n")
    ended = shop.run("lock")
    assert ended.code == 3
    assert "Orders" in ended.stderr
    assert "greeter<1.2" in ended.stderr
    assert "greeter>=1.2" in ended.stderr


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=401), "401"),
        (Fault(status=403), "403"),
        (Fault(status=500), "500"),
        (Fault(drop=True), "127.0.0.1"),
    ],
    ids=["401", "403", "500", "drops"],
)
def test_index_that_refuses_is_not_a_missing_package(shop: Shop, fault: Fault, said: str) -> None:
    shop.index.fail("/simple/*", fault)
    ended = shop.run("lock", PIP_RETRIES="0", PIP_INDEX_URL=shop.index.url_with_credentials)
    assert ended.code == 3
    assert said in ended.stderr
    assert "127.0.0.1" in ended.stderr


def test_index_down(shop: Shop) -> None:
    ended = shop.run("lock", PIP_RETRIES="0", PIP_INDEX_URL="http://127.0.0.1:9/simple/")
    assert ended.code == 3
    assert "127.0.0.1:9" in ended.stderr


def test_download_that_is_cut_is_resumed(shop: Shop) -> None:
    shop.run("lock")
    shop.index.fail("/files/matrix-2.0-cp313*", Fault(times=2, cut_after=50_000))
    ended = shop.run("build", "--locked")
    assert ended.code == 0, ended.stderr


def test_download_that_is_always_cut_ends_in_an_error(shop: Shop) -> None:
    shop.run("lock")
    shop.index.fail("/files/matrix-2.0-cp313*", Fault(cut_after=0))
    ended = shop.run("build", "--locked", PIP_RETRIES="1")
    assert ended.code == 3
    assert "matrix-2.0-cp313" in ended.stderr
    assert not (shop.output / "manifest.json").exists()
    assert not leftovers(shop)


def test_file_that_is_not_what_was_locked(shop: Shop, make_wheel: MakeWheel, tmp_path: Path) -> None:
    shop.run("lock")
    other = tmp_path / "other"
    shop.index.add(make_wheel("greeter", "1.2", files={"greeter/__init__.py": "evil = 1\n"}, directory=other))
    ended = shop.run("build", "--locked")
    assert ended.code in {3, 4}
    assert "greeter-1.2-py3-none-any.whl" in ended.stderr
    assert "sha256" in ended.stderr


def test_corrupted_cache_entry_is_fetched_again(shop: Shop) -> None:
    shop.run("build")
    before = shop.zips()
    for blob in Path(os.environ["LAYERFORGE_CACHE_DIR"]).glob("blobs/*/*"):
        content = bytearray(blob.read_bytes())
        content[len(content) // 2] ^= 0xFF
        blob.chmod(0o644)
        blob.write_bytes(content)
    shutil.rmtree(shop.output)
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    assert shop.zips() == before


def test_wheel_whose_metadata_lies(shop: Shop, make_wheel: MakeWheel) -> None:
    shop.index.add(make_wheel("greeter", "9.0", lies=Lies(overrides={"greeter/__init__.py": "evil = 1\n"})))
    ended = shop.run("build")
    assert ended.code == 4
    assert "greeter-9.0-py3-none-any.whl" in ended.stderr
    assert "greeter/__init__.py" in ended.stderr
    assert not (shop.output / "manifest.json").exists()


def test_hostile_wheel_writes_nothing_outside(shop: Shop, make_wheel: MakeWheel) -> None:
    shop.index.add(make_wheel("greeter", "9.0", lies=Lies(entries=[("../../evil.py", "x = 1\n")])))
    ended = shop.run("build")
    assert ended.code == 4
    assert "greeter-9.0-py3-none-any.whl" in ended.stderr
    assert not list(shop.root.parent.rglob("evil.py"))


def test_read_only_output(shop: Shop) -> None:
    shop.run("lock")
    shop.output.write_text("a file where the folder should be")
    ended = shop.run("build", "--locked")
    assert ended.code == 4
    assert ".layerforge" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's tiny file systems")
def test_full_disk(shop: Shop, tmp_path: Path) -> None:
    """A file size limit stands in for a full disk: the kernel refuses the write with an errno."""
    shop.run("lock")
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from layerforge.cli import run\n"
        "sys.exit(run(['build', '--locked']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shop.root,
        env=shop.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {3, 4}, done.stderr
    assert "Traceback" not in done.stderr
    assert not (shop.output / "manifest.json").exists()
    assert not leftovers(shop)


def test_two_builds_at_once(shop: Shop) -> None:
    shop.run("lock")
    command = [sys.executable, "-m", "layerforge", "build", "--locked", "-q"]
    running = [
        subprocess.Popen(command, cwd=shop.root, env=shop.environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [(process.communicate(timeout=120)[1], process.returncode) for process in running] == [("", 0)] * 3
    assert {layer["path"] for layer in shop.manifest["layers"]} == {
        p for p in shop.zips() if p.startswith("layers/")
    }


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 1.0, 1.5])
def test_interrupt_at_any_time_leaves_nothing_half_written(shop: Shop, seconds: float) -> None:
    shop.index.fail("/files/*", Fault(delay=0.3))
    process = subprocess.Popen(
        [sys.executable, "-m", "layerforge", "build"],
        cwd=shop.root,
        env=shop.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    # Before Python has started far enough to catch it, the signal itself ends the process.
    assert process.returncode in {130, -signal.SIGINT, 1 if seconds < 0.2 else 130}, stderr
    assert not leftovers(shop)
    shop.index.heal()
    assert shop.run("build").code == 0


def test_licence_that_is_not_allowed_fails_the_check(shop: Shop) -> None:
    shop.write(
        "layerforge.toml", 'template = "template.yaml"\n[licenses]\nallow = ["MIT"]\nunknown = "error"\n'
    )
    assert shop.run("lock", "-q").code == 0
    ended = shop.run("check")
    assert ended.code == 5
    assert "error: the licence of greeter 1.2 is not known" in ended.stderr
    # A change of the policy alone is seen.
    shop.write("layerforge.toml", 'template = "template.yaml"\n[licenses]\nallow = ["MIT"]\n')
    assert shop.run("check").code == 0
