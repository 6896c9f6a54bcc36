"""The one exception a user is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that names the field, the value and what is allowed. The command
    line prints it as it stands and exits with code 2; a script can catch it as a ``ValueError``.
    """
