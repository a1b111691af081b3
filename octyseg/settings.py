"""Every setting of octyseg, read once from the environment: prefix `OCTYSEG_`, sections by `__`.

`OCTYSEG_X_FILE=/path` reads the value of X from a file, so secrets need not stand in the environment.
An unknown `OCTYSEG_` name is refused with the nearest known one. `load` is the only way in: it raises
SettingsError with one line per problem. Nothing here connects to anything.
"""

import difflib
import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from octyseg.errors import SettingsError
from octyseg.settings_sections import HistorySettings, KafkaSettings, ServerSettings, WebhookSettings

PREFIX = "OCTYSEG_"
SECTION = "__"
FILE = "_FILE"
# Shown as *** to whoever asks for the settings.
_SECRETS = frozenset({"webhooks.secret_key", "secret_key", "kafka.password", "kafka.private_key_password"})


def state_directory() -> Path:
    """Where the embedded log lives unless told otherwise: `$XDG_STATE_HOME/octyseg` or `~/.local/state/octyseg`."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "octyseg"


def _default_log() -> str:
    return f"embedded://{state_directory() / 'octyseg.db'}"


class Settings(BaseSettings):
    """The settings, each with its default and unit. Made by `load`, passed down, never changed."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=SECTION, frozen=True, allow_inf_nan=False, validate_default=False
    )

    log: str = Field(
        default_factory=_default_log,
        description="where to work: embedded:///absolute/file.db or kafka://host:9092[,host2:9092]",
    )
    redis: str | None = Field(
        default=None,
        description="redis://, rediss:// or unix:// URL of the projection; unset: a private Valkey beside the log",
    )
    namespace: str = Field(
        default="octyseg.",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="prefix of every topic; keys in Redis follow it",
    )
    partitions: int = Field(default=8, ge=1, le=1024, description="partitions of the topics that are spread by profile")
    instance_id: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        max_length=200,
        description="name of this worker slot, the same after a restart, unique among those that run",
    )
    grace_ms: int = Field(
        default=5_000, ge=0, description="how long after its deadline an inaction waits for late events"
    )
    correction_horizon_ms: int = Field(
        default=3_600_000, ge=0, description="how long after firing a late event still takes a match back"
    )
    live_max_age_ms: int = Field(
        default=7_200_000, ge=0, description="an event older than this at its arrival is history and fires nothing live"
    )
    future_ms: int = Field(default=120_000, ge=0, description="an event further ahead of its arrival is refused")
    min_exp_timeframe: float = Field(default=5, ge=0, description="shortest exp_timeframe of a live step, in minutes")
    strict_catalog: bool = Field(default=False, description="unknown event types in definitions are errors")
    flush_every_s: float = Field(default=60, gt=0, description="seconds between two flushes of changed states")
    flush_every_profiles: int = Field(
        default=100_000, ge=1, description="changed profiles that flush before their time"
    )
    sweep_batch: int = Field(default=500, ge=1, description="profiles looked at in one step of a sweep")
    session_timeout_s: float = Field(default=10, gt=0, description="silence after which Kafka takes a worker for dead")
    heartbeat_s: float = Field(default=2, gt=0, description="seconds between two signs of life to Kafka")
    commit_every_s: float = Field(default=0.5, gt=0, description="seconds between two commits of positions")
    kafka: KafkaSettings = Field(default=KafkaSettings(), description="how the brokers let us in")
    webhooks: WebhookSettings = Field(default=WebhookSettings(), description="how webhooks are sent")
    history: HistorySettings = Field(
        default=HistorySettings(), description="what happened, kept for segments of the past"
    )
    server: ServerSettings = Field(default=ServerSettings(), description="how the HTTP API is served")
    api: str | None = Field(
        default=None, description="URL of an HTTP API; verbs then ask it instead of the log, as --api does"
    )
    public_key: str | None = Field(default=None, description="public half of the key with which verbs ask the API")
    secret_key: str | None = Field(default=None, description="secret half of it")
    metrics_port: int | None = Field(default=None, ge=0, le=65535, description="port of /metrics; unset: not served")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severe message shown"
    )
    log_format: Literal["auto", "pretty", "json"] = Field(
        default="auto", description="auto: pretty on a terminal, else json"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings' own
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only arguments (tests) and the environment; a .env file in the working directory decides nothing."""
        return init_settings, _Environment(settings_cls)

    @field_validator("log")
    @classmethod
    def _log_is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme == "embedded" and not parts.netloc and len(parts.path) > 1:
            return value
        if parts.scheme == "kafka" and all(re.fullmatch(r"[^\s:/]+:\d{1,5}", host) for host in parts.netloc.split(",")):
            return value
        msg = "write embedded:///absolute/file.db or kafka://host:port[,host:port]"
        raise ValueError(msg)

    @field_validator("api")
    @classmethod
    def _api_is_an_address(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
            msg = "write http://host:port or https://host"
            raise ValueError(msg)
        return value

    @field_validator("redis")
    @classmethod
    def _redis_is_an_address(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
            msg = "write redis://host:6379/0, rediss://... or unix:///path.sock"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _heartbeats_fit_the_session(self) -> "Settings":
        if self.heartbeat_s * 3 > self.session_timeout_s:
            msg = f"{PREFIX}HEARTBEAT_S: at most a third of {PREFIX}SESSION_TIMEOUT_S ({self.session_timeout_s:g} s)"
            raise ValueError(msg)
        return self

    @property
    def embedded_file(self) -> Path | None:
        """The file of the embedded log, None on Kafka."""
        parts = urlsplit(self.log)
        return Path(parts.path) if parts.scheme == "embedded" else None

    @property
    def history_directory(self) -> Path:
        """Where history is kept: as the setting says, or beside the embedded log."""
        if self.history.directory is not None:
            return self.history.directory
        file = self.embedded_file
        return (state_directory() if file is None else file.parent) / "history"

    @property
    def kafka_servers(self) -> tuple[str, ...]:
        """The bootstrap servers, empty on the embedded log."""
        parts = urlsplit(self.log)
        return tuple(parts.netloc.split(",")) if parts.scheme == "kafka" else ()

    @property
    def redis_prefix(self) -> str:
        """The prefix of every key in Redis: the namespace with a colon for its last mark."""
        return self.namespace.rstrip("._-") + ":"

    def topic(self, short_name: str) -> str:
        """The full name of a topic of octyseg.log.topics."""
        return self.namespace + short_name


class Shown(NamedTuple):
    """One setting as `octyseg config show` prints it: secrets masked, with where its value came from."""

    name: str
    value: object
    source: str
    description: str


class _Environment(EnvSettingsSource):
    """pydantic-settings' reader of the environment, which also follows `OCTYSEG_X_FILE`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        variables = dict(super()._load_env_vars())
        for name in _names(self.settings_cls):
            path = os.environ.get(name + FILE)
            if path is not None:
                variables[name.lower()] = _read(name, path)
                # A section would take it for a setting of its own that nobody knows.
                variables.pop((name + FILE).lower(), None)
        return variables


def load() -> Settings:
    """The settings of this process; SettingsError tells every problem, one line each."""
    problems = _unknown_names(os.environ)
    for name in _names(Settings):
        if name in os.environ and name + FILE in os.environ:
            problems.append(f"{name} and {name}{FILE} are both set: keep one")
    if problems:
        raise SettingsError("\n".join(problems))
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error))) from None


