"""Sections of the settings, read as `OCTYSEG_SECTION__NAME`; octyseg.settings puts them together."""

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class WebhookSettings(BaseModel):
    """How webhooks are sent, beyond what endpoints say themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_http: bool = Field(default=False, description="webhooks may go to http:// addresses, unencrypted")
    allow_networks: tuple[str, ...] = Field(
        default=(), description='networks that are not public and may be called, e.g. ["127.0.0.0/8"]'
    )
    secret_key: str | None = Field(
        default=None,
        description="key that seals the endpoints' secrets; unset: one beside the embedded log. "
        "`octyseg webhooks key` makes one",
    )
    max_staleness_s: float | None = Field(
        default=None, ge=0, description="a change detected so much later than it occurred is not sent; unset: all are"
    )

    @field_validator("allow_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                msg = f"{text} is no network: write one like 127.0.0.0/8"
                raise ValueError(msg) from None
        return value


class HistorySettings(BaseModel):
    """Where what happened is kept, for how long, and who answers questions to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path | None = Field(
        default=None, description="directory of the archive; unset: `history` beside the embedded log"
    )
    engine: str = Field(
        default="duckdb",
        pattern="^(duckdb|(clickhouse|spark)(://.+)?)$",
        description="duckdb, clickhouse, clickhouse://user:password@host:8123/, spark or spark://host:7077",
    )
    schedule: str = Field(default="0 * * * *", description="when past segments are looked at again: cron, UTC")
    compare_schedule: str = Field(
        default="30 3 * * *", description="when stream and history are held against each other: cron, UTC"
    )
    keep_days: int = Field(default=400, ge=1, description="how many days of events are kept, by event time")
    write_every_s: float = Field(default=60, gt=0, description="seconds between two writes of what has come")
    write_every_mb: int = Field(
        default=64, ge=1, description="megabytes of events, of all partitions, that are written before their time"
    )

    @field_validator("schedule", "compare_schedule")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        try:
            CronSim(value, datetime.now(UTC))
        except CronSimError:
            msg = f'"{value}" is no cron expression: write five fields, e.g. 0 * * * * for every hour'
            raise ValueError(msg) from None
        return value


class KafkaSettings(BaseModel):
    """How the brokers let us in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tls: bool = Field(default=False, description="speak TLS to the brokers")
    authorities: Path | None = Field(
        default=None, description="PEM file of who signs the brokers' certificates; unset: the system's authorities"
    )
    certificate: Path | None = Field(
        default=None, description="PEM file of our own certificate, for brokers that ask for one"
    )
    private_key: Path | None = Field(
        default=None, description="PEM file of its private key; unset: it stands beside the certificate"
    )
    private_key_password: str | None = Field(default=None, description="password of the private key")
    username: str | None = Field(default=None, description="name to log in with (SASL); unset: nobody logs in")
    password: str | None = Field(default=None, description="password to log in with")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="how the password is proven; PLAIN sends it as it is, so only over TLS"
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> "KafkaSettings":
        if (self.username is None) != (self.password is None):
            msg = "username and password go together: set both, or neither"
            raise ValueError(msg)
        if (self.authorities or self.certificate) and not self.tls:
            msg = "authorities and certificate mean nothing without TLS: set OCTYSEG_KAFKA__TLS=true"
            raise ValueError(msg)
        if (self.private_key or self.private_key_password) and not self.certificate:
            msg = "a private key means nothing without its certificate: set OCTYSEG_KAFKA__CERTIFICATE"
            raise ValueError(msg)
        return self


class ServerSettings(BaseModel):
    """How the HTTP API is served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="address the API listens on; beyond loopback it needs keys")
    port: int = Field(default=8080, ge=0, le=65535, description="port of the API; 0: a free one")
    rate_limit: str = Field(default="1000/second", description="requests of one key, e.g. 100/second or 5000/minute")

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        from limits import parse

        try:
            parse(value)
        except ValueError:
            msg = f'"{value}" is no rate: write e.g. 100/second'
            raise ValueError(msg) from None
        return value
