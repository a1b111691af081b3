"""`octyseg dev`: everything in one process on one file, with no service to install."""

from octyseg.cli.hosting import host
from octyseg.cli.output import tell
from octyseg.cli.session import begin
from octyseg.errors import UsageError


def dev() -> None:
    """Run all stages on the embedded log. Other verbs work beside it, on the same OCTYSEG_LOG."""
    loaded = begin()
    file = loaded.embedded_file
    if file is None:
        msg = f"`octyseg dev` runs on an embedded log, OCTYSEG_LOG is {loaded.log}: run `octyseg worker all` there"
        raise UsageError(msg)
    host(loaded, "all", lambda: tell(f"octyseg is ready on {file}; Ctrl-C ends it"))
