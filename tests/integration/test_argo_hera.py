"""Hera's WorkflowsService against the real server over a real socket: every method of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hera.exceptions import AlreadyExists, BadRequest, InternalServerError, NotFound
from hera.workflows import WorkflowsService, models
from hera.workflows.models import sync

from setpoint.apis.core import ConfigMap
from tests.argo_server import Served, served_argo

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),  # of Hera's own code
]

SPEC = {
    "entrypoint": "main",
    "arguments": {"parameters": [{"name": "code", "value": "0"}]},
    "templates": [
        {
            "name": "main",
            "inputs": {"artifacts": [{"name": "given", "path": "/tmp/given", "raw": {"data": "raw text"}}]},
            "container": {
                "image": "busybox",
                "command": ["sh", "-c", "echo said; echo made > /tmp/made; exit {{workflow.parameters.code}}"],
            },
            "outputs": {"artifacts": [{"name": "made", "path": "/tmp/made", "archive": {"none": {}}}]},
        }
    ],
}
HOLD = {
    "entrypoint": "main",
    "templates": [
        {
            "name": "main",
            "suspend": {},
            "outputs": {"parameters": [{"name": "x", "valueFrom": {"supplied": {}}}]},
        }
    ],
}


class Client:
    """Hera's client, whose calls block, beside a server in this event loop."""

    def __init__(self, served: Served) -> None:
        self.plane = served.plane
        self._service = WorkflowsService(
            host=f"{served.endpoint.argo_url}/", verify_ssl=False, token=served.endpoint.token, namespace="default"
        )

    async def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        call: Callable[..., Any] = getattr(self._service, method)
        return await asyncio.to_thread(call, *args, **kwargs)

    async def create(self, name: str, spec: dict[str, Any] = SPEC, **labels: str) -> Any:
        request = models.WorkflowCreateRequest(workflow=workflow(name, spec, **labels))
        return await self("create_workflow", request)

    async def ended(self, name: str, spec: dict[str, Any] = SPEC, **labels: str) -> Any:
        await self.create(name, spec, **labels)
        await self.plane.finished(name)
        return await self("get_workflow", name)

    async def waiting(self, name: str) -> None:
        await self.create(name, HOLD)
        await self.plane.until(name, lambda found: found.status.nodes)

    def close(self) -> None:
        self._service.close()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def hera(home: Path) -> AsyncIterator[Client]:
    async with served_argo(home) as served:
        client = Client(served)
        try:
            yield client
        finally:
            client.close()


def workflow(name: str, spec: dict[str, Any] = SPEC, **labels: str) -> Any:
    return models.Workflow.model_validate({"metadata": {"name": name, "labels": labels}, "spec": spec})


def failing() -> dict[str, Any]:
    return SPEC | {"arguments": {"parameters": [{"name": "code", "value": "3"}]}}


