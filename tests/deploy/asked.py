"""What files under deploy/ ask of octyseg: settings that have to be there."""

import json
import os
from pathlib import Path
from unittest.mock import patch

from ruamel.yaml import YAML

from octyseg import settings
from tests.verb import run

DEPLOY = Path(__file__).parents[2] / "deploy"


def yaml_in(path):
    return YAML(typ="safe").load(path.read_text())


def loaded(environment):
    """The settings that a process has in this environment and no other."""
    with patch.dict(os.environ, environment, clear=True):
        return settings.load()


def shown(environment):
    """What `octyseg config show` prints there, by setting."""
    ended = run("config", "show", "-o", "json", env=environment)
    assert ended.code == 0, ended.err
    return {one["name"]: one for one in json.loads(ended.out)}
