"""Why a client got no verdict.

- TruegrainError

  - Refused: the service answered with a problem.
  - NoAnswer: nobody answered, or something that is no service of Truegrain.
"""

from model.errors import TruegrainError
from service.answers.problems import Problem


class Refused(TruegrainError):
    """The service answered with `problem`; its `reason` is one of `service.answers.problems.PROBLEMS`.

    A problem without `request_id` is one of a proxy before the service.
    """

    def __init__(self, problem: Problem) -> None:
        request = f" (request {problem.request_id})" if problem.request_id else ""
        super().__init__(f"{problem.title}: {problem.detail}{request}")
        self.problem = problem


class NoAnswer(TruegrainError):
    """Nobody answered at the address in time, or the answer is not of a service of Truegrain."""
