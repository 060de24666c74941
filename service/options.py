"""What a caller may ask of a verdict, read from the query of a request."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from flask import Request
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from service.problems import Refusal


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of every endpoint that gives verdicts, by the names they have in the query."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    max_fpr: Annotated[
        str | None,
        Field(
            description="Decide at this false-positive rate, one of the `operating_points` of GET /model, such as 0.01"
        ),
    ] = None
    stability: Annotated[
        bool,
        Field(
            description="Judge it as it is passed on, too (JPEG 75 and 50, half size, crop): 'unsure' if a label flips"
        ),
    ] = False
    receipt: Annotated[bool, Field(description="Sign the verdict; POST /receipts/verify checks the receipt")] = False


OPTIONS: Final = TypeAdapter(Options)


def read_options(request: Request) -> Options:
    """Read the options from the query; raises Refusal for an unknown name or a value that is not allowed."""
    try:
        return OPTIONS.validate_python(request.args.to_dict())
    except ValidationError as error:
        problem = error.errors()[0]
        name, known = problem["loc"][0], ", ".join(Options.__dataclass_fields__)
        if problem["type"] == "unexpected_keyword_argument":
            raise Refusal("unknown_option", f"there is no option '{name}'; the options are {known}") from error
        raise Refusal(
            "bad_request", f"{name}={problem['input']!r} is not allowed: send {name}=true or {name}=false"
        ) from error
