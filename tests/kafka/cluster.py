"""Three brokers that are one cluster, on loopback: three copies of every record, of which two have to have it."""

import asyncio
from functools import partial

import psutil

from deploy.kafka.broker import Broker, free_ports, new_cluster_id
from tests.kafka.wire import Wire

SIZE = 3
_COPIES = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    # A follower that was killed is out of the way sooner, and its leader does not wait for it.
    "replica.lag.time.max.ms": "3000",
    "controller.quorum.election.timeout.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1000",
}


class Cluster:
    """Brokers that are controllers too; `brokers` may be stopped, killed and started again, one at a time.

    They talk to each other over wires, clients to each directly: a broker that is `isolated` still serves clients.
    """

    def __init__(self, data):
        self.isolated = None
        self.brokers = []
        self._wires = []
        self._speakers = {}
        numbers = range(SIZE)
        own, wired = ([free_ports(3) for _ in numbers] for _ in range(2))
        controllers = ",".join(f"{number + 1}@127.0.0.1:{wired[number][2]}" for number in numbers)
        cluster_id = new_cluster_id()
        for number in numbers:
            more = _COPIES | {
                "node.id": str(number + 1),
                "controller.quorum.voters": controllers,
                "listeners": _listeners(*own[number]),
                "advertised.listeners": _listeners(own[number][0], *wired[number][1:]),
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "BROKER",
            }
            directory = data / str(number + 1)
            port, *between = own[number]
            self.brokers.append(Broker(directory, port, "512m", more=more, short_lived=True, cluster_id=cluster_id))
            is_cut = partial(self._is_cut, number)
            self._wires += [Wire(*ports, is_cut) for ports in zip(wired[number][1:], between, strict=True)]

    def reunite(self):
        """The broker that is isolated is no more."""
        self.isolated = None
        self._speakers.clear()
        for wire in self._wires:
            wire.shake()

    def _is_cut(self, number, asking_port):
        if self.isolated is None:
            return False
        return (number == self.isolated) != (self._speaker(asking_port) == self.isolated)

    def _speaker(self, port):
        """Which broker a port belongs to."""
        if port not in self._speakers:
            for number, broker in enumerate(self.brokers):
                if broker.is_running:
                    ports = {one.laddr.port for one in psutil.Process(broker.pid).net_connections("tcp")}
                    self._speakers |= dict.fromkeys(ports, number)
        return self._speakers.get(port)

    @property
    def server(self):
        """Where clients bootstrap."""
        return ",".join(broker.server for broker in self.brokers)

    @property
    def url(self):
        """What OCTYSEG_LOG takes."""
        return f"kafka://{self.server}"

    async def start(self):
        """All at once: none answers before two of them have found each other."""
        await asyncio.gather(*(wire.start() for wire in self._wires))
        await asyncio.gather(*(asyncio.to_thread(broker.start) for broker in self.brokers))

    async def kill(self):
        for broker in self.brokers:
            broker.kill()
        await asyncio.gather(*(wire.close() for wire in self._wires))


def _listeners(clients, brokers, controller):
    return f"PLAINTEXT://127.0.0.1:{clients},BROKER://127.0.0.1:{brokers},CONTROLLER://127.0.0.1:{controller}"
