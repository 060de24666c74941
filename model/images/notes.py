"""Notes: what limits a verdict on a picture, or makes it doubtful."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

from pydantic import Field

Code = Literal[
    "out_of_domain",
    "outside_range",
    "too_small",
    "enlarged",
    "compressed",
    "centre_only",
    "first_frame",
    "blank",
]

CODES: Final[tuple[Code, ...]] = get_args(Code)
"""What a note can be about: a closed set, so that programs can rely on it.

- `out_of_domain`: the picture is unlike all that the detector was trained on.
- `outside_range`: the file's size lies outside of the sizes that the detector was trained on.
- `too_small`: the picture has too few pixels to judge.
- `enlarged`: the picture seems to be enlarged from a smaller one.
- `compressed`: the picture was compressed so much that traces are lost.
- `centre_only`: the detector sees the central square only, and the picture is much longer.
- `first_frame`: only the first frame of an animation is judged.
- `blank`: the picture has one colour only.
"""


@dataclass(frozen=True, kw_only=True)
class Note:
    """What limits a verdict, or makes it doubtful; with `unsure` the decision is 'unsure' whatever the probability."""

    code: Annotated[Code, Field(description="What the note is about")]
    detail: Annotated[str, Field(description="The note in words")]
    unsure: Annotated[bool, Field(description="Whether the note makes the decision 'unsure'")]
