"""The world's errors: one tree, raised by adapters and the CLI's rooms, handled in stages and at the CLI's door.

    OctysegError                 exit code 1 unless a leaf says otherwise
    ├── UsageError               what was asked cannot be done as asked (exit code 2)
    │   ├── DefinitionError      a definition file breaks rules; carries every problem of it
    │   ├── NotFound             what was named is not there (exit code 1)
    │   ├── Conflict             it was changed meanwhile, or is in a state that forbids it
    │   └── SettingsError        a setting is missing, unknown or unusable
    ├── Unavailable              a service does not answer now; waiting may help
    │   ├── LogUnavailable       the log (Kafka broker or embedded file)
    │   ├── ProjectionUnavailable  Redis or Valkey
    │   └── HistoryUnavailable   the directory of history: a full disk, for one
    ├── LogDamaged               stored bytes fail their checksum, or are gone: stop before anything is committed
    ├── Fenced                   another owner has taken the partition: drop it, write nothing more
    └── TwinFound                a younger process runs under this instance id: end this one

The data's errors are not here: a bad record is a value with a reason (octyseg.model.refusal.Refusal).
Messages are lower case, name the thing and say what to do.
"""


class OctysegError(Exception):
    """Anything octyseg raises on purpose."""

    exit_code = 1


class UsageError(OctysegError):
    """What was asked cannot be done as asked."""

    exit_code = 2


class DefinitionError(UsageError):
    """One definition file or request breaks rules; `problems` holds one line for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class NotFound(UsageError):
    """What was named is not there: it was asked rightly, so the exit code is that of a failure."""

    exit_code = 1


class Conflict(UsageError):
    """It was changed meanwhile, or is in a state that forbids what was asked."""


class SettingsError(UsageError):
    """A setting is missing, unknown or unusable."""


class Unavailable(OctysegError):
    """A service does not answer now; waiting may help."""


class LogUnavailable(Unavailable):
    """The log does not answer."""


class ProjectionUnavailable(Unavailable):
    """Redis or Valkey does not answer."""


class HistoryUnavailable(Unavailable):
    """The directory of history cannot be written to."""


class LogDamaged(OctysegError):
    """Stored bytes fail their checksum, or are not there any more."""


class Fenced(OctysegError):
    """Another owner has taken the partition."""


class TwinFound(OctysegError):
    """A younger process runs under this instance id."""
