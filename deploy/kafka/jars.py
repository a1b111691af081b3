"""The broker's jars, and Java's archive of what it loads of them: made once, kept under build/, whoever asks first."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent
_POM = _HERE / "pom.xml"
_BUILD = _HERE.parent.parent / "build"


def missing_tools() -> list[str]:
    """The programs that a broker needs and this machine lacks."""
    return [name for name in ("java", "mvn") if shutil.which(name) is None]


def jars() -> Path:
    """The directory of the jars of pom.xml; the first call downloads some 120 MB."""
    digest = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    wanted = _BUILD / f"kafka-libs-{digest}"
    with _alone("kafka-libs.lock"):
        if not wanted.is_dir():
            partial = wanted.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            command = ["mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies"]
            subprocess.run([*command, f"-DoutputDirectory={partial}"], check=True)  # noqa: S603 - our own words
            # A rename is all or nothing: half a download is never taken for the whole.
            partial.rename(wanted)
    return wanted


def classes(write: Callable[[Path], None]) -> Path:
    """Java's archive of the classes that a broker loads, by which a start costs half; the first call has it written.

    An archive of another Java is ignored by it, and a Java that knows no archives leaves an empty one.
    """
    wanted = jars().with_suffix(".jsa")
    with _alone("kafka-classes.lock"):
        if not wanted.exists():
            partial = wanted.with_suffix(".partial.jsa")
            partial.unlink(missing_ok=True)
            write(partial)
            partial.touch()
            partial.rename(wanted)
    return wanted


@contextmanager
def _alone(lock_name: str) -> Iterator[None]:
    _BUILD.mkdir(exist_ok=True)
    with (_BUILD / lock_name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
