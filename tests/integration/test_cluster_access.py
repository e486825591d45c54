"""Reaching a cluster by a kubeconfig over real sockets: TLS, tokens, exec plugins, base paths."""

from __future__ import annotations

import json
import ssl
import stat
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound, SetpointError, Unavailable
from setpoint.clients.cluster import bearer_token, connect_argo_server, connect_cluster
from setpoint.clients.connection import Address, connect
from setpoint.clients.exec_credential import PluginCredentials, ask
from setpoint.clients.kubeconfig import ClusterAccess, ExecPlugin
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.wiring.cluster import cluster_session, find_cluster, server_version
from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.kubeconfig import make_kubeconfig, write_kubeconfig
from setpoint.wiring.settings import Settings
from tests.certificates import Authority
from tests.http_stub import Call, serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
V1 = "client.authentication.k8s.io/v1"


def plugin(tmp_path: Path, script: str, **changes: Any) -> ExecPlugin:
    """A plugin that is a Python script."""
    path = tmp_path / "plugin"
    path.write_text(f"#!{sys.executable}\nimport json, os, sys\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return replace(ExecPlugin(command="./plugin", folder=tmp_path, interactive="Never"), **changes)


def printing(status: dict[str, Any], version: str = V1) -> str:
    body = {"apiVersion": version, "kind": "ExecCredential", "status": status}
    return f"print(json.dumps(json.loads({json.dumps(body)!r})))"


def test_a_plugin_is_run_without_a_shell_and_told_of_the_cluster(tmp_path: Path) -> None:
    script = (
        "told = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "status = {'token': json.dumps([sys.argv[1:], os.environ['MINE'], told['spec']])}\n"
        f"print(json.dumps({{'apiVersion': '{V1}', 'kind': 'ExecCredential', 'status': status}}))"
    )
    words = ("$(touch x)", "a b", ";")
    found = plugin(tmp_path, script, arguments=words, environment={"MINE": "1"}, provide_cluster_info=True)
    token = ask(found, {"server": "https://x"}).token
    assert json.loads(token) == [list(words), "1", {"interactive": False, "cluster": {"server": "https://x"}}]


@pytest.mark.parametrize(
    ("script", "changes", "words"),
    [
        ("sys.exit(3)", {}, "exit code 3"),
        ("print('hello')", {}, "no ExecCredential"),
        (printing({}), {}, "neither a token"),
        (printing({"token": "t"}, "client.authentication.k8s.io/v1beta1"), {}, "no ExecCredential of"),
        ("", {"command": "no-such-plugin", "install_hint": "get it there"}, "not installed: get it there"),
        ("", {"api_version": "client.authentication.k8s.io/v1alpha1"}, "not known"),
        ("", {"interactive": "Sometimes"}, "interactiveMode"),
    ],
)
def test_a_plugin_that_fails_is_told_in_words(tmp_path: Path, script: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises((InvalidSpec, Unavailable), match=words):
        ask(plugin(tmp_path, script, **changes), {})


def test_a_plugin_is_asked_again_when_its_token_is_about_to_end(tmp_path: Path) -> None:
    script = (
        "open('"
        + str(tmp_path / "asked")
        + "', 'a').write('x')\n"
        + printing({"token": "t", "expirationTimestamp": (NOW + timedelta(minutes=5)).isoformat()})
    )
    moments = [NOW, NOW + timedelta(minutes=4), NOW + timedelta(minutes=4, seconds=40)]
    now = iter(moments[1:])
    credentials = PluginCredentials(plugin(tmp_path, script), {}, lambda: next(now))
    for _ in moments:
        assert credentials.present().token == "t"
    assert (tmp_path / "asked").read_text() == "xx"


async def test_a_cluster_is_reached_over_tls_with_a_token_and_by_no_other(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", require_token=True, audit_mb=0)
    async with control_plane(settings, serve_stored=True) as plane:
        path = tmp_path / "config"
        write_kubeconfig(path, make_kubeconfig(plane.endpoint))
        access = find_cluster("setpoint", {"KUBECONFIG": str(path)})
        assert access.server.startswith("https://")
        assert (await server_version(access)).startswith("v1.")
        for good in (access, replace(access, authority=None, verify=False), _with_file(access, tmp_path)):
            async with cluster_session(good, environment={}, chunk_size=1) as session:
                maps = await session.resources.list(ConfigMap)
                assert maps.items == (await plane.resources.list(ConfigMap)).items
                assert await session.archived.archived_label_keys() == ()
        async with cluster_session(replace(access, token="wrong"), environment={}) as session:
            with pytest.raises(Forbidden):
                await session.resources.list(ConfigMap)
        async with cluster_session(replace(access, authority=None), environment={}) as session:
            with pytest.raises(Unavailable, match="certificate"):
                await session.resources.list(ConfigMap)
        script = printing({"token": access.token})
        by_plugin = replace(access, token="", plugin=plugin(tmp_path, script))
        assert bearer_token(by_plugin, lambda: NOW) == access.token
        async with cluster_session(by_plugin, environment={}) as session:
            with pytest.raises(NotFound):
                await session.resources.get(ConfigMap, "default", "none")


def _with_file(access: ClusterAccess, tmp_path: Path) -> ClusterAccess:
    (tmp_path / "token").write_text(access.token + "\n")
    return replace(access, token="", token_file=tmp_path / "token")


EMPTY = '{"items": [], "metadata": {"resourceVersion": "7"}}'


async def test_a_client_certificate_of_the_kubeconfig_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue("server"), authority.issue("client")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
    context.load_cert_chain(server.certificate, server.key)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(context) as stub:
        stub.answers["/api/v1/configmaps"] = lambda _: (200, EMPTY)
        access = ClusterAccess(
            context="c",
            server=stub.url,
            authority=authority.certificate.read_bytes(),
            certificate=client.certificate.read_bytes(),
            key=client.key.read_bytes(),
        )
        http = connect_cluster(access, lambda: NOW)
        try:
            assert (await KubernetesClient(http).list(ConfigMap)).resource_version == "7"
        finally:
            await http.aclose()
        assert "authorization" not in stub.calls[0].headers
    with pytest.raises(InvalidSpec, match="do not fit"):
        connect_cluster(replace(access, key=server.key.read_bytes()), lambda: NOW)
    with pytest.raises(InvalidSpec, match="no PEM"):
        connect_cluster(replace(access, authority=b"text"), lambda: NOW)


async def test_a_server_below_a_path_is_asked_there_page_by_page_as_whom_the_kubeconfig_says() -> None:
    pages = {
        "/k8s/c1/api/v1/configmaps?limit=2": ("a", "next"),
        "/k8s/c1/api/v1/configmaps?limit=2&continue=next": ("b", ""),
    }

    def answer(call: Call) -> tuple[int, str]:
        name, token = pages[call.path]
        item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        return 200, json.dumps({"items": [item], "metadata": {"resourceVersion": "7", "continue": token}})

    with serving() as stub:
        stub.answers |= dict.fromkeys(pages, answer)
        access = ClusterAccess(
            context="c", server=f"{stub.url}/k8s/c1", basic=("u", "p"), headers={"Impersonate-User": "anna"}
        )
        http = connect_cluster(access, lambda: NOW)
        try:
            found = await KubernetesClient(http, chunk_size=2).list(ConfigMap)
        finally:
            await http.aclose()
        assert [item.metadata.name for item in found.items] == ["a", "b"]
        assert stub.calls[0].headers["authorization"] == "Basic dTpw"
        assert stub.calls[0].headers["Impersonate-User"] == "anna"


@pytest.mark.parametrize(
    ("variables", "path", "authorization"),
    [
        ({"ARGO_TOKEN": "Bearer x"}, "/api", "Bearer x"),
        ({"ARGO_TOKEN": "bare", "ARGO_BASE_HREF": "/argo/"}, "/argo/api", "bare"),
        ({}, "/api", "Bearer of the context"),
    ],
)
async def test_the_argo_server_of_the_environment_is_asked(
    variables: dict[str, str], path: str, authorization: str
) -> None:
    access = ClusterAccess(context="c", server="http://x", token="of the context", argo_server="http://y")
    with serving() as stub:
        named = {"ARGO_SERVER": f"127.0.0.1:{stub.port}", "ARGO_SECURE": "false"}
        http = connect_argo_server(access, named | variables, lambda: NOW)
        assert http is not None
        try:
            await http.get("/api")
        finally:
            await http.aclose()
        assert (stub.calls[0].path, stub.calls[0].headers["authorization"]) == (path, authorization)


@pytest.mark.parametrize("text", ["host:port", "http://", "ftp://x:1"])
def test_an_argo_server_that_is_no_address_is_refused(text: str) -> None:
    access = ClusterAccess(context="c", server="http://x")
    with pytest.raises(InvalidSpec, match="ARGO_SERVER"):
        connect_argo_server(access, {"ARGO_SERVER": text}, lambda: NOW)
    assert connect_argo_server(access, {}, lambda: NOW) is None


async def test_an_object_of_an_unknown_form_is_said_to_be_one() -> None:
    body = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"}, "colour": 1}'
    with serving() as stub:
        stub.answers["/api/v1/namespaces/default/configmaps/odd"] = lambda _: (200, body)
        http = connect(lambda: Address(url=stub.url, token=""))
        try:
            with pytest.raises(SetpointError, match="ConfigMap 'odd' has a form"):
                await KubernetesClient(http).get(ConfigMap, "default", "odd")
        finally:
            await http.aclose()
