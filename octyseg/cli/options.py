"""Options that several verbs share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Form = Annotated[Literal["table", "json"], typer.Option("-o", "--output", help="For people or for programs.")]
File = Annotated[
    Path, typer.Option("-f", "--file", help="Definitions in YAML or JSON; - reads stdin.", show_default=False)
]
