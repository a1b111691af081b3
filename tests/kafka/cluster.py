"""Three brokers that are one cluster, on loopback: three copies of every record, of which two have to have it."""

from concurrent.futures import ThreadPoolExecutor

from deploy.kafka.broker import Broker, free_ports, new_cluster_id

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
    """Brokers that are controllers too; `brokers` may be stopped, killed and started again, one at a time."""

    def __init__(self, data):
        ports, controllers = free_ports(SIZE), free_ports(SIZE)
        numbers = range(1, SIZE + 1)
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in zip(numbers, controllers, strict=True))
        cluster_id = new_cluster_id()
        self.brokers = [
            Broker(
                data / str(number),
                port,
                "512m",
                more=_COPIES
                | {
                    "node.id": str(number),
                    "controller.quorum.voters": voters,
                    "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
                },
                short_lived=True,
                cluster_id=cluster_id,
            )
            for number, port, controller in zip(numbers, ports, controllers, strict=True)
        ]

    @property
    def server(self):
        """Where clients bootstrap."""
        return ",".join(broker.server for broker in self.brokers)

    @property
    def url(self):
        """What OCTYSEG_LOG takes."""
        return f"kafka://{self.server}"

    def start(self):
        """All at once: none answers before two of them have found each other."""
        with ThreadPoolExecutor(SIZE) as starters:
            list(starters.map(Broker.start, self.brokers))

    def kill(self):
        for broker in self.brokers:
            broker.kill()
