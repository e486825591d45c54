"""Lint, the API and the engine refuse the same manifests with the same words."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from setpoint.adapters.clock import SystemClock
from setpoint.apis.argo import Workflow, WorkflowPhase, default
from setpoint.apis.manifest import load_documents
from setpoint.operations.lint import lint_text
from setpoint.server.argo import ArgoRoutes
from setpoint.wiring.verbs import LocalVerbs
from tests.pods import store_of
from tests.unit.operations.lint_mistakes import BAD
from tests.workflow_engine import running_plane

NAMES = ("undeclared input", "cycle", "unknown template in steps", "argument missing", "no image")


@pytest.mark.rule("reconcile.invalid-spec")
@pytest.mark.timeout(60)
async def test_the_same_manifest_is_refused_with_the_same_words_everywhere(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        verbs = LocalVerbs(plane.resources, plane.journal, plane.launcher, store_of(tmp_path))
        app = Starlette(routes=ArgoRoutes(verbs, plane.resources, SystemClock()).routes())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://argo") as client:
            for number, name in enumerate(NAMES):
                text = BAD[name][0].replace("metadata: {name: w}", f"metadata: {{name: w{number}}}")
                (error,) = lint_text(text, "f.yaml", submit=True).errors
                said = f"{error.path}: {error.reason}"
                (document,) = load_documents(text, "f.yaml")
                body = {"workflow": document.builtins()}
                answer = await client.post("/api/v1/workflows/default", json=body)
                assert answer.status_code == 400
                assert answer.json()["message"].startswith(said)
                stored = await plane.resources.create(default(document.decode(Workflow)))
                ended = await plane.finished(stored.metadata.name)
                assert ended.status.phase is WorkflowPhase.FAILED
                assert ended.status.message.startswith(f"invalid spec: {said}")


@pytest.mark.timeout(60)
async def test_a_body_that_cannot_be_read_gets_the_words_of_lint(tmp_path: Path) -> None:
    text = BAD["no image"][0].replace("    container: {command: [ls]}", "    container: {comand: [ls]}")
    (error,) = lint_text(text, "f.yaml").errors
    (document,) = load_documents(text, "f.yaml")
    async with running_plane(tmp_path) as plane:
        verbs = LocalVerbs(plane.resources, plane.journal, plane.launcher, store_of(tmp_path))
        app = Starlette(routes=ArgoRoutes(verbs, plane.resources, SystemClock()).routes())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://argo") as client:
            sent = msgspec.json.encode({"workflow": document.builtins()})
            answer = await client.post("/api/v1/workflows/default", content=sent)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"workflow.{error.path}: {error.reason}")
