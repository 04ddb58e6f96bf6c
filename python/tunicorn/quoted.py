"""Text of a client in a line for the operator: cut, and without a character that could forge or break a line.

Rules: the same in src/logging/quoted.ts.

Runs in: worker.
"""

from __future__ import annotations

# Characters; what is longer ends in an ellipsis.
_MAX_LENGTH = 200


def quoted(text: object) -> str:
    """What the application has left in the environ may be anything."""
    spelled = "".join(_spelled(character) for character in str(text)[: _MAX_LENGTH + 1])
    return f"{spelled[:_MAX_LENGTH]}…" if len(spelled) > _MAX_LENGTH else spelled


def _spelled(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
