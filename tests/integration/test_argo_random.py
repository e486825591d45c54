"""Random requests to every operation: each answer has a status that the description declares, none is a bug's."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from setpoint.adapters.artifact_files import StoredArtifactFiles
from setpoint.adapters.clock import SystemClock
from setpoint.server.argo import ArgoRoutes, Operation, argo_app
from tests.argo_server import steered_in_process
from tests.pods import store_of

pytestmark = pytest.mark.timeout(120)

ROUNDS = 40
TEXTS = (
    "",
    "a",
    "default",
    "@latest",
    "a=b",
    "-1",
    "18446744073709551616",
    "ä\u0000\ud7ff",
    "%",
    "true",
    "(",
    "{{",
)
SPEC: dict[str, Any] = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}
OBJECT = {"metadata": {"name": "a"}, "spec": SPEC}
CRON = {"metadata": {"name": "a"}, "spec": {"schedules": ["* * * * *"], "workflowSpec": SPEC}}


def value(random: Random, depth: int = 0) -> Any:
    """Any JSON."""
    match random.randrange(10 if depth < 4 else 5):
        case 0:
            return None
        case 1:
            return random.choice((True, False))
        case 2:
            return random.choice((0, -1, 2**31, 2**63 - 1, 1.5))
        case 3 | 4:
            return random.choice(TEXTS)
        case 5 | 6:
            return [value(random, depth + 1) for _ in range(random.randrange(3))]
        case _:
            return {random.choice(TEXTS): value(random, depth + 1) for _ in range(random.randrange(3))}


def body_of(operation: Operation, random: Random) -> dict[str, Any]:
    """Fields that the operation knows, of the right or of a random kind."""
    found = {}
    for name in operation.body or ():
        right = {"cronWorkflow": CRON, "workflow": OBJECT, "template": OBJECT}.get(name, random.choice(TEXTS))
        if random.random() < 0.8:
            found[name] = right if random.random() < 0.5 else value(random)
    return found


def path_of(operation: Operation, random: Random) -> str:
    def part(_: re.Match[str]) -> str:
        return quote(random.choice((*TEXTS[1:], "default", "default", "a", "a")), safe="")

    return re.sub(r"{\w+(?::\w+)?}", part, operation.path)


async def test_random_requests_get_declared_answers(tmp_path: Path) -> None:
    random = Random(7)
    async with steered_in_process(tmp_path) as local:
        artifacts = StoredArtifactFiles(store_of(tmp_path))
        routes = ArgoRoutes(
            local.verbs, local.plane.resources, SystemClock(), archived=local.archived, artifacts=artifacts
        )
        told = routes.describe()["paths"]
        transport = httpx.ASGITransport(argo_app(routes), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://argo") as client:
            for operation in routes.operations:
                if operation.verb == "watch":
                    continue  # without an end
                declared = told[re.sub(r":\w+}", "}", operation.path)][operation.method.lower()]["responses"]
                for _ in range(ROUNDS):
                    query = {name: random.choice(TEXTS) for name in operation.query if random.random() < 0.3}
                    query.pop("logOptions.follow", None)  # without an end, too
                    sent = body_of(operation, random) if operation.body is not None else None
                    path = path_of(operation, random)
                    answer = await client.request(operation.method, path, params=query, json=sent)
                    where = f"{operation.method} {path} {query} {sent}: {answer.text[:500]}"
                    assert str(answer.status_code) in declared, where
                    if answer.status_code == 500:
                        assert operation.path.endswith("/lint") or answer.json()["code"] == 13, where
                    if answer.status_code >= 400 and operation.method != "HEAD":
                        assert {"code", "message", "error"} <= answer.json().keys(), where
