"""The guard over real sockets: browsers, tokens, rights, limits, and what is written of it."""

# ruff: noqa: ASYNC110 - tests ask until it is so

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from setpoint.adapters.access.people import PeopleFile
from setpoint.adapters.access.secret_files import make_private
from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.core import PolicyRule, Role, RoleBinding, RoleRef, Secret, Subject
from setpoint.apis.meta import ObjectMeta
from setpoint.server.access import Access, Counters, Limits
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.settings import Settings
from setpoint.wiring.tokens import bind_person
from tests.servers import kubernetes_server

MAPS = "/api/v1/namespaces/default/configmaps"
SECRET_VALUE = "aGFzLXRvLXN0YXktaGlkZGVu"


class Door:
    """A served API, its store, and a client that sends no token by itself."""

    def __init__(self, endpoint: Endpoint, store: SqliteStore, http: httpx.AsyncClient, home: Path) -> None:
        self.endpoint, self.store, self.http, self.home = endpoint, store, http, home

    async def person(self, name: str, role: str = "") -> dict[str, str]:
        """Headers of somebody new."""
        token = PeopleFile(self.home).create(name, ["team"], SystemClock().now())
        if role:
            await bind_person(self.store.resources, name, "default", role)
        return {"authorization": f"Bearer {token}"}

    def admin(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.endpoint.token}"}


@asynccontextmanager
async def door(
    home: Path, *, limits: Limits | None = None, lasting: bool = False, **settings: Any
) -> AsyncIterator[Door]:
    def change(access: Access) -> Access:
        return replace(access, counters=Counters(limits)) if limits else access

    make_private(home)
    with SqliteStore(home / "store", SystemClock()) as store:
        served = kubernetes_server(store, Settings(home=home, **settings), lasting=lasting, change=change)
        async with served as endpoint, httpx.AsyncClient(base_url=endpoint.url, trust_env=False) as http:
            yield Door(endpoint, store, http, home)


def audited(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "logs" / "audit.jsonl").read_text().splitlines()]


async def test_a_process_of_the_same_user_needs_no_token_on_loopback(tmp_path: Path) -> None:
    async with door(tmp_path / "home") as here:
        assert here.endpoint.open
        assert (await here.http.get(MAPS)).status_code == 200
        assert (await here.http.get(MAPS, headers={"authorization": "Bearer wrong"})).status_code == 401


