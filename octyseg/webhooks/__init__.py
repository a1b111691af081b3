"""Webhooks: every change of a segment reaches the account's receivers, signed, retried for days, and nobody else.

`signature`, `schedule`, `breaker`, `guard`, `payload` and `lane` decide and do nothing else; `sender` and
`dialling` are the only way out to the network; `queue` keeps what is due in Redis.
"""
