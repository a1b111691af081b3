"""What a plain (unquoted) word of a definition file means: nothing, a truth value, a number or text.

Only what JSON would read as such is a number or a truth value; `no`, `on`, `1:30`, `0123` and dates
stay the text they look like. Called by the reader for each unquoted scalar.
"""

import math
import re

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|NaN|-?Infinity")
_MAX_DIGITS = 400
_INTEGERS = range(-(2**63), 2**63)


class NotANumber(ValueError):
    """The word stands for a number that no event can carry; the message says what to do."""


def plain_scalar(word: str) -> str | int | float | bool | None:
    """The value of an unquoted word; raises NotANumber for NaN, infinities and numbers out of range."""
    if word in _NULLS:
        return None
    if word in _TRUTHS:
        return _TRUTHS[word]
    if _ENDLESS.fullmatch(word):
        message = f"{word} is not a number an event can carry: write a finite number, or put it in quotes"
        raise NotANumber(message)
    number = _NUMBER.fullmatch(word)
    if number is None:
        return word
    return _number(word, whole=number[1] is None and number[2] is None)


def _number(word: str, *, whole: bool) -> int | float:
    """The number a word spells, within 64 bits or the range of a float."""
    if len(word) > _MAX_DIGITS:
        message = f"a number of {len(word)} digits is too long: write fewer digits, or put it in quotes"
        raise NotANumber(message)
    value = int(word) if whole else float(word)
    if isinstance(value, int) and value not in _INTEGERS:
        message = f"{word} does not fit in 64 bits: put it in quotes if it is an identifier"
        raise NotANumber(message)
    if isinstance(value, float) and not math.isfinite(value):
        message = f"{word} is too large: write a smaller number"
        raise NotANumber(message)
    return value