@pytest.mark.parametrize("why", ["setting", "mode"])
async def test_else_a_token_is_needed(tmp_path: Path, why: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755 if why == "mode" else 0o700)
    async with door(home, require_token=why == "setting") as here:
        answer = await here.http.get(MAPS)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["reason"] == "Unauthorized"
        for path in ("/healthz", "/livez", "/readyz"):
            assert (await here.http.get(path)).status_code == 200
        assert (await here.http.get(MAPS, headers=here.admin())).status_code == 200
        assert (await here.http.get("/whoami")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:80"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"connection": "Upgrade", "upgrade": "websocket"}, 501),
        ({"host": "LOCALHOST"}, 200),
    ],
)
async def test_pages_of_others_reach_nothing(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with door(tmp_path / "home") as here:
        for path in (MAPS, "/healthz"):
            answer = await here.http.get(path, headers=headers)
            assert answer.status_code == status
            assert not [name for name in answer.headers if name.startswith("access-control-")]
            assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_what_a_form_can_send_is_no_write(tmp_path: Path, media: str) -> None:
    async with door(tmp_path / "home") as here:
        body = b'{"metadata": {"name": "a"}}'
        answer = await here.http.post(MAPS, content=body, headers={"content-type": media})
        assert (answer.status_code, answer.json()["reason"]) == (415, "UnsupportedMediaType")
        assert (await here.http.options(MAPS)).status_code == 405
        assert (await here.http.post(MAPS, json={"metadata": {"name": "a"}})).status_code == 201


async def test_whose_a_connection_is_is_not_said_by_a_header(tmp_path: Path) -> None:
    async with door(tmp_path / "home") as here:
        for forged in ("10.0.0.1", "127.0.0.1:1", "127.0.0.1"):
            headers = {"x-forwarded-for": forged, "x-forwarded-proto": "https"}
            assert (await here.http.post(MAPS, headers=headers, json=[])).status_code >= 400
    assert {item["user"]["username"] for item in audited(tmp_path / "home")} == {"setpoint:admin"}
    assert {item["sourceIPs"][0] for item in audited(tmp_path / "home")} == {"127.0.0.1"}


async def test_people_may_do_what_their_roles_say_and_are_told_what_they_may_not(tmp_path: Path) -> None:
    async with door(tmp_path / "home") as here:
        viewer, editor, nobody = (
            await here.person("anna", "viewer"),
            await here.person("bert", "editor"),
            await here.person("carl"),
        )
        new = {"metadata": {"name": "a"}}
        assert (await here.http.get(MAPS, headers=viewer)).status_code == 200
        refused = await here.http.post(MAPS, headers=viewer, json=new)
        assert (refused.status_code, refused.json()["message"]) == (
            403,
            'configmaps is forbidden: User "anna" cannot create resource "configmaps" in API group "" '
            'in the namespace "default"',
        )
        assert (await here.http.post(MAPS, headers=editor, json=new)).status_code == 201
        assert (await here.http.get(MAPS, headers=nobody)).status_code == 403
        assert (await here.http.get(MAPS.replace("default", "other"), headers=editor)).status_code == 403
        assert (await here.http.get("/api/v1/secrets", headers=editor)).status_code == 403
        PeopleFile(here.home).delete("anna")
        assert (await here.http.get(MAPS, headers=viewer)).status_code == 401


async def test_nobody_gives_himself_more_than_he_has(tmp_path: Path) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/"
    async with door(tmp_path / "home") as here:
        admin = await here.person("anna", "admin")
        role = {"metadata": {"name": "r"}, "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["nodes"]}]}
        refused = await here.http.post(path + "roles", headers=admin, json=role)
        assert (refused.status_code, "not currently held" in refused.json()["message"]) == (403, True)
        role["rules"] = [{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}]
        assert (await here.http.post(path + "roles", headers=admin, json=role)).status_code == 201
        everything = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
        binding = {"metadata": {"name": "b"}, "roleRef": everything, "subjects": [{"kind": "User", "name": "anna"}]}
        assert (await here.http.post(path + "rolebindings", headers=admin, json=binding)).status_code == 403
        more = {"rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]}
        patch = {"content-type": "application/merge-patch+json"}
        refused = await here.http.patch(path + "roles/r", headers=admin | patch, json=more)
        assert (refused.status_code, "not currently held" in refused.json()["message"]) == (403, True)
        label = {"metadata": {"labels": {"a": "b"}}}
        assert (await here.http.patch(path + "roles/r", headers=admin | patch, json=label)).status_code == 200
        assert (await here.http.post(path + "rolebindings", headers=here.admin(), json=binding)).status_code == 201


async def test_who_may_patch_alone_creates_nothing_by_applying(tmp_path: Path) -> None:
    async with door(tmp_path / "home") as here:
        anna = await here.person("anna")
        meta = ObjectMeta(name="patches", namespace="default")
        rule = PolicyRule(verbs=("patch",), api_groups=("",), resources=("configmaps",))
        await here.store.resources.create(Role(metadata=meta, rules=(rule,)))
        subjects = (Subject(kind="User", name="anna"),)
        reference = RoleRef(kind="Role", name="patches")
        await here.store.resources.create(RoleBinding(metadata=meta, role_ref=reference, subjects=subjects))
        applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
        headers, query = anna | {"content-type": "application/apply-patch+yaml"}, {"fieldManager": "m"}
        refused = await here.http.patch(f"{MAPS}/a", headers=headers, params=query, json=applied)
        assert (refused.status_code, "cannot create" in refused.json()["message"]) == (403, True)
        assert (await here.http.post(MAPS, json=applied)).status_code == 201
        done = await here.http.patch(f"{MAPS}/a", headers=headers, params={**query, "force": "true"}, json=applied)
        assert done.status_code == 200


async def test_to_act_as_another_is_a_right_of_its_own(tmp_path: Path) -> None:
    async with door(tmp_path / "home") as here:
        editor = await here.person("bert", "editor")
        await here.person("anna", "viewer")
        as_anna = {"impersonate-user": "anna"}
        assert (await here.http.get(MAPS, headers=here.admin() | as_anna)).status_code == 200
        refused = await here.http.get("/api/v1/namespaces/default/secrets", headers=here.admin() | as_anna)
        assert 'User "anna" cannot list resource "secrets"' in refused.json()["message"]
        refused = await here.http.get(MAPS, headers=editor | as_anna)
        assert 'users "anna" is forbidden: User "bert" cannot impersonate' in refused.json()["message"]
        robot = {"impersonate-user": "system:serviceaccount:default:robot"}
        assert (await here.http.get(MAPS, headers=editor | robot)).status_code == 403  # it may act, the robot may not
        masters = {"impersonate-user": "x", "impersonate-group": "system:masters"}
        assert (await here.http.get(MAPS, headers=editor | masters)).status_code == 403


async def test_service_account_tokens_are_given_and_known_until_the_account_is_another(tmp_path: Path) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    async with door(tmp_path / "home", lasting=True) as here:
        answer = await here.http.post(path, json={"spec": {"expirationSeconds": 600}})
        assert answer.status_code == 201
        headers = {"authorization": f"Bearer {answer.json()['status']['token']}"}
        review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        who = await here.http.post(review, headers=headers, json={"kind": "SelfSubjectReview"})
        assert who.json()["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"
        assert (await here.http.get(MAPS, headers=headers)).status_code == 403
        assert (await here.http.post(path, json={"spec": {"expirationSeconds": 5}})).status_code == 422
        gone = {"spec": {"boundObjectRef": {"kind": "Pod", "name": "gone", "uid": "1"}}}
        assert (await here.http.post(path, json=gone)).status_code == 404
        assert (await here.http.post(path.replace("default/token", "nobody/token"), json={})).status_code == 404
        made = {"metadata": {"name": "default"}}
        assert (await here.http.post("/api/v1/namespaces/default/serviceaccounts", json=made)).status_code == 201
        async with asyncio.timeout(10):
            while (await here.http.get(MAPS, headers=headers)).status_code != 401:
                await asyncio.sleep(0)


async def test_requests_are_limited_in_size_rate_and_number(tmp_path: Path) -> None:
    limits = Limits(body_bytes=1000, rate=0.001, burst=4)
    async with door(tmp_path / "home", limits=limits) as here:
        large = {"metadata": {"name": "a"}, "data": {"x": "y" * 2000}}
        answer = await here.http.post(MAPS, json=large)
        assert (answer.status_code, answer.json()["reason"]) == (413, "RequestEntityTooLarge")

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b" " * 500

        json_type = {"content-type": "application/json"}
        assert (await here.http.post(MAPS, content=pieces(), headers=json_type)).status_code == 413
        many = {f"x-{number}": "y" for number in range(200)}
        assert (await here.http.get(MAPS, headers=many)).status_code == 431
        codes = [(await here.http.get(MAPS)).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        answer = await here.http.get(MAPS)
        assert (answer.json()["reason"], int(answer.headers["retry-after"]) >= 1) == ("TooManyRequests", True)
        other = await here.person("anna", "viewer")
        assert (await here.http.get(MAPS, headers=other)).status_code == 200  # each user has limits of his own


async def test_open_watches_are_counted(tmp_path: Path) -> None:
    watch = {"watch": "true"}
    async with (
        door(tmp_path / "home", limits=Limits(watches=1)) as here,
        here.http.stream("GET", MAPS, params=watch) as first,
    ):
        assert first.status_code == 200
        assert (await here.http.get(MAPS, params=watch)).status_code == 429
        assert (await here.http.get(MAPS)).status_code == 200


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async with door(tmp_path / "home", limits=Limits(body_seconds=0.1)) as here:
        url = httpx.URL(here.endpoint.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = f"POST {MAPS} HTTP/1.1\r\nhost: {url.netloc.decode()}\r\ncontent-length: 9\r\n\r\n{{"
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_path_or_query_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    async with door(tmp_path / "home") as here:
        for target in ("/api/v1/namespaces/default%2Fsecrets/configmaps", f"{MAPS}?watch=0&watch=1"):
            assert (await here.http.get(target)).status_code == 400


async def test_tls_is_known_by_the_own_authority_alone(tmp_path: Path) -> None:
    async with door(tmp_path / "home", lasting=True) as here:
        context = ssl.create_default_context(cafile=here.endpoint.ca_file)
        async with httpx.AsyncClient(verify=context, trust_env=False) as http:
            port = httpx.URL(here.endpoint.https_url).port
            for host in ("127.0.0.1", "localhost"):
                assert (await http.get(f"https://{host}:{port}/healthz")).text == "ok"
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.get(f"{here.endpoint.https_url}/healthz")
        for path in (here.home / "access").iterdir():
            assert path.stat().st_mode & 0o077 == 0


async def test_other_addresses_speak_tls_and_want_tokens_from_everybody(tmp_path: Path) -> None:
    async with door(tmp_path / "home", lasting=True, address="0.0.0.0", host_names="plant.example") as here:
        assert not here.endpoint.open
        assert here.endpoint.public_url.startswith("https://plant.example:")
        assert (await here.http.get(MAPS)).status_code == 401
        context = ssl.create_default_context(cafile=here.endpoint.public_ca_file)
        port = httpx.URL(here.endpoint.public_url).port
        async with httpx.AsyncClient(verify=context, trust_env=False) as http:
            names = {"sni_hostname": "plant.example"}
            url, host = f"https://127.0.0.1:{port}{MAPS}", {"host": f"plant.example:{port}"}
            assert (await http.get(url, headers=host, extensions=names)).status_code == 401
            assert (await http.get(url, headers=host | here.admin(), extensions=names)).status_code == 200
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://127.0.0.1:{port}{MAPS}")


async def test_writes_and_refusals_are_audited_and_no_secret_is_anywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    async with door(home, lasting=True, require_token=True) as here:
        viewer = await here.person("anna", "viewer")
        secrets = "/api/v1/namespaces/default/secrets"
        made = {"metadata": {"name": "s"}, "data": {"password": SECRET_VALUE}}
        assert (await here.http.post(secrets, headers=here.admin(), json=made)).status_code == 201
        broken = json.dumps(made)[:-2].encode()
        answer = await here.http.post(secrets, headers=here.admin(), content=broken)
        assert answer.status_code >= 400
        assert (await here.http.get(f"{secrets}?token=hush-hush", headers=viewer)).status_code == 403
        assert (await here.http.get(MAPS, headers=viewer)).status_code == 200
        wrong = {"authorization": "Bearer not-to-be-seen"}
        assert (await here.http.get(secrets, headers=wrong)).status_code == 401
        tokens = [here.endpoint.token, viewer["authorization"].split()[1]]
        assert (await here.store.resources.get(Secret, "default", "s")).data
    events = audited(home)
    assert [(item["verb"], item["user"].get("username"), item["responseStatus"]["code"]) for item in events][:1] == [
        ("create", "setpoint:admin", 201)
    ]
    assert [item["responseStatus"]["code"] for item in events][2:] == [403, 401]
    refused = events[2]
    assert refused["objectRef"] == {"resource": "secrets", "namespace": "default", "apiVersion": "v1"}
    assert (refused["kind"], refused["apiVersion"], refused["level"]) == ("Event", "audit.k8s.io/v1", "Metadata")
    assert refused["annotations"]["authorization.k8s.io/decision"] == "forbid"
    written = (home / "logs" / "audit.jsonl").read_text() + caplog.text
    for hidden in (*tokens, SECRET_VALUE, "hush-hush", "not-to-be-seen", "Bearer"):
        assert hidden not in written
    assert tokens[1] not in (home / "access" / "tokens.json").read_text()
    assert (home / "logs" / "audit.jsonl").stat().st_mode & 0o077 == 0


async def test_reads_are_audited_if_that_is_wanted_and_nothing_if_not(tmp_path: Path) -> None:
    async with door(tmp_path / "all", audit="all") as here:
        await here.http.get(MAPS)
    assert [item["verb"] for item in audited(tmp_path / "all")] == ["list"]
    async with door(tmp_path / "off", audit_mb=0) as here:
        await here.http.post(MAPS, json={"metadata": {"name": "a"}})
    assert not (tmp_path / "off" / "logs").exists()


async def test_a_head_that_never_ends_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("setpoint.wiring.http_protocol.HEAD_SECONDS", 0.1)
    async with door(tmp_path / "home") as here:
        url = httpx.URL(here.endpoint.url)
        for sent in (b"", b"GET / HTTP/1.1\r\nhost: x\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(sent)
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()
        assert (await here.http.get("/healthz")).status_code == 200
