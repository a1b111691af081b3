"""The broker's jars: resolved by Maven once, kept under build/, safe when two processes ask at the same time."""

import fcntl
import hashlib
import shutil
import subprocess
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
    _BUILD.mkdir(exist_ok=True)
    with (_BUILD / "kafka-libs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.is_dir():
            partial = wanted.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            command = ["mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies"]
            subprocess.run([*command, f"-DoutputDirectory={partial}"], check=True)  # noqa: S603 - our own words
            # A rename is all or nothing: half a download is never taken for the whole.
            partial.rename(wanted)
    return wanted
