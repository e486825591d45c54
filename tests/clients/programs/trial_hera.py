"""A trial with Hera: workflows written in Python, steered through the Argo Server API.

Annotations are evaluated here, for Hera reads those of scripts.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from hera.shared import global_config
from hera.workflows import (
    DAG,
    ClusterWorkflowTemplate,
    Container,
    CronWorkflow,
    Parameter,
    Step,
    Steps,
    Suspend,
    Workflow,
    WorkflowsService,
    WorkflowTemplate,
    models,
    script,
)
from hera.workflows.models import WorkflowTemplateRef

from tests.clients.programs.said import call

NAMESPACE = "default"


@script(outputs=[Parameter(name="square", value_from=models.ValueFrom(path="/tmp/square"))])
def square(number: int) -> None:
    """A step in Python."""
    with open("/tmp/square", "w") as file:  # noqa: PTH123 - Hera takes the source as it is, without imports
        file.write(str(number * number))


def main() -> None:
    """All of it, in order."""
    global_config.host = f"http://{os.environ['ARGO_SERVER']}"
    global_config.verify_ssl = False
    global_config.namespace = NAMESPACE
    service = WorkflowsService(host=global_config.host, namespace=NAMESPACE, verify_ssl=False)
    about(service)
    created(service)
    steered(service)
    failed(service)
    templates(service)
    crons(service)
    archived(service)


def about(service: WorkflowsService) -> None:
    with call("WorkflowsService.get_version") as said:
        said(service.get_version().version.partition("+")[0])
    with call("WorkflowsService.get_info") as said:
        said(service.get_info().managed_namespace)
    with call("WorkflowsService.get_user_info") as said:
        said(type(service.get_user_info()).__name__)


def created(service: WorkflowsService) -> None:
    with Workflow(  # noqa: SIM117 - as Hera's own documentation nests them
        name="squares", entrypoint="dag", labels={"team": "blue"}, workflows_service=service
    ) as workflow:
        with DAG(name="dag"):
            two = square(name="two", arguments={"number": 2})
            four = square(name="four", arguments={"number": two.get_parameter("square")})
            two >> four
    with call("Workflow.lint") as said:
        said(workflow.lint().metadata.name)
    with call("Workflow.create") as said:
        said(workflow.create().metadata.name)
    with call("Workflow.create (again)", refused="already exists"):
        workflow.create()
    with call("Workflow.wait") as said:
        said(workflow.wait(poll_interval=1).status.phase)
    with call("WorkflowsService.get_workflow") as said:
        nodes = service.get_workflow("squares").status.nodes.values()
        said(sorted(f"{node.display_name} {node.phase}" for node in nodes))
    with call("Workflow.get_parameter of a node") as said:
        nodes = service.get_workflow("squares").status.nodes.values()
        said([node.outputs.parameters[0].value for node in nodes if node.display_name == "four"])
    with call("WorkflowsService.list_workflows(label_selector)") as said:
        said([item.metadata.name for item in service.list_workflows(label_selector="team=blue").items])
    with call("WorkflowsService.list_workflows(fields)") as said:
        said([item.status for item in service.list_workflows(fields="items.metadata.name").items])
    with call("WorkflowsService.lint_workflow (wrong)", refused="none"):
        wrong = Workflow(name="wrong", entrypoint="none", templates=[Container(name="main", image="busybox")])
        service.lint_workflow(models.WorkflowLintRequest(workflow=wrong.build()))
    with Workflow(
        generate_name="said-", entrypoint="say", workflows_service=service, templates=[_say("once")]
    ) as workflow:
        pass
    with call("Workflow.create(wait)") as said:
        made = workflow.create(wait=True, poll_interval=1)
        said(made.status.phase)
    with call("WorkflowsService.workflow_logs") as said:
        entry = service.workflow_logs(made.metadata.name, container="main")
        said(type(entry).__name__)


def steered(service: WorkflowsService) -> None:
    with Workflow(name="held", entrypoint="steps", workflows_service=service) as workflow:
        hold = Suspend(name="hold")
        say = _say("released")
        with Steps(name="steps"):
            Step(name="hold", template=hold.name)
            Step(name="say", template=say.name)
    workflow.templates += [hold, say] if hold not in workflow.templates else []
    with call("Workflow.create (with a Suspend)") as said:
        said(workflow.create().metadata.name)
    with call("WorkflowsService.suspend_workflow") as said:
        _until(lambda: _running(service, "held"), bool)
        said(service.suspend_workflow("held", models.WorkflowSuspendRequest()).spec.suspend)
    with call("WorkflowsService.resume_workflow") as said:
        said(service.resume_workflow("held", models.WorkflowResumeRequest()).spec.suspend)
    with call("WorkflowsService.get_workflow until it has ended") as said:
        said(_ended(service, "held"))
    for verb, phase in (("stop", "Failed"), ("terminate", "Failed")):
        with Workflow(name=f"{verb}ped", entrypoint="hold", workflows_service=service) as workflow:
            Suspend(name="hold")
        workflow.create()
        _until(lambda name=workflow.name: _running(service, name), bool)
        with call(f"WorkflowsService.{verb}_workflow") as said:
            request = getattr(models, f"Workflow{verb.title()}Request")()
            getattr(service, f"{verb}_workflow")(workflow.name, request)
            said(_ended(service, workflow.name) == phase)


def failed(service: WorkflowsService) -> None:
    fails = Container(
        name="main",
        image="busybox",
        command=["sh", "-c", "exit {{workflow.parameters.code}}"],
    )
    workflow = Workflow(
        name="fails",
        entrypoint="main",
        arguments=[Parameter(name="code", value="3")],
        templates=[fails],
        workflows_service=service,
    )
    with call("Workflow.create(wait) (one that fails)") as said:
        said(workflow.create(wait=True, poll_interval=1).status.phase)
    with call("WorkflowsService.retry_workflow") as said:
        service.retry_workflow("fails", models.WorkflowRetryRequest(parameters=["code=0"]))
        said(_until(lambda: service.get_workflow("fails").status.phase, lambda phase: phase == "Succeeded"))
    with call("WorkflowsService.resubmit_workflow") as said:
        made = service.resubmit_workflow("fails", models.WorkflowResubmitRequest(parameters=["code=0"]))
        said(_ended(service, made.metadata.name))
    with call("WorkflowsService.delete_workflow") as said:
        service.delete_workflow(made.metadata.name)
        said("deleted")
    with call("WorkflowsService.delete_workflow (absent)", refused="not found"):
        service.delete_workflow("absent")


def templates(service: WorkflowsService) -> None:
    for cls, kind in ((WorkflowTemplate, "WorkflowTemplate"), (ClusterWorkflowTemplate, "ClusterWorkflowTemplate")):
        global_config.namespace = NAMESPACE if cls is WorkflowTemplate else None  # it would be taken for a field
        template = cls(name="say", entrypoint="say", templates=[_say("of a template")], workflows_service=service)
        with call(f"{kind}.lint") as said:
            said(template.lint().metadata.name)
        with call(f"{kind}.create") as said:
            said(template.create().metadata.name)
        with call(f"{kind}.update") as said:
            template.labels = {"team": "blue"}
            said(template.update().metadata.labels)
        with call(f"{kind}.get") as said:
            said(template.get().metadata.name)
    global_config.namespace = NAMESPACE
    with call("WorkflowsService.list_workflow_templates") as said:
        said([item.metadata.name for item in service.list_workflow_templates().items])
    with call("WorkflowsService.submit_workflow") as said:
        options = models.SubmitOpts(generate_name="submitted-", labels="by=hera")
        request = models.WorkflowSubmitRequest(
            resource_kind="WorkflowTemplate", resource_name="say", submit_options=options
        )
        said(_ended(service, service.submit_workflow(request).metadata.name))
    with call("Workflow(workflow_template_ref).create") as said:
        workflow = Workflow(
            generate_name="refers-",
            workflow_template_ref=WorkflowTemplateRef(name="say", cluster_scope=True),
            workflows_service=service,
        )
        said(workflow.create(wait=True, poll_interval=1).status.phase)
    with call("WorkflowsService.delete_workflow_template") as said:
        service.delete_workflow_template("say")
        service.delete_cluster_workflow_template("say")
        said([item.metadata.name for item in service.list_workflow_templates().items or []])


def crons(service: WorkflowsService) -> None:
    cron = CronWorkflow(
        name="yearly", entrypoint="say", schedules=["0 0 1 1 *"], templates=[_say("once")], workflows_service=service
    )
    with call("CronWorkflow.lint") as said:
        said(cron.lint().metadata.name)
    with call("CronWorkflow.create") as said:
        said(cron.create().spec.schedules)
    with call("WorkflowsService.suspend_cron_workflow") as said:
        request = models.CronWorkflowSuspendRequest(name="yearly", namespace=NAMESPACE)
        said(service.suspend_cron_workflow("yearly", request).spec.suspend)
    with call("WorkflowsService.resume_cron_workflow") as said:
        request = models.CronWorkflowResumeRequest(name="yearly", namespace=NAMESPACE)
        said(service.resume_cron_workflow("yearly", request).spec.suspend)
    with call("WorkflowsService.submit_workflow (CronWorkflow)") as said:
        request = models.WorkflowSubmitRequest(resource_kind="CronWorkflow", resource_name="yearly")
        said(_ended(service, service.submit_workflow(request).metadata.name))
    with call("WorkflowsService.list_cron_workflows") as said:
        said([item.metadata.name for item in service.list_cron_workflows().items])
    with call("WorkflowsService.delete_cron_workflow") as said:
        service.delete_cron_workflow("yearly")
        said("deleted")


def archived(service: WorkflowsService) -> None:
    with call("WorkflowsService.list_archived_workflows(label_selector)") as said:
        found = _until(lambda: service.list_archived_workflows(label_selector="team=blue").items, bool)
        said([item.metadata.name for item in found])
    with call("WorkflowsService.get_archived_workflow") as said:
        said(service.get_archived_workflow(found[0].metadata.uid).status.phase)
    with call("WorkflowsService.delete_archived_workflow") as said:
        service.delete_archived_workflow(found[0].metadata.uid)
        said("deleted")


def _say(text: str) -> Container:
    return Container(name="say", image="busybox", command=["echo", text])


def _running(service: WorkflowsService, name: str) -> bool:
    found = service.get_workflow(name)
    return bool(found.status and found.status.phase == "Running" and found.status.nodes)


def _ended(service: WorkflowsService, name: str) -> str:
    def phase() -> str:
        found = service.get_workflow(name)
        return (found.status.phase if found.status else None) or ""

    ended: str = _until(phase, lambda found: found in ("Succeeded", "Failed", "Error"))
    return ended


def _until(look: Callable[[], Any], holds: Callable[[Any], Any]) -> Any:
    """What is there once it holds. AssertionError after 30 s."""
    deadline = time.monotonic() + 30
    while not holds(found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found}")
        time.sleep(0.2)
    return found


if __name__ == "__main__":
    main()