def with_api(loaded: Settings, url: str) -> Settings:
    """The settings with another API; SettingsError when the URL is none."""
    try:
        return Settings.model_validate(loaded.model_dump(exclude_unset=True) | {"api": url})
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error))) from None


def source_of(name: str) -> str:
    """Where the value of a setting comes from: `default`, `environment` or `file PATH`."""
    variable = PREFIX + name.upper().replace(".", SECTION)
    if variable + FILE in os.environ:
        return f"file {os.environ[variable + FILE]}"
    return "environment" if variable in os.environ else "default"


def show(settings: Settings) -> Iterator[Shown]:
    """Every setting in the order of its declaration, fit for the eyes of others."""
    yield from _show(settings, "")


def _show(settings: BaseModel, section: str) -> Iterator[Shown]:
    # As JSON has them: paths and networks are texts.
    values = settings.model_dump(mode="json")
    for field_name, field in type(settings).model_fields.items():
        value, name = values[field_name], section + field_name
        inner = getattr(settings, field_name)
        if isinstance(inner, BaseModel):
            yield from _show(inner, name + ".")
            continue
        if name in {"redis", "history.engine"}:
            value = without_password(value)
        elif name in _SECRETS and value is not None:
            value = "***"
        yield Shown(name, value, source_of(name), field.description or "")


def without_password(url: str | None) -> str | None:
    """The URL with its password as `***`, also one that stands in the query."""
    if url is None:
        return None
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", url))


def _names(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[str]:
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, variable + SECTION)
        else:
            yield variable


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    known = {name + end for name in _names(Settings) for end in ("", FILE)}
    problems = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`octyseg config show` lists the settings"
            problems.append(f"{name} is not a setting: {hint}")
    return problems


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        msg = f"{name}{FILE}: cannot read {path}: {reason}"
        raise SettingsError(msg) from error


def _lines(error: ValidationError) -> Iterator[str]:
    """Pydantic's findings as one line each, without the value: it may be a secret."""
    for problem in error.errors(include_input=False, include_url=False):
        text = problem["msg"].removeprefix("Value error, ")
        where = SECTION.join(str(part) for part in problem["loc"]).upper()
        yield f"{PREFIX}{where}: {text[0].lower()}{text[1:]}" if where else text
