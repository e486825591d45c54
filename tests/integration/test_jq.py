"""jq programs in a process of their own: results, errors, and what they cannot do."""

from __future__ import annotations

import pytest

from setpoint.adapters.jq import JqProcess
from setpoint.apis.errors import InvalidSpec


async def test_all_results_come_back() -> None:
    assert await JqProcess().run(".a[], .b", {"a": [1, "x", None], "b": {"c": True}}) == [1, "x", None, {"c": True}]
    assert await JqProcess().run("empty", {}) == []


@pytest.mark.parametrize(
    ("program", "message"), [(".a[", "syntax error"), (".a.b", "Cannot index number"), ('error("no")', "no")]
)
async def test_a_program_that_is_none_or_fails_is_told(program: str, message: str) -> None:
    with pytest.raises(InvalidSpec, match=message) as caught:
        await JqProcess().run(program, {"a": 1})
    assert "\n" not in str(caught.value)


async def test_a_program_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    (found,) = await JqProcess().run("[env, $ENV]", None)
    assert all(set(names) <= {"LC_CTYPE"} for names in found)  # which Python sets for itself


@pytest.mark.parametrize("program", ["def f: f; f", "[repeat(1)]"])
async def test_a_program_that_does_not_end_is_ended(program: str) -> None:
    with pytest.raises(InvalidSpec, match=r"took too much memory or time|took longer than|Cannot allocate memory"):
        await JqProcess(seconds=1.0).run(program, 0)
