"""A broker that lets nobody in without TLS: one listener asks for a password, another for a certificate.

It also looks at who may do what, where anything was said about that: see `allow`.
"""

from typing import NamedTuple

import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from deploy.kafka.broker import Broker, free_ports

USERNAME, PASSWORD = "octyseg", "a-password"
_LOGIN = "org.apache.kafka.common.security"


class Secured(NamedTuple):
    """The broker, where its two listeners are, and the files with which a client comes in."""

    broker: Broker
    asks_password: str
    asks_certificate: str
    authorities: str
    certificate: str
    stranger: str


def secured_broker(directory):
    """Not started."""
    authority, stranger = trustme.CA(), trustme.CA()
    directory.mkdir(parents=True)
    authorities, broker_pem, client_pem = (directory / name for name in ("ca.pem", "broker.pem", "client.pem"))
    authority.cert_pem.write_to_path(authorities)
    _write(authority.issue_cert("127.0.0.1"), broker_pem)
    _write(authority.issue_cert("client@example.org"), client_pem)
    stranger.cert_pem.write_to_path(directory / "stranger.pem")
    port, with_password, with_certificate, controller = free_ports(4)
    listeners = f"PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{with_password},SSL://127.0.0.1:{with_certificate}"
    more = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{_LOGIN}.plain.PlainLoginModule required user_{USERNAME}="{PASSWORD}";'
        ),
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{_LOGIN}.scram.ScramLoginModule required;",
        "listener.name.ssl.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(broker_pem),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authorities),
    }
    broker = Broker(directory / "kafka", port, more=more, users={USERNAME: PASSWORD}, short_lived=True)
    return Secured(
        broker,
        f"kafka://127.0.0.1:{with_password}",
        f"kafka://127.0.0.1:{with_certificate}",
        str(authorities),
        str(client_pem),
        str(directory / "stranger.pem"),
    )


# What docs/deploying.md says that a worker needs, in the numbers of the protocol: Read, Write, Create, DescribeConfigs.
TOPICS, GROUPS = (2, (3, 4, 5, 10)), (3, (3,))
_PREFIXED, _ALLOW = 4, 3


async def allow(secured, username, prefix, *needed):
    """Let this user do what workers do with topics and groups whose names begin so, and nobody else."""
    admin = AIOKafkaAdminClient(bootstrap_servers=secured.broker.server)
    await admin.start()
    for resource, operations in needed or (TOPICS, GROUPS):
        for operation in operations:
            asked = (resource, prefix, _PREFIXED, f"User:{username}", "*", operation, _ALLOW)
            answer = await admin._send_to_controller(CreateAclsRequest(*asked))
            assert [code for code, _ in answer.creation_responses] == [0]
    await admin.close()


def _write(issued, path):
    """Key and chain in one file, the key in the form that Java reads."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)
