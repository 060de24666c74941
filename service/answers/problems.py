"""Every way a request can fail: its reason, HTTP status and title, and the answer as RFC 9457 problem+json."""

from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import BaseModel, Field

MEDIA_TYPE: Final = "application/problem+json"

PROBLEMS: Final = {
    "empty": (400, "The file is empty"),
    "missing_file": (400, "No image was sent"),
    "several_files": (400, "More than one image was sent"),
    "too_many_files": (400, "The batch holds too many images"),
    "bad_request": (400, "The request cannot be understood"),
    "unknown_option": (400, "There is no such option"),
    "unknown_operating_point": (400, "The detector has no operating point for this rate"),
    "untrusted_host": (400, "The service has no such host name"),
    "key_missing": (401, "An API key is needed"),
    "key_unknown": (401, "The API key is not known"),
    "key_expired": (401, "The API key has expired"),
    "role_missing": (403, "The API key may not do this"),
    "cross_site": (403, "Pages of other sites may not do this"),
    "not_your_report": (403, "The report belongs to another caller"),
    "not_your_verdict": (403, "The verdict was given to another caller"),
    "not_found": (404, "There is no such page"),
    "unknown_prediction": (404, "There is no such prediction"),
    "unknown_report": (404, "There is no such report"),
    "method_not_allowed": (405, "The method is not allowed here"),
    "incomplete": (408, "The request did not arrive completely"),
    "already_reviewed": (409, "The report was reviewed already"),
    "no_shadow": (409, "There is no shadow to compare with"),
    "receipts_off": (409, "This service signs no receipts"),
    "too_many_bytes": (413, "The file is too large"),
    "too_many_parts": (413, "The form has too many parts"),
    "too_many_pixels": (413, "The image has too many pixels"),
    "too_many_scans": (413, "The image has too many scans"),
    "unsupported_content_type": (415, "The content type is not accepted here"),
    "not_an_image": (415, "The file is not an image"),
    "format_not_allowed": (415, "The image format is not accepted"),
    "broken": (422, "The image is damaged"),
    "other_image": (422, "The file is not the image of the prediction"),
    "receipt_not_valid": (422, "The receipt is not valid"),
    "too_many_requests": (429, "Too many requests were sent"),
    "too_many_reports": (429, "Too many reports wait for a review"),
    "internal_error": (500, "The service made a mistake"),
    "keys_unavailable": (503, "The API keys cannot be read"),
    "log_unavailable": (503, "The prediction log cannot be reached"),
    "not_ready": (503, "No detector is in service yet"),
    "reports_unavailable": (503, "Reports cannot be taken or withdrawn now"),
    "overloaded": (503, "Too many requests at once"),
    "no_room": (507, "The disk has no room for reports"),
}
"""Status and title by reason. A reason never changes its meaning: clients compare it, dashboards count it."""

RETRY: Final = frozenset({"too_many_requests"} | {reason for reason, (status, _) in PROBLEMS.items() if status == 503})
"""Reasons whose answers say in `Retry-After` for how many seconds to wait before the same request."""

BODY: Final = ("incomplete", "too_many_bytes")
FORM: Final = (*BODY, "too_many_parts", "missing_file", "unsupported_content_type")
IMAGE: Final = (
    *FORM, "several_files", "empty", "too_many_pixels", "too_many_scans",
    "not_an_image", "format_not_allowed", "broken",
)  # fmt: skip
VERDICT: Final = (
    "unknown_option", "bad_request", "unknown_operating_point", "receipts_off", "not_ready", "overloaded",
)  # fmt: skip
"""Reasons to refuse a body, a form with files, a single image, and a verdict."""


Answers = dict[int | str, dict[str, str | dict[str, dict[str, Any]]]]
"""Descriptions of answers by status, as APIFlask's `doc` takes them."""


class Refusal(Exception):
    """A request that is answered with the problem `reason` (a key of PROBLEMS), a sentence `detail` and `headers`."""

    def __init__(self, reason: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.headers = headers or {}


class Problem(BaseModel):
    """The body of every answer that is an error, as RFC 9457 defines it, with two members of our own."""

    type: str = Field(description="Address of the problem's description")
    title: str = Field(description="The problem in a few words, the same for every occurrence")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="What was wrong this time, and the way out")
    reason: str = Field(description="The problem as one word of a closed set")
    request_id: str = Field(description="Also the X-Request-ID header; names this request in the service's log")

    @classmethod
    def of(cls, reason: str, detail: str, *, request_id: str, status: int | None = None) -> Self:
        """Return the problem `reason`, a key of PROBLEMS; `status` replaces its usual HTTP status."""
        usual_status, title = PROBLEMS[reason]
        return cls(
            type=f"/docs#{reason}",
            title=title,
            status=status or usual_status,
            detail=detail,
            reason=reason,
            request_id=request_id,
        )


def answers(*reasons: str) -> Answers:
    """Describe, for the OpenAPI document, the problems that a view can answer with."""
    return {
        status: {
            "description": "; ".join(PROBLEMS[reason][1] for reason in reasons if PROBLEMS[reason][0] == status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({PROBLEMS[reason][0] for reason in reasons})
    }
