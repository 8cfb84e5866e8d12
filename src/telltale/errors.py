"""The one error a user can cause: a field with a value that cannot be used."""

from __future__ import annotations


class InputError(Exception):
    """A mistake in the input, told in one line: the field, the bad value and what would be valid.

    The entry point prints it and ends with exit code 2; nothing that was trained is lost.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(" ".join(f"{field}={value}: {expected}".split()))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, object, str]]:
        # worker processes hand exceptions back by class and arguments; ours are three, not one text
        return type(self), (self.field, self.value, self.expected)


class AccessDeniedError(Exception):
    """A call on a release that the attack's threat model does not include."""


class QueriesSpentError(AccessDeniedError):
    """A question beyond the number that the owner answers; says how many were asked for."""


class NumericalError(Exception):
    """A trained model whose output is not a number; says which model and which record."""


class NotPrivateError(Exception):
    """Private training that its self-test found not to be private; says how. Nothing was trained."""


class JobsLostError(Exception):
    """A job of a sweep that ended where nobody could hand its error back; says which. The same command goes on."""
