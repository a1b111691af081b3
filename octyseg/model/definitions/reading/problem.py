"""What is wrong with a definition, said as a value: where, in which definition, which rule, what to do.

Made by the reader of files and by the rules; shown by the CLI and the API as one line each.
It never decides whether something is wrong.
"""

from typing import NamedTuple


class Place(NamedTuple):
    """A position in a source, both counted from 1."""

    line: int
    column: int


START = Place(1, 1)


class Problem(NamedTuple):
    """One broken rule. `name` is the definition it is about, empty when it is the file itself."""

    place: Place
    name: str
    rule: str
    text: str
    warning: bool = False

    def shown(self, source: str) -> str:
        """The problem as the line people read: `file:line:column: name: rule: what to do`."""
        about = f"{one_line(self.name)}: " if self.name else ""
        # Texts quote the file, and a file may hold anything; the longest of ours has 300 letters.
        return f"{source}:{self.place.line}:{self.place.column}: {about}{self.rule}: {one_line(self.text, 600)}"


def one_line(text: str, limit: int = 80) -> str:
    """Foreign text fit for one line of output: control characters escaped, the middle of long ones left out."""
    shown = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return shown if len(shown) <= limit else f"{shown[: limit // 2]}...{shown[-limit // 4 :]}"


def lines(problems: list[Problem], source: str) -> list[str]:
    """Every problem once, in the order of the source."""
    return [problem.shown(source) for problem in sorted(dict.fromkeys(problems))]
