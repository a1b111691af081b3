"""How late things were, as figures."""

from collections.abc import Sequence
from typing import Any


def spread(latenesses_s: Sequence[float]) -> dict[str, Any]:
    """Least, middle and worst cases, in milliseconds."""
    ordered = sorted(latenesses_s)
    if not ordered:
        return {"count": 0}
    at = {"min": 0.0, "p50": 0.5, "p99": 0.99, "max": 1.0}
    last = len(ordered) - 1
    return {"count": len(ordered)} | {
        f"{name}_ms": round(ordered[round(share * last)] * 1000, 1) for name, share in at.items()
    }