async def test_workflows_are_made_listed_and_deleted(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        made = await client.create("a", team="x")
        assert (made.metadata.name, made.metadata.namespace) == ("a", "default")
        with pytest.raises(AlreadyExists):
            await client.create("a")
        assert (await client.plane.finished("a")).status.phase.value == "Succeeded"
        found = await client("list_workflows", label_selector="team=x", limit="5", fields="metadata,items.metadata")
        assert [(item.metadata.name, item.status) for item in found.items] == [("a", None)]
        assert (await client("list_workflows", field_selector="metadata.name=b")).items == []
        with pytest.raises(BadRequest, match="unsupported requirement"):
            await client("list_workflows", field_selector="status.phase=Failed")
        got = await client("get_workflow", "a", fields="-status.nodes")
        assert (got.status.phase, got.status.nodes) == ("Succeeded", None)
        await client("delete_workflow", "a", propagation_policy="Background")
        assert (await client("get_workflow", "a")).metadata.name == "a"  # of the archive
        with pytest.raises(NotFound):
            await client("delete_workflow", "a")
        with pytest.raises(NotFound):
            await client("get_workflow", "b")


async def test_workflows_are_linted(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        right = await client("lint_workflow", models.WorkflowLintRequest(workflow=workflow("a")))
        assert right.metadata.name == "a"
        wrong = workflow("a", SPEC | {"entrypoint": "none"})
        with pytest.raises(InternalServerError, match="none"):
            await client("lint_workflow", models.WorkflowLintRequest(workflow=wrong))


async def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        request = models.WorkflowCreateRequest(workflow=workflow("a"), server_dry_run=True)
        assert (await client("create_workflow", request)).metadata.name == "a"
        with pytest.raises(NotFound):
            await client("get_workflow", "a")


async def test_workflows_are_steered(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        await client.waiting("a")
        await client("suspend_workflow", "a", models.WorkflowSuspendRequest())
        request = models.WorkflowSetRequest(node_field_selector="displayName=a", output_parameters='{"x": "1"}')
        await client("set_workflow", "a", request)
        await client("resume_workflow", "a", models.WorkflowResumeRequest())
        assert (await client.plane.finished("a")).status.phase.value == "Succeeded"
        await client.waiting("b")
        await client("stop_workflow", "b", models.WorkflowStopRequest(message="enough"))
        await client.plane.finished("b")
        await client.waiting("c")
        await client("terminate_workflow", "c", models.WorkflowTerminateRequest())
        await client.plane.finished("c")
        with pytest.raises(InternalServerError, match="cannot shutdown a completed workflow"):
            await client("stop_workflow", "c", models.WorkflowStopRequest())
        with pytest.raises(BadRequest, match="cannot suspend completed workflows"):
            await client("suspend_workflow", "c", models.WorkflowSuspendRequest())


async def test_failed_workflows_are_retried_and_resubmitted(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        await client.ended("a", failing())
        made = await client("resubmit_workflow", "a", models.WorkflowResubmitRequest(parameters=["code=0"]))
        assert (await client.plane.finished(made.metadata.name)).status.phase.value == "Succeeded"
        await client("retry_workflow", "a", models.WorkflowRetryRequest(parameters=["code=0"]))
        await client.plane.until("a", lambda found: found.status.phase.value == "Succeeded")


async def test_the_log_of_one_line_is_read(tmp_path: Path) -> None:
    """Hera reads the answer as one object: further lines are more than it can."""
    async with hera(tmp_path) as client:
        await client.ended("a")
        for entry in (await client("workflow_logs", "a"), await client("pod_logs", "a", "a", container="main")):
            assert entry is not None


async def test_templates_are_made_changed_run_and_deleted(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        for scope, kind in (("workflow", "WorkflowTemplate"), ("cluster_workflow", "ClusterWorkflowTemplate")):
            prefix = "" if scope == "workflow" else "Cluster"
            names = [f"{prefix}WorkflowTemplate{verb}Request" for verb in ("Create", "Lint", "Update")]
            create, lint, update = (getattr(models, name) for name in names)
            cls = getattr(models, kind)
            template = cls.model_validate({"metadata": {"name": "say"}, "spec": SPEC})
            wrong = cls.model_validate({"metadata": {"name": "say"}, "spec": SPEC | {"entrypoint": "none"}})
            await client(f"lint_{scope}_template", lint(template=template))
            with pytest.raises(BadRequest, match="none"):
                await client(f"lint_{scope}_template", lint(template=wrong))
            assert (await client(f"create_{scope}_template", create(template=template))).metadata.name == "say"
            with pytest.raises(AlreadyExists):
                await client(f"create_{scope}_template", create(template=template))
            got = await client(f"get_{scope}_template", "say")
            got.metadata.labels = {"team": "x"}
            await client(f"update_{scope}_template", "say", update(template=got))
            listed = await client(f"list_{scope}_templates", label_selector="team=x")
            assert [item.metadata.name for item in listed.items] == ["say"]
            options = models.SubmitOpts(parameters=["code=0"], labels="a=b", generate_name="run-")
            request = models.WorkflowSubmitRequest(resource_kind=kind, resource_name="say", submit_options=options)
            made = await client("submit_workflow", request)
            assert (await client.plane.finished(made.metadata.name)).status.phase.value == "Succeeded"
            await client(f"delete_{scope}_template", "say")
            with pytest.raises(NotFound):
                await client(f"get_{scope}_template", "say")
        assert (await client("list_workflow_templates", name_pattern="s")).items == []


async def test_cron_workflows_are_made_changed_suspended_and_deleted(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        spec = {"schedules": ["0 0 1 1 *"], "workflowSpec": SPEC}
        cron = models.CronWorkflow.model_validate({"metadata": {"name": "nightly"}, "spec": spec})
        wrong = models.CronWorkflow.model_validate(
            {"metadata": {"name": "nightly"}, "spec": spec | {"schedules": ["x"]}}
        )
        await client("lint_cron_workflow", models.LintCronWorkflowRequest(cron_workflow=cron))
        with pytest.raises(BadRequest):
            await client("lint_cron_workflow", models.LintCronWorkflowRequest(cron_workflow=wrong))
        await client("create_cron_workflow", models.CreateCronWorkflowRequest(cron_workflow=cron))
        assert (await client("suspend_cron_workflow", "nightly", models.CronWorkflowSuspendRequest())).spec.suspend
        assert not (await client("resume_cron_workflow", "nightly", models.CronWorkflowResumeRequest())).spec.suspend
        got = await client("get_cron_workflow", "nightly")
        got.spec.schedules = ["0 0 2 1 *"]
        await client("update_cron_workflow", "nightly", models.UpdateCronWorkflowRequest(cron_workflow=got))
        (listed,) = (await client("list_cron_workflows")).items
        assert listed.spec.schedules == ["0 0 2 1 *"]
        await client("delete_cron_workflow", "nightly")
        with pytest.raises(NotFound):
            await client("get_cron_workflow", "nightly")


async def test_the_archive_is_read_and_run_again(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        uid = (await client.ended("a", failing(), team="x")).metadata.uid
        with pytest.raises(AlreadyExists):
            await client("retry_archived_workflow", uid, models.RetryArchivedWorkflowRequest())
        await client("delete_workflow", "a")
        listed = await client("list_archived_workflows", namespace="default", name_prefix="a")
        assert [item.metadata.uid for item in listed.items] == [uid]
        assert (await client("get_archived_workflow", uid)).status.phase == "Failed"
        assert "team" in (await client("list_archived_workflow_label_keys")).items
        values = await client("list_archived_workflow_label_values", label_selector="team")
        assert values.items == ["x"]
        request = models.ResubmitArchivedWorkflowRequest(parameters=["code=0"])
        made = await client("resubmit_archived_workflow", uid, request)
        await client.plane.finished(made.metadata.name)
        again = models.RetryArchivedWorkflowRequest(parameters=["code=0"])
        await client("retry_archived_workflow", uid, again)
        await client.plane.until("a", lambda found: found.status.phase.value == "Succeeded")
        await client("delete_archived_workflow", uid)
        with pytest.raises(NotFound):
            await client("get_archived_workflow", uid)


async def test_artifacts_are_downloaded(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        uid = (await client.ended("a")).metadata.uid
        made, given = str(b"made\n"), str(b"raw text")
        assert await client("get_output_artifact", "a", "a", "made") == made
        assert await client("get_input_artifact", "a", "a", "given") == given
        assert await client("get_output_artifact_by_uid", uid, "a", "made") == made
        assert await client("get_input_artifact_by_uid", uid, "a", "given") == given
        assert await client("get_artifact_file", "workflows", "a", "a", "made", "outputs") == made
        assert await client("get_artifact_file", "archived-workflows", uid, "a", "given", "inputs") == given
        for node, name in (("b", "made"), ("a", "other")):
            with pytest.raises(NotFound):
                await client("get_output_artifact", "a", node, name)


async def test_limits_of_semaphores_are_set(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        await client("create_sync_limit", sync.CreateSyncLimitRequest(cm_name="locks", key="k", limit=2))
        with pytest.raises(AlreadyExists):
            await client("create_sync_limit", sync.CreateSyncLimitRequest(cm_name="locks", key="k", limit=2))
        await client("update_sync_limit", "k", sync.UpdateSyncLimitRequest(cm_name="locks", limit=5))
        await client("get_sync_limit", "k", cm_name="locks")  # Hera throws the answer away
        assert (await client.plane.resources.get(ConfigMap, "default", "locks")).data == {"k": "5"}
        await client("delete_sync_limit", "k", cm_name="locks")
        with pytest.raises(NotFound):
            await client("get_sync_limit", "k", cm_name="locks")


async def test_the_server_tells_of_itself(tmp_path: Path) -> None:
    async with hera(tmp_path) as client:
        assert (await client("get_info")).links == []
        who = await client("get_user_info")
        assert (who.subject, "system:masters" in who.groups) == ("setpoint:admin", True)
        version = await client("get_version")
        assert (version.git_tag, version.version.startswith("v4.1.2")) == ("v4.1.2", True)
