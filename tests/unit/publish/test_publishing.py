"""One layer, however the connection fails: there once, and with our bytes. The account is a fake."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from layerforge.errors import BuildError
from layerforge.model.publishing import PublishedLayer, StorageSettings
from layerforge.publish.client import CallError, Failure
from layerforge.publish.publishing import ByteBudget, Publisher, check_zips
from layerforge.publish.values import LiveBucket, Publish, Upload
from tests.aws_fakes import FakeAccount, error, layer_arn
from tests.unit.publish.shop import NUMPY, shop_wanted, version

DIRECT, THROUGH = Upload(), Upload(bucket="layers", key="zips/x.zip")


class Bed:
    """A zip to publish, and what was waited for and told."""

    def __init__(self, folder: Path, *, upload: Upload = DIRECT) -> None:
        self.account = FakeAccount()
        self.layer = shop_wanted(folder).layers[0]
        self.step = Publish(region="eu-west-1", layer=self.layer, upload=upload, newest=0)
        self.waited: list[float] = []
        self.told: list[int] = []
        self.publisher = Publisher(
            account=self.account,
            folder=folder,
            storage=StorageSettings(kms_key="key", acl="private"),
            sleep=self.waited.append,
            advance=self.told.append,
        )

    def expected(self, number: int = 1) -> PublishedLayer:
        return PublishedLayer(
            name=NUMPY,
            region="eu-west-1",
            version=number,
            arn=layer_arn(NUMPY, number),
            code_sha256=self.layer.code_sha256,
            new=True,
        )

    @property
    def numbers(self) -> list[int]:
        return [one.version for one in self.account.functions("eu-west-1").layers.get(NUMPY, ())]


def test_direct(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    assert bed.publisher.publish(bed.step) == bed.expected()
    assert (bed.told, bed.waited) == ([bed.layer.zipped_size], [])
    assert bed.account.faults.calls == [f"eu-west-1 PublishLayerVersion {NUMPY}"]


@pytest.mark.parametrize("failure", [Failure.UNCERTAIN, Failure.UNREACHABLE])
def test_not_accepted_is_tried_again(tmp_path: Path, failure: Failure) -> None:
    bed = Bed(tmp_path)
    bed.account.faults.before("PublishLayerVersion", error(failure), error(failure))
    assert bed.publisher.publish(bed.step) == bed.expected()
    assert bed.numbers == [1]
    # Only what may have been carried out is looked for.
    assert bed.account.count("ListLayerVersions") == (6 if failure is Failure.UNCERTAIN else 0)


def test_accepted_without_an_answer_is_found_and_not_repeated(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.faults.after("PublishLayerVersion", error(Failure.UNCERTAIN))
    assert bed.publisher.publish(bed.step) == bed.expected()
    assert (bed.numbers, bed.account.count("PublishLayerVersion")) == ([1], 1)


def test_accepted_and_seen_only_after_a_while(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    service = bed.account.functions("eu-west-1")
    bed.account.faults.before("PublishLayerVersion", error(Failure.UNCERTAIN))
    bed.account.faults.before(
        "ListLayerVersions", lambda: None, lambda: service.add_version(version(bed.layer, 1))
    )
    assert bed.publisher.publish(bed.step) == bed.expected()
    assert (bed.numbers, bed.waited) == ([1], [0.0, 1.0])


def test_same_version_of_before_is_not_taken_for_ours(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.functions("eu-west-1").add_version(version(bed.layer, 7, code_sha256="other"))
    bed.account.faults.before("PublishLayerVersion", error(Failure.UNCERTAIN))
    assert bed.publisher.publish(replace(bed.step, newest=7)) == bed.expected(8)


def test_gives_up(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.faults.before("PublishLayerVersion", *[error(Failure.UNCERTAIN, "500 again")] * 4)
    with pytest.raises(CallError, match="500 again"):
        bed.publisher.publish(bed.step)
    assert bed.numbers == []


@pytest.mark.parametrize("failure", [Failure.DENIED, Failure.CREDENTIALS, Failure.REFUSED, Failure.THROTTLED])
def test_refused_is_not_tried_again(tmp_path: Path, failure: Failure) -> None:
    bed = Bed(tmp_path)
    bed.account.faults.before("PublishLayerVersion", error(failure))
    with pytest.raises(CallError) as caught:
        bed.publisher.publish(bed.step)
    assert (caught.value.failure, bed.account.count("PublishLayerVersion")) == (failure, 1)


def test_other_bytes_are_taken_back(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.functions("eu-west-1").digest = lambda _: "other="
    with pytest.raises(CallError) as caught:
        bed.publisher.publish(bed.step)
    assert caught.value.sentence == (
        f"AWS has other bytes of {NUMPY} than were sent: other= rather than {bed.layer.code_sha256}"
    )
    assert (caught.value.details, bed.numbers) == (("version 1 was removed again",), [])


def test_other_bytes_that_cannot_be_taken_back(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.account.functions("eu-west-1").digest = lambda _: "other="
    bed.account.faults.before("DeleteLayerVersion", error(Failure.DENIED, "you may not"))
    with pytest.raises(CallError) as caught:
        bed.publisher.publish(bed.step)
    assert caught.value.details == ("version 1 was NOT removed. It could not be removed: you may not.",)


def test_through_a_bucket(tmp_path: Path) -> None:
    bed = Bed(tmp_path, upload=THROUGH)
    assert bed.publisher.publish(bed.step) == bed.expected()
    storage = bed.account.storage("eu-west-1")
    assert storage.objects == {("layers", "zips/x.zip"): (tmp_path / bed.layer.path).read_bytes()}
    assert (storage.extra, bed.told) == ([("key", "private")], [bed.layer.zipped_size])
    # The object is there now.
    bed.publisher.publish(bed.step)
    assert (bed.account.count("PutObject"), bed.told) == (1, [bed.layer.zipped_size] * 2)


def test_object_of_another_size_is_replaced(tmp_path: Path) -> None:
    bed = Bed(tmp_path, upload=THROUGH)
    bed.account.storage("eu-west-1").objects["layers", "zips/x.zip"] = b"cut"
    assert bed.publisher.publish(bed.step) == bed.expected()
    assert bed.account.count("PutObject") == 1


def test_object_with_other_bytes_goes_with_its_version(tmp_path: Path) -> None:
    bed = Bed(tmp_path, upload=THROUGH)
    bed.account.functions("eu-west-1").digest = lambda _: "other="
    with pytest.raises(CallError):
        bed.publisher.publish(bed.step)
    assert (bed.numbers, bed.account.storage("eu-west-1").objects) == ([], {})


@pytest.mark.parametrize("there", [True, False])
def test_reference_names_the_version_of_the_object(tmp_path: Path, there: bool) -> None:
    bed = Bed(tmp_path, upload=replace(THROUGH, reference=True))
    storage = bed.account.storage("eu-west-1")
    storage.buckets["layers"] = LiveBucket(name="layers", region="eu-west-1", versioned=True)
    if there:
        storage.objects["layers", "zips/x.zip"] = (tmp_path / bed.layer.path).read_bytes()
    bed.publisher.publish(bed.step)
    assert bed.account.functions("eu-west-1").uploads == [
        Upload(bucket="layers", key="zips/x.zip", reference=True, version="v1")
    ]


def test_zips_are_held_against_the_manifest(tmp_path: Path) -> None:
    wanted = shop_wanted(tmp_path)
    check_zips(wanted.layers, tmp_path)
    (tmp_path / wanted.layers[1].path).write_bytes(b"?")
    with pytest.raises(BuildError, match="the zip is not the one that the manifest tells of"):
        check_zips(wanted.layers, tmp_path)
    (tmp_path / wanted.layers[0].path).unlink()
    with pytest.raises(BuildError, match="the manifest names this zip, and it cannot be read"):
        check_zips(wanted.layers, tmp_path)


def test_budget_lets_in_what_has_room_and_large_ones_alone() -> None:
    budget = ByteBudget(10)
    inside: list[int] = []
    most = 0
    lock = threading.Lock()

    def work(size: int) -> None:
        nonlocal most
        with budget.take(size):
            with lock:
                inside.append(size)
                most = max(most, sum(inside) if len(inside) > 1 else 0)
            threading.Event().wait(0.01)
            with lock:
                inside.remove(size)

    threads = [threading.Thread(target=work, args=[size]) for size in (4, 6, 20, 5, 5, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == []
    assert most <= 10
