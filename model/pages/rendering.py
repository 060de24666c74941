"""Renders self-contained pages from the templates of this folder; pictures become part of the page."""

import base64
import io
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from PIL import Image

_TEMPLATES: Final = Path(__file__).with_name("templates")
_WEBP_QUALITY: Final = 70


def render_page(template: str, **values: object) -> str:
    """Fill `template`, the name of a file in the folder `templates`. In HTML all values are escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html"], default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": "{:,}".format, "percent": _percent, "clock": _clock}
    return environment.get_template(template).render(**values)


def picture(image: Image.Image) -> str:
    """Return an image as the data URL of a WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_WEBP_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _percent(share: float, digits: int = 2) -> str:
    return f"{share:.{digits}%}".replace("%", "\u202f%")


def _clock(seconds: float) -> str:
    """Write a duration as minutes and seconds: '2:05'."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
