import shutil
import subprocess
from pathlib import Path

import pytest

from tests.missing import leave_out

# Where .ci/run puts what it takes out of Debian's package.
UNPACKED = Path(__file__).parents[2] / "build" / "promtool" / "usr" / "bin"


@pytest.fixture(scope="session")
def check_with_promtool():
    """Runs Prometheus' own tool; fails with what it says."""
    program = shutil.which("promtool") or shutil.which("promtool", path=str(UNPACKED))
    if program is None:
        leave_out("no promtool on this machine (Debian's package prometheus has it): NO ALERT WAS TRIED")

    def run(*words, given=None):
        ended = subprocess.run([program, *map(str, words)], input=given, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    return run
