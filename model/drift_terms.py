"""The words that drift is told in: whether there is any, why, and why that is not known."""

from typing import Final, Literal, get_args

State = Literal["ok", "drifting", "unknown"]

Cause = Literal["no_model", "no_reference", "other_reference", "too_few", "log_unavailable", "clock", "failed"]
"""Why drift is unknown: nothing is in service; its detector brings no reference, or another's; too few predictions; the
prediction log cannot be read; there are times that cannot be right; the monitor met with an error of its own."""

Attribution = Literal["none", "container", "content", "balance", "new_generator"]
"""Why traffic has drifted: not at all, other files, other pictures, another share of AI, images like none known."""

STATES: Final[tuple[State, ...]] = get_args(State)
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)
ATTRIBUTIONS: Final[tuple[Attribution, ...]] = get_args(Attribution)
