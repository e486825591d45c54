"""Http templates: the request is sent from here, as on a cluster from Argo's agent.

After a crash it is sent again, for nobody knows how far it came; so on a cluster. Secrets are read when it is sent and
go nowhere else. Source: SEMANTICS section 13 (http).
"""

from __future__ import annotations

from setpoint.apis.argo import NodePhase, Outputs, SecretKeySelector, Workflow
from setpoint.apis.core import Secret
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.http import HttpReply, RequestFailed
from setpoint.core.expr import Ambient, ExpressionError
from setpoint.core.workflow import ActionReported, SendRequest
from setpoint.core.workflow.http_template import judge_reply, make_request, secret_of
from setpoint.engines.workflow.environment import decoded_secret
from setpoint.ports.clock import Clock
from setpoint.ports.http import HttpClient
from setpoint.ports.resources import ResourceApi


class HttpActions:
    """Carries out SendRequest."""

    def __init__(self, resources: ResourceApi, http: HttpClient, clock: Clock) -> None:
        self._resources = resources
        self._http = http
        self._clock = clock

    async def run(self, command: SendRequest, workflow: Workflow) -> ActionReported:
        """Send and judge; a request that cannot be made or gets no reply is a failure without outputs."""
        template = command.http
        outputs: Outputs | None = None
        try:
            reply = await self._send(command, workflow.metadata.namespace)
            phase, message = judge_reply(template, reply, Ambient(now=self._clock.now()))
            outputs = Outputs(result=reply.text)
        except (RequestFailed, InvalidSpec, NotFound, ExpressionError) as error:
            phase, message = NodePhase.FAILED, str(error)
        return ActionReported(node=command.node, command=command.id, phase=phase, message=message, outputs=outputs)

    async def _send(self, command: SendRequest, namespace: str) -> HttpReply:
        wanted = [ref for item in command.http.headers if (ref := secret_of(item.value_from)) is not None]
        values = {ref: await self._secret(namespace, ref) for ref in wanted}
        return await self._http.send(make_request(command.http, values.__getitem__))

    async def _secret(self, namespace: str, ref: SecretKeySelector) -> str:
        try:
            data = decoded_secret(await self._resources.get(Secret, namespace, ref.name))
        except NotFound:
            raise InvalidSpec(f'secrets "{ref.name}" not found') from None
        if ref.key not in data:
            raise InvalidSpec(f"secret '{ref.name}' does not have the key '{ref.key}'")
        return data[ref.key]
