"""The component contract: signature to parameters, texts to values, results to files, template, usage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import pytest

from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.components import (
    IMAGE,
    Input,
    Output,
    component,
    load,
    parse_arguments,
    run_component,
    run_component_async,
    say,
    template_of,
    usage,
)
from setpoint.components._component import nearest


class Scale(Protocol):
    def weigh(self) -> float: ...


class Spring:
    def weigh(self) -> float:
        return 2.5


@dataclass(frozen=True)
class Weighed:
    """Result.

    Attributes:
        mass_kg: What the scale said, in kg.
        parts: Names of parts.
    """

    mass_kg: float
    heavy: bool
    note: str | None
    parts: tuple[str, ...]


@component("weigh-parts", description="Weighs parts.")
def weigh(
    *,
    part: str,
    count: int = 1,
    factor: float = 1.0,
    strict: bool = False,
    mode: Literal["gross", "net"] = "gross",
    limit: float | None = None,
    table: Annotated[Path | None, Input("Calibration table.")] = None,
    report: Annotated[Path, Output("Where the report goes.")] = Path("report.txt"),
    scale: Scale,
) -> Weighed:
    """Weigh.

    Args:
        part: Which part,
            by its number.
        count: How often.
        factor: Multiplier.
        strict: Refuse doubts.
        mode: Which mass.
        limit: Upper limit in kg.
        table: See Input.
        report: See Output.
        scale: The scale.
    """
    say("weighing", 1, 2)
    mass = scale.weigh() * factor * count
    report.write_text(f"{part} {mode} {table}")
    return Weighed(mass_kg=mass, heavy=limit is not None and mass > limit, note=None, parts=(part,))


@component("tick", description="Asynchronous.")
async def tick(*, times: int = 1) -> None:
    """Tick.

    Args:
        times: How often.
    """
    await asyncio.sleep(0 * times)


def test_the_signature_is_read() -> None:
    by_name = {item.option: item for item in weigh.parameters}
    assert list(by_name) == ["part", "count", "factor", "strict", "mode", "limit"]
    assert by_name["part"].required and by_name["part"].help == "Which part, by its number."
    assert by_name["mode"].choices == ("gross", "net")
    assert by_name["limit"].nullable and by_name["limit"].type is float
    assert weigh.inputs[0].optional and weigh.outputs[0].default == Path("report.txt")
    assert [port.type for port in weigh.ports] == [Scale]
    assert [(item.option, item.help) for item in weigh.results] == [
        ("mass-kg", "What the scale said, in kg."),
        ("heavy", ""),
        ("note", ""),
        ("parts", "Names of parts."),
    ]


def test_a_component_is_still_a_function(tmp_path: Path) -> None:
    result = weigh(part="a", report=tmp_path / "r", scale=Spring())
    assert result.mass_kg == 2.5


def test_texts_in_files_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = parse_arguments(
        weigh,
        [
            "--part=--odd=1",
            "--count",
            "2",
            "--strict",
            "--limit",
            "4.5",
            f"--report={tmp_path / 'r'}",
            "--outputs",
            str(tmp_path / "out"),
        ],
    )
    result = run_component(
        weigh, arguments.values, ports={Scale: Spring()}, outputs=arguments.outputs, progress_file=tmp_path / "p"
    )
    assert result == Weighed(mass_kg=5.0, heavy=True, note=None, parts=("--odd=1",))
    written = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert written == {"mass-kg": "5.0", "heavy": "true", "note": "", "parts": '["--odd=1"]'}
    assert capsys.readouterr().out == "[1/2] weighing\n"
    assert (tmp_path / "p").read_text() == "1/2\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["part"], "unexpected argument 'part'"),
        (["--part"], "--part needs a value"),
        (["--part=a", "--part=b"], "given twice"),
        (["--prat=a"], "did you mean --part?"),
        ([], "option --part is missing"),
        (["--part=a", "--count=1.5"], "weigh-parts.count: '1.5' is not an integer"),
        (["--part=a", "--factor=x"], "'x' is not a number"),
        (["--part=a", "--strict=perhaps"], "not a truth value (allowed: true, false)"),
        (["--part=a", "--mode=nett"], "did you mean net?"),
    ],
)
def test_bad_arguments_are_one_clear_error(argv: Sequence[str], message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        run_component(weigh, parse_arguments(weigh, argv).values, ports={Scale: Spring()})
    assert message in str(caught.value)


def test_a_missing_port_is_named() -> None:
    with pytest.raises(Unavailable, match="needs a Scale"):
        run_component(weigh, {"part": "a"})


def test_result_files_that_cannot_be_written_are_one_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a directory should be")
    with pytest.raises(Unavailable, match="result files cannot be written"):
        run_component(
            weigh,
            {"part": "a", "report": str(tmp_path / "r")},
            ports={Scale: Spring()},
            outputs=tmp_path / "out",
        )


def test_coroutines_run_either_way() -> None:
    assert run_component(tick, {"times": "3"}) is None
    assert asyncio.run(run_component_async(tick, {})) is None


def test_an_absent_optional_artifact_is_none_and_a_needed_one_an_error(tmp_path: Path) -> None:
    @component("reads", description="Reads.")
    def reads(*, table: Annotated[Path, Input("Table.")]) -> None:
        """Read."""

    run_component(
        weigh, {"part": "a", "table": str(tmp_path / "no"), "report": str(tmp_path / "r")}, ports={Scale: Spring()}
    )
    assert (tmp_path / "r").read_text() == "a gross None"
    with pytest.raises(InvalidSpec, match="does not exist"):
        run_component(reads, {"table": str(tmp_path / "no")})


def test_signatures_that_cannot_be_mapped_are_refused() -> None:
    def positional(part: str) -> None: ...

    def untyped(*, part: Any) -> None: ...

    def wrong_result(*, part: str) -> int:
        return 1

    for function in (positional, untyped, wrong_result):
        with pytest.raises(InvalidSpec, match="bad"):
            component("bad", description="")(function)
    with pytest.raises(InvalidSpec):
        component("Bad Name", description="")


def test_the_template_is_plain_argo() -> None:
    template = template_of(weigh)
    assert template["container"]["image"] == IMAGE
    assert template["container"]["command"] == ["setpoint", "component", "run", "weigh-parts"]
    assert template["container"]["args"] == [
        "--part={{inputs.parameters.part}}",
        "--count={{inputs.parameters.count}}",
        "--factor={{inputs.parameters.factor}}",
        "--strict={{inputs.parameters.strict}}",
        "--mode={{inputs.parameters.mode}}",
        "--limit={{inputs.parameters.limit}}",
        "--table=/tmp/inputs/table",
        "--report=/tmp/outputs/report",
        "--outputs=/tmp/outputs/parameters",
    ]
    parameters = {item["name"]: item for item in template["inputs"]["parameters"]}
    assert "value" not in parameters["part"]
    assert parameters["strict"]["value"] == "false"
    assert parameters["mode"]["enum"] == ["gross", "net"]
    assert template["inputs"]["artifacts"] == [{"name": "table", "path": "/tmp/inputs/table", "optional": True}]
    assert template["outputs"]["artifacts"] == [
        {"name": "report", "path": "/tmp/outputs/report", "archive": {"none": {}}}
    ]
    assert template["outputs"]["parameters"][0]["valueFrom"] == {"path": "/tmp/outputs/parameters/mass-kg"}
    assert set(template_of(tick)) == {"name", "inputs", "container"}


def test_a_templates_own_arguments_are_read_back() -> None:
    values = {"part": "a\nb", "count": "2", "factor": "1.0", "strict": "false", "mode": "net", "limit": ""}
    argv = template_of(weigh)["container"]["args"]
    for key, text in values.items():
        argv = [word.replace(f"{{{{inputs.parameters.{key}}}}}", text) for word in argv]
    arguments = parse_arguments(weigh, argv)
    assert {key: arguments.values[key] for key in values} == values
    assert str(arguments.outputs) == "/tmp/outputs/parameters"


def test_usage_names_everything() -> None:
    text = usage(weigh)
    for word in (
        "usage: setpoint component run weigh-parts",
        "--part STR",
        "Which part, by its number. [required]",
        "--mode gross|net",
        "--table PATH",
        "Calibration table. [optional]",
        "mass-kg",
    ):
        assert word in text
    assert max(len(line) for line in text.splitlines()) <= 120
    assert parse_arguments(weigh, ["--part=a", "-h"]).help


def test_unknown_components_are_named() -> None:
    with pytest.raises(NotFound, match="no-such-thing"):
        load("no-such-thing")
    assert nearest("data-procesing", ("data-processing", "other")) == "data-processing"
