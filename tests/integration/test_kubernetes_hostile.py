"""What nobody means well: bodies and paths that would cost a careless server its memory, its time or its files.

Every one is refused with a Status, soon, and the server goes on answering. Nothing here is timed, but each request has
the client's patience and no more.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.kubernetes_client import APPLY, JSON_PATCH, MAPS, MERGE, config_map, kubernetes_api

MIB = 1024 * 1024
DEEP = 100_000

BODIES: dict[str, bytes] = {
    "lists in lists": b"[" * DEEP + b"]" * DEEP,
    "maps in maps": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "an open end": b'{"apiVersion":"v1","data":{"a":' + b'{"a":' * 5000,
    "not UTF-8": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"\xff\xfe"}}',
    "a lone surrogate": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"\\ud800"}}',
    "a huge integer": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","generation":'
    + b"9" * 5000
    + b"}}",
    "infinity": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":Infinity}}',
    "a number for text": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":7}}',
    "no object": b'["ConfigMap"]',
    "nothing": b"",
    "null": b"null",
    "another kind": b'{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}',
    "metadata is text": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":"a"}',
    "a name that climbs": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"../../etc/passwd"}}',
    "a long name": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' + b"a" * 100_000 + b'"}}',
    "many annotations": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","annotations":{'
    + b",".join(b'"k%d":"%s"' % (n, b"v" * 100) for n in range(5000))
    + b"}}}",
    "too large for a store": b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"'
    + b"x" * (2 * MIB)
    + b'"}}',
}

LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
)
YAMLS: dict[str, bytes] = {
    "a billion laughs": LAUGHS,
    "merge keys": b"a: &a {x: 1}\n" + b"".join(b"b%d: {<<: *a, y%d: *a}\n" % (n, n) for n in range(50_000)),
    "itself": b"a: &a [*a]\n",
    "flow lists": b"a: " + b"[" * 20_000,
    "two documents": b"apiVersion: v1\n---\napiVersion: v1\n",
    "a Python object": b"!!python/object/apply:os.system ['true']\n",
    "not UTF-8": b"apiVersion: v1\nkind: \xff\n",
    "tabs": b"apiVersion: v1\n\tkind: ConfigMap\n",
}

PATCHES: dict[str, bytes] = {
    "copies of copies": b"["
    + b",".join(b'{"op":"copy","from":"/data","path":"/data/c%d"}' % n for n in range(40))
    + b"]",
    "too many operations": b"[" + b",".join([b'{"op":"test","path":"","value":1}'] * 20_000) + b"]",
    "no operation": b'[{"op":"jump","path":"/data"}]',
    "a pointer to nowhere": b'[{"op":"remove","path":"/data/none/none"}]',
    "an index of text": b'[{"op":"add","path":"/metadata/finalizers/99999999999999999999","value":"a"}]',
    "of the whole": b'[{"op":"replace","path":"","value":3}]',
}


@pytest.mark.parametrize("what", sorted(BODIES))
async def test_a_hostile_body_is_refused(what: str, tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        status = await api.refused("POST", MAPS, BODIES[what])
        assert status["code"] in (400, 413, 422)
        assert len(status["message"]) < 2000, "an answer does not repeat what it refuses"
        assert (await api.get(MAPS))["items"] == []


@pytest.mark.parametrize("what", sorted(YAMLS))
async def test_hostile_yaml_is_refused(what: str, tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        for method, path, media in (("POST", MAPS, "application/yaml"), ("PATCH", f"{MAPS}/a", APPLY)):
            status = await api.refused(method, path, YAMLS[what], media, fieldManager="m")
            assert status["code"] in (400, 422)
        assert (await api.get(MAPS))["items"] == []


@pytest.mark.parametrize("what", sorted(PATCHES))
async def test_a_hostile_patch_changes_nothing(what: str, tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        made = await api.create(MAPS, config_map("a", {"x": "1" * 1000}))
        status = await api.refused("PATCH", f"{MAPS}/a", PATCHES[what], JSON_PATCH)
        assert status["code"] in (400, 413, 422)
        deep = await api.refused("PATCH", f"{MAPS}/a", b'{"data":' * 5000 + b"1" + b"}" * 5000, MERGE)
        assert deep["code"] in (400, 422)
        assert await api.get(f"{MAPS}/a") == made


async def test_a_hundred_megabytes_are_not_read(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        async def endless() -> AsyncIterator[bytes]:
            yield b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"'
            for _ in range(100):
                yield b"x" * MIB
                await asyncio.sleep(0)

        for headers in ({}, {"content-length": str(100 * MIB)}):
            try:
                answer = await api.http.post(
                    MAPS, content=endless(), headers={"content-type": "application/json"} | headers
                )
                assert (answer.status_code, answer.json()["reason"]) == (413, "RequestEntityTooLarge")
            except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
                pass  # the server closed the door while we were still speaking
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert grown < 64, f"{grown:.0f} MiB more"
        assert (await api.get(MAPS))["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/configmaps/..%2f..%2fsecrets%2fs",
        "/api/v1/namespaces/default/configmaps/%2e%2e/secrets",
        "/api/v1/namespaces/..%2f/configmaps",
        "/api/v1/namespaces//configmaps",
        "/api/v1/namespaces/default/configmaps/a%00b",
        "/api/v1/" + "a" * 50_000,
        "/api/v1/namespaces/" + "default/" * 500,
    ],
)
async def test_paths_that_climb_lead_nowhere(path: str, tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        request = api.http.build_request("GET", "/")
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = await api.http.send(request)
        assert answer.status_code in (400, 403, 404, 414, 431), answer.text
        assert answer.json()["kind"] == "Status"


SELECTORS = {
    "values": "a in (" + "x," * 8000 + "x)",
    "commas": "," * 20_000,
    "negations": "!" * 20_000,
    "parentheses": "(" * 20_000,
    "one word": "a" * 60_000,
}


@pytest.mark.parametrize("what", sorted(SELECTORS))
async def test_long_selectors_end(what: str, tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        answer = await api.send("GET", MAPS, labelSelector=SELECTORS[what])
        assert answer.status_code in (200, 400, 414, 422, 431)
        answer = await api.send("GET", MAPS, fieldSelector=SELECTORS[what])
        assert answer.status_code in (400, 414, 431)
