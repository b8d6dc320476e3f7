"""The HTTP interface against its own OpenAPI description: generated requests, good and bad."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.fakes.serving import HOST, Served

# What a request in good form may still meet: a name that does not exist, an offer that is no SDP,
# and the one call that is not available.
REFUSED = [
    "400",
    "401",
    "403",
    "404",
    "405",
    "406",
    "409",
    "413",
    "415",
    "422",
    "428",
    "429",
    "5xx",
]
MET = ["2xx", "400", "404", "501"]
# Endless, not available, or in need of a file that is not there.
NEVER_2XX = {
    "GET /api/sessions/{id}/events",
    "POST /humanaudio",
    "GET /api/recordings/{name}",
    "GET /record/{id}",
    "GET /api/personas/{name}/pictures/{file}",
    "DELETE /whep/{id}/{onlooker}",
}


@schemathesis.serializer("application/sdp")
def plain_text(context: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


def described(served: Served) -> Any:
    """The application's own description."""
    config = schemathesis.Config.from_dict(
        {
            "checks": {
                "positive_data_acceptance": {"expected-statuses": MET},
                # Random text may also be too long to be read at all.
                "negative_data_rejection": {"expected-statuses": REFUSED},
                "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "501"]},
            }
        }
    )
    return schemathesis.openapi.from_asgi(
        "/api/openapi.json", served.app, config=config, headers={"Host": "127.0.0.1"}
    )


API = described(Served(Path("no-recordings")))
answered: dict[str, set[int]] = defaultdict(set)


def good_form(case: schemathesis.Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


@API.parametrize()
@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_as_described(case: schemathesis.Case) -> None:
    call = case.operation.label
    if good_form(case) and call not in NEVER_2XX:
        made = API["/api/sessions"]["POST"].Case(body={}, media_type="application/json")
        id = made.call(base_url=HOST).json()["id"]
        if "id" in case.path_parameters:
            case.path_parameters["id"] = id
        if isinstance(case.body, dict):
            case.body |= {"sessionid": id} if "sessionid" in case.body else {}
            case.body |= {"sdp": "v=0\r\n"} if "sdp" in case.body else {}
        elif call == "POST /whep/{id}":
            case.body = "v=0\r\n"
    answered[call].add(case.call_and_validate(base_url=HOST).status_code)


def test_every_call_was_answered_well_and_badly() -> None:
    assert len(answered) == sum(1 for _ in API.get_all_operations())
    for call, statuses in answered.items():
        if call not in NEVER_2XX:
            assert any(200 <= status < 300 for status in statuses), call
        if "{" in call:
            assert any(400 <= status < 500 for status in statuses), call
