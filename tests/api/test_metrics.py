"""What an operator sees of the API."""

import httpx
import pytest

from deploy.kafka.broker import free_ports

pytestmark = pytest.mark.slow


def test_requests_are_counted_by_route_and_status_and_records_by_result(new_server):
    (port,) = free_ports(1)
    server = new_server(OCTYSEG_METRICS_PORT=str(port))
    good = {"event_type": "counted", "event_properties": {}, "profile_id": "p"}
    with server.client() as client:
        client.get("/v2/segments/nothing")
        client.get("/v2/nothing/of/this/kind")
        client.post("/v1/retention/events/create/batch", json={"events": [good, good, {"event_type": ""}]})
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if line.startswith("octyseg_api_"))
    assert told['octyseg_api_requests_total{route="/v2/segments/{name}",status="404"}'] == "1.0"
    assert told['octyseg_api_seconds_count{route="/v2/segments/{name}"}'] == "1.0"
    assert told['octyseg_api_records_total{result="accepted"}'] == "2.0"
    assert told['octyseg_api_records_total{result="refused"}'] == "1.0"
    # Addresses that lead nowhere make no series of their own.
    assert not [name for name in told if "nothing" in name]
