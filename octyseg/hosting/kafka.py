"""The log on Kafka as the settings describe it; the certificates they name are read here."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octyseg.errors import SettingsError
from octyseg.log.kafka import KafkaLog
from octyseg.log.kafka_security import Login, Security
from octyseg.settings import Settings


def kafka_log(settings: Settings, patience_s: float = 60.0) -> KafkaLog:
    """The log, not started; SettingsError when a certificate cannot be read."""
    return KafkaLog(settings.kafka_servers, security=security_of(settings), patience_s=patience_s)


def security_of(settings: Settings) -> Security:
    """How the brokers let us in; SettingsError when a certificate cannot be read."""
    own = settings.kafka
    login = None
    if own.username is not None and own.password is not None:
        login = Login(own.username, own.password, own.mechanism)
    return Security(_tls(settings) if own.tls else None, login)


def _tls(settings: Settings) -> ssl.SSLContext:
    own = settings.kafka
    with _reading("AUTHORITIES", own.authorities):
        context = ssl.create_default_context(cafile=own.authorities)
    if own.certificate is not None:
        with _reading("CERTIFICATE", own.certificate):
            # A password is asked for on the terminal when none is given, and workers have none.
            context.load_cert_chain(own.certificate, own.private_key, password=own.private_key_password or "")
    return context


@contextmanager
def _reading(name: str, path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or str(error)
        msg = f"OCTYSEG_KAFKA__{name}: {path} cannot be used: {why}: write the path of a PEM file"
        raise SettingsError(msg) from None
