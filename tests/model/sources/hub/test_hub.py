"""Data sets of the hub, against a server that answers as the hub's HTTP API does."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants
from PIL import Image
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs
from werkzeug import Request, Response

from model.errors import SourceError, UnreadableSource
from model.sources import retries
from model.sources.kinds import read_source
from model.sources.labelled_image import LabelledImage
from model.sources.web.reach import Reach
from support.hub import TOKEN, Hub, running_hub

NAME = "lab/pictures"
HERE = f"hf://datasets/{NAME}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that this machine is told to use, without a token."""
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN_PATH", "/nowhere")
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield hub


def draw(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (shade % 256, 90, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


FOLDERS = {f"train/{name}/{number}.jpg": draw(number) for name in ("real", "fake") for number in range(5)}


def shard(*labels: str) -> bytes:
    rows = [{"bytes": draw(number), "path": None} for number in range(len(labels))]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": rows, "label": list(labels)}), buffer)
    return buffer.getvalue()


def facts(images: Iterator[LabelledImage]) -> list[tuple[str, str, str | None, str, bytes]]:
    return [(image.source, image.label, image.split, image.origin, image.data) for image in images]


def test_folders_of_images_are_read_as_from_a_disk(hub: Hub, tmp_path: Path) -> None:
    hub.commit(NAME, {"README.md": b"a card", ".gitattributes": b"", **FOLDERS})
    for path, content in FOLDERS.items():
        (tmp_path / "pictures" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / path).write_bytes(content)
    assert facts(read_source(HERE)) == facts(read_source(str(tmp_path / "pictures")))


@pytest.mark.parametrize("path", ["", "/data", "/data/test-00000-of-00002.parquet"])
def test_shards_are_read_by_the_name_of_the_data_set(hub: Hub, path: str) -> None:
    hub.commit(NAME, {f"data/test-0000{number}-of-00002.parquet": shard("real", "fake") for number in range(2)})
    found = list(read_source(HERE + path))
    assert [image.label for image in found] == ["real", "ai"] * (1 if path.endswith("parquet") else 2)
    assert {(image.source, image.split) for image in found} == {("pictures", "test")}


def test_a_table_and_an_archive_are_read(hub: Hub) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in FOLDERS.items():
            header = tarfile.TarInfo(path)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    table = b"file_name,label\na.jpg,real\nb.jpg,fake\n"
    hub.commit(NAME, {"all.tar": buffer.getvalue(), "t/metadata.csv": table, "t/a.jpg": draw(1), "t/b.jpg": draw(2)})
    assert len(list(read_source(f"{HERE}/all.tar"))) == 10
    assert [image.label for image in read_source(f"{HERE}/t/metadata.csv")] == ["real", "ai"]
    assert {image.source for image in read_source(f"{HERE}/t")} == {"pictures"}


def test_a_revision_is_read_and_another_commit_meanwhile_changes_nothing(hub: Hub) -> None:
    hub.commit(NAME, FOLDERS, revision="v1")
    hub.commit(NAME, {"real/new.jpg": draw(99)})
    assert [image.origin for image in read_source(HERE)] == ["real/new.jpg"]
    images = read_source(f"{HERE}@v1")
    next(images)
    hub.commit(NAME, {"real/later.jpg": draw(98)}, revision="v1")
    assert len(list(images)) == 9


def test_each_image_has_the_licence_of_the_card_and_the_commit(hub: Hub) -> None:
    sha = hub.commit(NAME, FOLDERS)
    hub.licences[NAME] = "cc-by-4.0"
    assert {(image.licence, image.revision) for image in read_source(HERE)} == {("cc-by-4.0", sha)}


def test_a_hub_that_may_not_be_asked_is_not_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.commit(NAME, FOLDERS)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnreadableSource, match="HF_HUB_OFFLINE is set"):
        list(read_source(HERE))
    assert not hub.asked


def test_a_private_data_set_is_read_with_the_token_and_the_token_is_told_to_nobody_else(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.commit(NAME, FOLDERS)
    hub.private.add(NAME)
    with pytest.raises(SourceError, match=r"no such data set, or it is private.*set HF_TOKEN"):
        list(read_source(HERE))
    monkeypatch.setenv("HF_TOKEN", "hf_of-somebody-else")
    with pytest.raises(SourceError, match="or it is private") as refused:
        list(read_source(HERE))
    assert "somebody-else" not in str(refused.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with HTTPServer("127.0.0.1", threaded=True) as elsewhere, running_hub() as cdn:
        cdn.commits, hub.cdn = hub.commits, cdn.url
        assert len(list(read_source(HERE, Reach((("127.0.0.1", None),))))) == 10
        assert {token for *_, token in cdn.asked} == {None}
        del elsewhere


def test_a_gated_data_set_names_its_terms(hub: Hub) -> None:
    hub.commit(NAME, FOLDERS)
    hub.gated.add(NAME)
    with pytest.raises(SourceError, match=r"pictures' cannot be read: .*accept its terms.*train/fake/0\.jpg"):
        list(read_source(HERE))


@pytest.mark.parametrize(
    ("location", "refusal"),
    [
        (f"{HERE}@v9", r"no such revision, or the revision is gone"),
        ("hf://datasets/lab/nothing", r"no such data set"),
        (f"{HERE}/nothing.zip", r"nothing\.zip' does not exist"),
        ("hf://datasets/pictures", r"Write hf://datasets/<owner>/<name>"),
        ("hf://lab/a-model", r"Write hf://datasets/<owner>/<name>"),
        ("hf://", r"Write hf://datasets/<owner>/<name>"),
    ],
)
def test_what_is_not_there_is_refused_with_the_way_out(hub: Hub, location: str, refusal: str) -> None:
    hub.commit(NAME, FOLDERS)
    with pytest.raises(SourceError, match=refusal):
        list(read_source(location))


def page(_: Request | None = None) -> Response:
    return Response("<html>Sign in</html>", mimetype="text/html")


@pytest.mark.parametrize("path", ["pictures", "tree/main", "0.jpg"])
def test_a_web_page_in_place_of_an_answer_is_refused(hub: Hub, path: str) -> None:
    sha = hub.commit(NAME, FOLDERS)
    hub.fail(path.replace("main", f"{sha}/"), page())
    hub.fail(path.replace("main", sha), page())
    with pytest.raises(SourceError, match=r"answers with a web page \(HTML\).*HF_ENDPOINT"):
        list(read_source(HERE))


def test_a_busy_hub_is_asked_again_after_the_time_it_names(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    hub.commit(NAME, FOLDERS)
    hub.fail("pictures", Response(status=429, headers={"Retry-After": "7"}), Response(status=503))
    hub.fail("/0.jpg", Response(status=429, headers={"Retry-After": "9"}))
    assert len(list(read_source(HERE))) == 10
    assert waits == [7.0, retries.FIRST_WAIT * 2, 9.0]


def test_a_hub_that_asks_for_an_hour_is_left_alone(hub: Hub) -> None:
    hub.commit(NAME, FOLDERS)
    hub.fail("real/3.jpg", Response(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(SourceError, match=r"wants 3,600 s to pass.*what was read before is not read again"):
        list(read_source(HERE))


def test_a_hub_that_stays_busy_is_given_up_with_its_status(hub: Hub) -> None:
    hub.commit(NAME, FOLDERS)
    hub.fail("pictures", *[Response(status=502)] * 99)
    with capture_logs() as logs, pytest.raises(SourceError, match="status 502"):
        list(read_source(HERE))
    assert len([line for line in logs if line["event"] == "asked_again"]) == retries.MOST_TRIES - 1


def test_a_file_that_ends_early_is_refused_by_its_name(hub: Hub) -> None:
    hub.commit(NAME, FOLDERS)

    def cut(request: Request) -> Response | None:
        if not request.path.endswith("real/2.jpg"):
            return None
        return Response(b"half", 206, {"Content-Range": "bytes 0-3/4"}, mimetype="image/jpeg")

    hub.faults.append(cut)
    with pytest.raises(SourceError, match=r"real/2\.jpg' ends after 4 of \d+ bytes"):
        list(read_source(HERE))


def test_a_shard_that_ends_early_is_refused_by_its_name(hub: Hub) -> None:
    hub.commit(NAME, {"train-00000-of-00001.parquet": shard("real", "fake")[:-200]})
    with pytest.raises(SourceError, match=r"'train-00000-of-00001\.parquet' cannot be read.*Is it complete"):
        list(read_source(HERE))


def test_the_hub_may_lead_only_to_public_hosts_and_to_named_ones(hub: Hub) -> None:
    hub.commit(NAME, FOLDERS)
    with running_hub() as cdn:
        cdn.commits, hub.cdn = hub.commits, cdn.url
        with pytest.raises(SourceError, match=r"leads to '127\.0\.0\.1'.*TRUEGRAIN_SOURCE_HOSTS"):
            list(read_source(HERE))
        assert cdn.asked == []
        assert len(list(read_source(HERE, Reach((("127.0.0.1", None),))))) == 10


def test_a_folder_is_listed_once_and_in_pages(hub: Hub) -> None:
    sha = hub.commit(NAME, FOLDERS)
    list(read_source(HERE))
    listed = [path for _, path, _ in hub.asked if f"/tree/{sha}" in path]
    assert len(listed) == 1 + 1 + 2 * 2  # the root, `train/`, and the two pages of each class
