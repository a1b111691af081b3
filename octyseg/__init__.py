"""octyseg: streaming customer segmentation on Kafka.

Events come in, per-profile state machines detect action/inaction sequences, tag changes go out.
ARCHITECTURE.md draws the house; `octyseg --help` is the way in.
"""

from importlib.metadata import version

__version__ = version("octyseg")
