"""The keys of the projection in Redis, in one table; other rooms keep their keys elsewhere.

One server, or one with replicas: the scripts touch keys they compute, which Redis Cluster refuses.
"""


class Keys:
    """Names under one prefix, e.g. `octyseg:`."""

    def __init__(self, prefix: str) -> None:
        self.members_prefix = f"{prefix}members:"
        self.profile_prefix = f"{prefix}profile:"
        self.customer_prefix = f"{prefix}customer:"
        self.identity_prefix = f"{prefix}identity:"
        self.claims_prefix = f"{prefix}claims:"
        self.segments = f"{prefix}segments"
        self._prefix = prefix

    def profile(self, profile_id: str) -> str:
        """Hash: the profile's attributes, tags, sequence and version."""
        return self.profile_prefix + profile_id

    def profiles(self, partition: int) -> str:
        """Sorted set, all scores 0: the ids of the partition's profiles, in the order of their bytes."""
        return f"{self._prefix}profiles:{partition}"

    def customer(self, customer_id: str) -> str:
        """Set: the profiles of this customer_id."""
        return self.customer_prefix + customer_id

    def identity(self, value: str) -> str:
        """The profile that first had this value under the account's authenticated_id_key."""
        return self.identity_prefix + value

    def claims(self, profile_id: str) -> str:
        """Set: the authenticated ids that were asked for in this profile's name, to be given back when it is erased."""
        return self.claims_prefix + profile_id

    def members(self, segment_id: str) -> str:
        """Sorted set: ids of the profiles with the segment's tag, by the time of their (last) entry."""
        return self.members_prefix + segment_id

    def marker(self, partition: int) -> str:
        """Hash: up to which offset the partition's outcomes are in."""
        return f"{self._prefix}marker:{partition}"

    def repair(self, partition: int, token: str) -> str:
        """There while a repair is under way; gone when Redis loses its content meanwhile."""
        return f"{self._prefix}repair:{partition}:{token}"

    def swept(self, segment_id: str) -> str:
        """Set: the partitions that hold no tag of a deleted segment any more."""
        return f"{self._prefix}swept:{segment_id}"
