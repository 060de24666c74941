"""Reads the options of a verdict from the query of a request."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from service.answers.problems import Refusal

if TYPE_CHECKING:  # the client, which needs no Flask, sends the same options
    from flask import Request


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of every endpoint that gives verdicts, by the names they have in the query."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    max_fpr: Annotated[
        str | None,
        Field(
            description="Decide at this false-positive rate, one of the operating points of GET /model, such as 0.01."
            " The rate holds on average over calibrations; `operating_bounds` is what it may be at most"
        ),
    ] = None
    stability: Annotated[
        bool,
        Field(
            description="Also judge four copies (JPEG 75 and 50, half size, crop): 'unsure' if a copy's label differs"
        ),
    ] = False
    receipt: Annotated[bool, Field(description="Sign the verdict; POST /receipts/verify checks the receipt")] = False


_PLAIN: Final = Options()
_OPTIONS: Final = TypeAdapter(Options)


def read_options(request: "Request") -> Options:
    """Read the options from the query; raises Refusal for an unknown name or a value that is not allowed."""
    if not request.query_string:
        return _PLAIN
    try:
        return _OPTIONS.validate_python(request.args.to_dict())
    except ValidationError as error:
        raise _refuse(error.errors()[0]) from error


def describe_options() -> list[dict[str, Any]]:
    """Describe the options as the parameters of an OpenAPI operation."""
    properties = _OPTIONS.json_schema()["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "description": field["description"],
            "schema": {"type": field.get("type", "string")},
        }
        for name, field in properties.items()
    ]


def _refuse(problem: ErrorDetails) -> Refusal:
    name = str(problem["loc"][0])[:40]
    if problem["type"] == "unexpected_keyword_argument":
        known = ", ".join(field.name for field in fields(Options))
        return Refusal("unknown_option", f"there is no option '{name}'; the options are {known}")
    given = str(problem["input"])[:40]
    return Refusal("bad_request", f"{name}={given} is not allowed; send {name}=true or {name}=false")
