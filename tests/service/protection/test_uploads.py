"""A wrong upload is refused with the reason and the way out."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from model.images.decoding import REASONS
from model.images.formats import FORMATS
from service.answers.problems import PROBLEMS
from service.protection.bodies import MULTIPART_OVERHEAD
from truegrain_rig.boxed_files import boxed, coded, grid, heic, resized

Draw = Callable[..., bytes]


@pytest.fixture(autouse=True)
def version_1(publish: Callable[..., object]) -> None:
    publish("1")


def send(client: FlaskClient, data: Any, content_type: str | None = "multipart/form-data") -> TestResponse:
    return client.post("/predict", data=data, content_type=content_type)


def named(image: bytes, name: str = "photo.jpg") -> tuple[io.BytesIO, str]:
    return io.BytesIO(image), name


def build_png_bomb(side: int = 9000) -> bytes:
    """Return a PNG of a few kB that unpacks to side x side one-bit pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((side // 8 + 1) * side + side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def assert_problem(answer: TestResponse, reason: str, *words: str) -> None:
    assert answer.content_type == "application/problem+json"
    problem = answer.json
    assert problem is not None
    status, title = PROBLEMS[reason]
    assert (problem["reason"], answer.status_code, problem["status"], problem["title"]) == (
        reason,
        status,
        status,
        title,
    )
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert problem["type"] == f"/docs#{reason}"
    for word in words:
        assert word in problem["detail"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda _: b"", "empty", id="empty"),
        pytest.param(lambda _: b"GIF89 is what I am not", "not_an_image", id="text"),
        pytest.param(lambda _: b"<?php system($_GET['c']); ?>" * 99, "not_an_image", id="script"),
        pytest.param(lambda image: image[: len(image) // 2], "broken", id="truncated"),
        pytest.param(lambda _: b"\0\0\0\x20ftypavif" + bytes(99), "broken", id="avif"),
        pytest.param(lambda _: b"%PDF-1.7" + bytes(99), "format_not_allowed", id="pdf"),
        pytest.param(lambda _: build_png_bomb(), "too_many_pixels", id="bomb"),
        pytest.param(lambda image: image + bytes(200_000), "too_many_bytes", id="large"),
    ],
)
def test_a_bad_file_is_refused_however_it_is_sent(
    client: FlaskClient, draw: Draw, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    bad = spoil(draw(200, size=(200, 200)))
    assert_problem(send(client, {"file": named(bad)}), reason)
    assert_problem(send(client, bad, "image/jpeg"), reason)


def test_the_bomb_of_the_tests_is_small_and_huge() -> None:
    assert len(build_png_bomb()) < 15_000


def test_a_request_larger_than_any_image_is_refused_unread(client: FlaskClient) -> None:
    too_large = bytes(200_000 + MULTIPART_OVERHEAD + 1)
    assert_problem(send(client, {"file": named(too_large)}), "too_many_bytes", "200,000")
    assert_problem(send(client, too_large, "image/jpeg"), "too_many_bytes", "200,000")


def test_a_body_of_unknown_length_is_cut_at_the_limit(client: FlaskClient) -> None:
    endless = io.BytesIO(bytes(20_000_000))
    answer = client.post(
        "/predict",
        input_stream=endless,
        content_type="image/jpeg",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert_problem(answer, "too_many_bytes")
    assert endless.tell() < 2_000_000, "the refused body was read without end"


def test_the_largest_image_allowed_is_judged_in_both_forms(client: FlaskClient, draw: Draw) -> None:
    image = draw(230)
    largest = image + bytes(200_000 - len(image))
    assert send(client, {"file": named(largest)}).status_code == 200
    assert send(client, largest, "image/jpeg").status_code == 200


def test_uploads_stay_in_memory(client: FlaskClient, draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("an upload was written to the disk")

    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse)
    assert send(client, {"file": named(draw(230) + bytes(190_000))}).status_code == 200


def test_a_missing_field_is_named_with_what_was_sent_instead(client: FlaskClient, draw: Draw) -> None:
    assert_problem(send(client, {"image": named(draw())}), "missing_file", "'file'", "'image'")
    assert_problem(send(client, {}), "missing_file", "the form is empty", "'file'")


def test_a_form_that_cannot_be_read_says_why_that_may_be(client: FlaskClient, draw: Draw) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xe9.jpg"\r\n\r\n'
    answer = send(client, head + draw() + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")
    assert_problem(answer, "missing_file", "boundary", "UTF-8")


@pytest.mark.parametrize("disposition", [b"form-data", b'form-data; filename="a.jpg"'])
def test_a_part_without_a_name_is_no_field(client: FlaskClient, draw: Draw, disposition: bytes) -> None:
    body = b"--x\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + draw() + b"\r\n--x--\r\n"
    assert_problem(send(client, body, "multipart/form-data; boundary=x"), "missing_file", "fields are: ''")


def test_text_in_place_of_the_file_is_explained(client: FlaskClient) -> None:
    assert_problem(send(client, {"file": "photo.jpg"}), "missing_file", "text", "-F file=@")


def test_two_files_are_refused(client: FlaskClient, draw: Draw) -> None:
    assert_problem(send(client, {"file": [named(draw(1)), named(draw(2))]}), "several_files", "2 files")


def test_a_form_of_thousands_of_parts_is_refused_as_such(client: FlaskClient, draw: Draw) -> None:
    parts = {f"field-{number}": "x" for number in range(1_001)} | {"file": named(draw())}
    assert_problem(send(client, parts), "too_many_parts", "1,000 parts")


def test_a_form_of_much_text_is_refused_as_such(client: FlaskClient) -> None:
    app = client.application
    app.config["MAX_FORM_MEMORY_SIZE"] = 10_000
    assert_problem(send(client, {"file": "x" * 10_001}), "too_many_parts", "10,000 bytes of text")


def test_a_form_without_a_chosen_file_is_empty(client: FlaskClient) -> None:
    assert_problem(send(client, {"file": named(b"", "")}), "empty")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_content_type_that_carries_no_image_is_refused(client: FlaskClient, draw: Draw, content_type: str) -> None:
    assert_problem(send(client, draw(), content_type), "unsupported_content_type", content_type, "'file'")


@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "image/png", "application/octet-stream", "binary/octet-stream", None]
)
def test_the_bytes_decide_and_not_the_content_type(client: FlaskClient, draw: Draw, content_type: str | None) -> None:
    answer = send(client, draw(kind="WEBP"), content_type)
    assert answer.json is not None
    assert answer.json["image"]["format"] == "WEBP"


def test_hostile_heic_is_refused_with_the_reason(client: FlaskClient) -> None:
    tile = coded(Image.new("RGB", (64, 64), "red"))
    tiles = boxed([grid(100, 100, (6_400, 6_400)), tile], references=[(b"dimg", 1, [2] * 10_000)])
    assert_problem(send(client, tiles, "image/heic"), "broken", "10,000 tiles")
    bomb = boxed([resized(tile, 30_000, 30_000)])
    assert_problem(send(client, bomb, "image/heic"), "too_many_pixels", "30000 x 30000")
    cut = heic(Image.new("RGB", (64, 64), "red"))[:-9]
    assert_problem(send(client, cut, "image/heic"), "broken", "cut off")


@pytest.mark.parametrize(
    ("data", "name"), [(b"\xff\x0a" + bytes(60), "JPEG XL"), (b"<?xml version='1.0'?><!-- x --><svg>", "SVG")]
)
def test_a_known_format_is_refused_by_its_name_and_the_accepted_ones_are_named(
    client: FlaskClient, data: bytes, name: str
) -> None:
    assert_problem(send(client, data, "image/jxl"), "format_not_allowed", name, *FORMATS)


def test_a_multipart_body_without_a_boundary_is_refused(client: FlaskClient) -> None:
    assert_problem(send(client, b"--x\r\n", "multipart/form-data"), "missing_file")


def test_every_reason_of_the_domain_has_its_problem() -> None:
    assert set(REASONS) <= set(PROBLEMS)


def test_a_refusal_is_counted_by_its_reason(client: FlaskClient, metric: Callable[..., float]) -> None:
    for _ in range(3):
        send(client, b"", "image/jpeg")
    send(client, b"no image", "image/jpeg")
    assert metric("truegrain_rejections_total", reason="empty") == 3
    assert metric("truegrain_rejections_total", reason="not_an_image") == 1
