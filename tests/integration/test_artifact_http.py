"""Artifacts on real web servers: sent there, and fetched with tokens and certificates of their clients."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from setpoint.adapters import places
from setpoint.apis.argo import Artifact
from setpoint.apis.core import Secret
from setpoint.apis.errors import Forbidden, InvalidSpec, Unavailable
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pods import ArtifactPlace, SecretKey
from setpoint.core.workflow.places import place_of
from tests.certificates import Authority
from tests.http_stub import Call, serving
from tests.workflow_engine import node, running_plane

pytestmark = pytest.mark.rule("artifacts.http-auth")

PAGE = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {{name: send, template: send}}
    - - {{name: read, template: read}}
  - name: send
    container: {{image: busybox, command: [sh, -c, "echo measured > /tmp/data"]}}
    outputs:
      artifacts: [{{name: data, path: /tmp/data, archive: {{none: {{}}}}, http: {{url: '{url}/data', auth: {auth}}}}}]
  - name: read
    inputs: {{artifacts: [{{name: data, path: /tmp/data, http: {{url: '{url}/data', auth: {auth}}}}}]}}
    container: {{image: busybox, command: [cat, /tmp/data]}}
    outputs: {{parameters: [{{name: data, valueFrom: {{path: /tmp/data}}}}]}}
"""
AUTH = """{oauth2: {clientIDSecret: {name: creds, key: id}, clientSecretSecret: {name: creds, key: secret},
           tokenURLSecret: {name: creds, key: url}, scopes: [read, write],
           endpointParams: [{key: tenant, value: a&b}]}}"""


def storing(wanted: Callable[[Call], bool]) -> Callable[[Call], tuple[int, str]]:
    """An answer that keeps what is sent, and gives it back, to whom it knows."""
    kept: list[bytes] = []

    def answer(call: Call) -> tuple[int, str]:
        if not wanted(call):
            return 401, "no"
        if call.method == "PUT":
            kept.append(call.body)
            return 201, ""
        return (200, kept[-1].decode()) if kept else (404, "")

    return answer


async def test_a_token_is_asked_for_with_the_secrets_of_the_manifest(tmp_path: Path) -> None:
    with serving() as server:
        token = {"access_token": "t0", "token_type": "bearer"}
        server.answers["/token"] = lambda _: (200, json.dumps(token))
        server.answers["/data"] = storing(lambda call: call.headers.get("Authorization") == "Bearer t0")
        async with running_plane(tmp_path) as plane:
            values = {"id": "me:1", "secret": "s e", "url": f"{server.url}/token"}
            data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
            await plane.resources.create(Secret(metadata=ObjectMeta(name="creds", namespace="default"), data=data))
            workflow = await plane.run(PAGE.format(url=server.url, auth=AUTH))
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        outputs = node(workflow, "wf[1].read").outputs
        assert outputs is not None
        assert outputs.parameters[0].value == "measured"
        asked = server.calls[0]
        assert (asked.method, asked.path) == ("POST", "/token")
        assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"me%3A1:s+e").decode()
        form = {"grant_type": ["client_credentials"], "scope": ["read write"], "tenant": ["a&b"]}
        assert parse_qs(asked.body.decode()) == form


def oauth(url: str) -> ArtifactPlace:
    settings = {"url": f"{url}/data", "tokenURL": f"{url}/token", "clientID": "me", "clientSecret": "pw"}
    return ArtifactPlace(kind="http", settings=settings)


def test_a_token_server_that_wants_the_client_in_the_form(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/token"] = lambda call: (
            (200, "access_token=t1") if b"client_id=me&client_secret=pw" in call.body else (401, "")
        )
        server.answers["/data"] = lambda call: (200, call.headers["Authorization"])
        places.fetch(oauth(server.url), tmp_path / "data")
        assert (tmp_path / "data").read_text() == "Bearer t1"


@pytest.mark.parametrize("answer", [(403, ""), (200, "[]"), (200, '{"error": "invalid_client"}')])
def test_no_token_no_artifact_and_no_secret_in_the_message(tmp_path: Path, answer: tuple[int, str]) -> None:
    with serving() as server:
        server.answers["/token"] = lambda _: answer
        with pytest.raises(Forbidden, match=f"/token grants no token: {answer[0]}") as caught:
            places.fetch(oauth(server.url), tmp_path / "data")
        assert "pw" not in str(caught.value)
        assert [call.path for call in server.calls if call.path != "/token"] == []


def test_a_certificate_shows_who_the_client_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    server_pair, client = authority.issue("server"), authority.issue("client")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    tls.load_cert_chain(server_pair.certificate, server_pair.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    with serving(tls) as server:
        server.answers["/data"] = storing(lambda _: True)
        texts = {"clientCert": client.certificate.read_text(), "clientKey": client.key.read_text()}
        place = ArtifactPlace(kind="http", settings={"url": f"{server.url}/data", **texts})
        file = tmp_path / "file"
        file.write_text("measured")
        places.put(place, file)
        places.fetch(place, tmp_path / "back")
        assert (tmp_path / "back").read_text() == "measured"
        with pytest.raises(Unavailable):
            places.fetch(ArtifactPlace(kind="http", settings={"url": f"{server.url}/data"}), tmp_path / "x")
        with pytest.raises(InvalidSpec, match="clientCert holds no certificate with its key"):
            places.fetch(place.replace(settings={**place.settings, "clientKey": "none"}), tmp_path / "x")


def test_a_file_is_sent_again_to_where_a_redirect_leads_and_credentials_are_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("measured")
    with serving() as own, serving() as other:
        own.answers["/far"] = lambda _: (307, f"{other.url}/end")
        own.answers["/elsewhere"] = lambda _: (302, f"{other.url}/end")
        other.answers["/end"] = lambda _: (201, "")
        settings = {"url": f"{own.url}/far", "username": "u", "password": "p"}
        places.put(ArtifactPlace(kind="http", settings=settings, headers={"X-Token": "sesame"}), file)
        assert [(call.method, call.body) for call in other.calls] == [("PUT", b"measured")]
        assert not {"X-Token", "Authorization"} & other.calls[0].headers.keys()
        assert own.calls[0].headers["Authorization"] == "Basic dTpw"
        # followed as a GET it would be lost
        with pytest.raises(Unavailable, match=r"saving file file to .* failed: 302"):
            places.put(ArtifactPlace(kind="http", settings={"url": f"{own.url}/elsewhere"}), file)


def test_what_a_web_server_does_not_take_is_said(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("measured")
    with serving() as server:
        server.answers["/data"] = lambda _: (507, "")
        place = ArtifactPlace(kind="http", settings={"url": f"{server.url}/data"})
        with pytest.raises(Unavailable, match=r"saving file file to .*/data failed: 507"):
            places.put(place, file)
    with pytest.raises(Unavailable):
        places.put(place, file)
    with pytest.raises(InvalidSpec, match="a directory cannot be sent"):
        places.put(place, tmp_path)


def test_secrets_count_only_if_all_of_their_kind_are_named() -> None:
    auth = {
        "basicAuth": {"usernameSecret": {"name": "creds", "key": "user"}},
        "clientCert": {
            "clientCertSecret": {"name": "tls", "key": "tls.crt"},
            "clientKeySecret": {"name": "tls", "key": "tls.key"},
        },
    }
    place = place_of(Artifact(name="a", http={"url": "https://x/y", "auth": auth}))
    assert place is not None
    assert place.secrets == {
        "clientCert": SecretKey(name="tls", key="tls.crt"),
        "clientKey": SecretKey(name="tls", key="tls.key"),
    }
