"""Hashes and facts of images."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.images.decoding import Limits
from model.images.fingerprint import fingerprint, perceptual_hash


def file(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)  # type: ignore[arg-type]  # Pillow's options differ by format
    return buffer.getvalue()


def jpeg(image: Image.Image, quality: int = 90, **options: object) -> bytes:
    return file(image, "JPEG", quality=quality, **options)


def scene(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC)


def distance(one: int | None, other: int | None) -> int:
    assert one is not None
    assert other is not None
    return ((one ^ other) & (2**64 - 1)).bit_count()


def test_the_same_pixels_in_another_container_have_the_same_pixel_hash_only() -> None:
    png, bmp = io.BytesIO(), io.BytesIO()
    scene(1).save(png, "PNG")
    scene(1).save(bmp, "BMP")
    one, other = fingerprint(png.getvalue()), fingerprint(bmp.getvalue())
    assert one.pixel_hash == other.pixel_hash
    assert one.sha256 != other.sha256


def test_the_perceptual_hash_survives_recompression_and_scaling_and_tells_scenes_apart() -> None:
    original = fingerprint(jpeg(scene(1))).phash
    assert distance(original, fingerprint(jpeg(scene(1), quality=30)).phash) <= 6
    assert distance(original, fingerprint(jpeg(scene(1).resize((48, 32)))).phash) <= 6
    assert distance(original, fingerprint(jpeg(scene(2))).phash) > 15


@pytest.mark.parametrize("seed", range(5))
def test_the_perceptual_hash_is_the_cosine_transform_by_its_definition(seed: int) -> None:
    small = np.asarray(scene(seed).convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    frequency, place = np.arange(8)[:, None], np.arange(32)
    cosines = np.cos(np.pi * frequency * (2 * place + 1) / 64)
    low = cosines @ small @ cosines.T
    bits = "".join("1" if value else "0" for value in (low > np.median(low)).ravel())
    assert perceptual_hash(scene(seed).convert("L")) & (2**64 - 1) == int(bits, 2)


@pytest.mark.parametrize("grey", [0, 1, 77, 128, 255])
def test_a_plain_colour_has_a_hash_that_says_nothing(grey: int) -> None:
    assert perceptual_hash(Image.new("RGB", (50, 40), (grey, grey, 0)).convert("L")).bit_count() <= 1


def test_a_picture_has_a_hash_with_half_its_bits_set() -> None:
    assert all((perceptual_hash(scene(seed).convert("L")) & (2**64 - 1)).bit_count() == 32 for seed in range(20))


@pytest.mark.parametrize("quality", [30, 50, 75, 90, 95])
def test_the_jpeg_quality_is_recovered(quality: int) -> None:
    assert fingerprint(jpeg(scene(1), quality)).jpeg_quality == quality


def test_icc_and_exif_are_noticed() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    marked = fingerprint(jpeg(scene(1), exif=exif, icc_profile=b"profile"))
    plain = fingerprint(jpeg(scene(1)))
    assert (marked.has_exif, marked.has_icc) == (True, True)
    assert (plain.has_exif, plain.has_icc) == (False, False)


def test_a_file_that_is_no_image_has_a_hash_and_an_error() -> None:
    broken = fingerprint(b"no image")
    assert broken.decode_error is not None
    assert broken.decode_error.startswith("not_an_image:")
    assert (broken.pixel_hash, broken.width) == (None, None)
    assert len(broken.sha256) == 64


def test_the_quantisation_tables_tell_encoders_of_one_quality_apart() -> None:
    table = list(range(1, 65))
    one, other = (fingerprint(jpeg(scene(1), qtables=[tables])) for tables in (table, table[::-1]))
    assert one.jpeg_quality == other.jpeg_quality
    assert one.quantization != other.quantization
    assert one.quantization == fingerprint(jpeg(scene(2), qtables=[table])).quantization
    assert fingerprint(file(scene(1), "PNG")).quantization is None


@pytest.mark.parametrize(("level", "brightness"), [(0, 0.0), (51, 0.2), (255, 1.0)])
def test_brightness_is_the_mean_from_black_to_white(level: int, brightness: float) -> None:
    assert fingerprint(file(Image.new("L", (20, 20), level), "PNG")).brightness == pytest.approx(brightness)


def test_a_frame_of_one_colour_has_a_border_of_zero() -> None:
    plain = fingerprint(file(scene(1), "PNG")).border
    assert plain is not None
    assert plain > 0.05
    assert fingerprint(file(ImageOps.expand(scene(1), 1, "red"), "PNG")).border == 0.0
    assert fingerprint(file(Image.new("L", (1, 1)), "PNG")).border == 0.0


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_more_than_one_frame_is_noticed(format_: str) -> None:
    assert fingerprint(file(scene(1), format_, save_all=True, append_images=[scene(2)])).animated is True
    assert fingerprint(file(scene(1), format_)).animated is False


def test_a_picture_behind_the_first_as_telephones_store_it_is_no_animation() -> None:
    print_ = fingerprint(file(scene(1), "MPO", save_all=True, append_images=[scene(2)]))
    assert (print_.format, print_.animated, print_.decode_error) == ("JPEG", False, None)


def test_an_animation_cut_off_anywhere_is_fingerprinted_nevertheless() -> None:
    whole = file(scene(1), "GIF", save_all=True, append_images=[scene(2)])
    for length in range(len(whole) // 2, len(whole), 37):
        assert fingerprint(whole[:length]).bytes == length


def test_a_want_of_memory_is_no_fault_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_data: bytes, *, limits: Limits) -> Image.Image:
        raise MemoryError(limits)

    monkeypatch.setattr("model.images.frames.open_image", look)  # at what stands behind the first frame
    with pytest.raises(MemoryError):
        fingerprint(file(scene(1), "GIF"))
