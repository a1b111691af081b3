"""How to be let in by the brokers: TLS, and a name with a password or a certificate. Nobody asks: PLAINTEXT."""

import ssl
from typing import Any, Literal, NamedTuple

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Login(NamedTuple):
    """Who we are, and how it is said."""

    username: str
    password: str
    mechanism: Mechanism


class Security(NamedTuple):
    """`tls` encrypts the connections and says whom to believe, `login` names us; None: without it."""

    tls: ssl.SSLContext | None = None
    login: Login | None = None

    def options(self) -> dict[str, Any]:
        """The arguments that every aiokafka client takes."""
        protocol = ("SASL_" if self.login else "") + ("SSL" if self.tls else "PLAINTEXT")
        options: dict[str, Any] = {"security_protocol": protocol, "ssl_context": self.tls}
        if self.login is not None:
            options |= {
                "sasl_mechanism": self.login.mechanism,
                "sasl_plain_username": self.login.username,
                "sasl_plain_password": self.login.password,
            }
        return options


PLAINTEXT = Security()
