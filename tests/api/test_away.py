"""What is answered while Redis is away: events go on, questions are told to come again."""

import httpx
import pytest

from tests.api.conftest import live_segment
from tests.kafka.own_valkey import Valkey

pytestmark = pytest.mark.slow

EVENT = {"event_type": "away", "event_properties": {}, "profile_id": "away_p"}


@pytest.fixture
def valkey(tmp_path):
    made = Valkey(tmp_path / "valkey")
    made.start()
    yield made
    made.kill()


def test_events_need_only_the_log_and_questions_are_told_to_come_again(new_server, valkey):
    server = new_server(OCTYSEG_REDIS=valkey.url)
    with server.client() as client:
        assert client.get("/readyz").status_code == 200
        assert client.post("/v2/segments", json=live_segment("Away", "away")).status_code == 201
        valkey.kill()
        assert client.post("/v1/retention/events/create", json=EVENT).status_code == 201
        for path in ("/v2/profiles/away_p", "/v2/segments", "/v1/retention/profiles"):
            answer = client.get(path)
            assert answer.status_code == 503, (path, answer.text)
            assert int(answer.headers["Retry-After"]) >= 1
            assert "redis does not serve" in answer.text
        page = client.get("/console/")
        assert page.status_code == 503
        assert "redis does not serve" in page.text
        assert 'hx-trigger="every 5s"' in page.text  # it shows the segments once they are there
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert httpx.get(f"{server.url}/healthz").json()["status"] == "ok"
        valkey.start()
        server.until(lambda: client.get("/v2/profiles/away_p").status_code == 200, "what came meanwhile is known")
