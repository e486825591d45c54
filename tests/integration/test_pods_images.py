"""What stands for an image: the table, the entry points it ships, and environments made once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from setpoint.adapters.pods.images import ImageKind, ImageRule, default_rules, resolve
from setpoint.adapters.pods.settings import read_image_rules
from setpoint.apis.errors import InvalidSpec
from setpoint.ports.launcher import Container, PodPhase
from tests.pods import log_text, pod, run, running_launcher

RULES = default_rules()


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("setpoint", ImageKind.SETPOINT),
        ("setpoint:1.2", ImageKind.SETPOINT),
        ("registry.example:5000/team/setpoint:main", ImageKind.SETPOINT),
        ("setpoint/setpoint@sha256:00", ImageKind.SETPOINT),
        ("python:3.12-slim", ImageKind.PYTHON),
        ("docker.io/library/python", ImageKind.PYTHON),
        ("busybox", ImageKind.HOST),
        ("alpine:3", ImageKind.HOST),
        ("mirror.example/library/debian:12", ImageKind.HOST),
    ],
)
@pytest.mark.rule("machine.images", "leaf.image-entrypoint")
def test_known_images(image: str, kind: ImageKind) -> None:
    found = resolve(RULES, image, ("x",), ("y",))
    assert (found.kind, found.argv, found.warning) == (kind, ("x", "y"), "")


@pytest.mark.parametrize("image", ["team/python:3", "setpoint-tools", "pythonic", "my/alpine"])
def test_alike_names_are_unknown_and_run_on_the_host_with_a_warning(image: str) -> None:
    found = resolve(RULES, image, ("x",), ())
    assert found.kind is ImageKind.HOST
    assert image in found.warning


def test_an_image_without_command_runs_its_entrypoint() -> None:
    assert resolve(RULES, "setpoint", (), ("up",)).argv == ("setpoint", "up")
    assert resolve(RULES, "alpine", (), ()).argv == ("/bin/sh",)
    assert resolve(RULES, "alpine", (), ("ls",)).argv == ("ls",)
    assert resolve(RULES, "argoproj/argosay:v2", (), ("echo", "x")).argv[2:] == ("echo", "x")


@pytest.mark.parametrize("args", [(), ("x",)])
@pytest.mark.rule("machine.images")
def test_an_unknown_image_without_command_is_refused(args: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSpec, match=r"templates\[1\].*other/tool:2"):
        resolve(RULES, "other/tool:2", (), args, path="templates[1].container.image")


@pytest.mark.rule("machine.images")
def test_rules_of_the_user_go_first_and_may_name_a_tag() -> None:
    own = read_image_rules(
        '[[image]]\npattern = "python:3.11*"\nkind = "python"\nrequirements = ["x==1"]\n'
        '[[image]]\npattern = "team/*"\nkind = "host"\nentrypoint = ["tool"]\n[image.environment]\nA = "1"\n',
        file="images.toml",
    )
    rules = (*own, *RULES)
    assert resolve(rules, "python:3.11-slim", ("x",), ()).requirements == ("x==1",)
    assert resolve(rules, "python:3.12", ("x",), ()).requirements == ()
    found = resolve(rules, "team/a:1", (), ("b",))
    assert (found.argv, found.environment) == (("tool", "b"), {"A": "1"})


@pytest.mark.parametrize(
    "text", ["[[image]]\npattern = 1", '[[image]]\npattern = "x"\nkind = "none"', "[[images]]", "[", "image = 1"]
)
def test_a_wrong_table_is_one_clear_error(text: str) -> None:
    with pytest.raises(InvalidSpec, match=r"images\.toml"):
        read_image_rules(text, file="images.toml")


def argosay(*args: str, cwd: Path) -> tuple[int, str]:
    argv = resolve(RULES, "argoproj/argosay:v2", (), args).argv
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_argosay(tmp_path: Path) -> None:
    assert argosay(cwd=tmp_path) == (0, "hello argo\n")
    assert argosay("echo", cwd=tmp_path) == (0, "hello argo\n")
    assert argosay("echo", "-n x", cwd=tmp_path) == (0, "-n x\n")
    assert argosay("echo", "text", "deep/file", cwd=tmp_path) == (0, "")
    assert argosay("cat", "deep/file", cwd=tmp_path) == (0, "text")
    assert argosay("assert_contains", "deep/file", "ex", cwd=tmp_path)[0] == 0
    assert argosay("assert_contains", "deep/file", "no", cwd=tmp_path)[0] == 1
    assert argosay("sleep", "0", cwd=tmp_path)[0] == 0
    assert argosay("exit", "7", cwd=tmp_path)[0] == 7
    (tmp_path / "file").write_text("echo ran")
    assert argosay("sh", "file", cwd=tmp_path) == (0, "ran\n")
    assert argosay("dance", cwd=tmp_path)[0] == 1


def test_cowsay_says_it() -> None:
    argv = resolve(RULES, "docker/whalesay:latest", ("cowsay",), ("hello world",)).argv
    assert "< hello world >" in subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def wheel(folder: Path, text: str) -> Path:
    """A wheel of one module, made by hand so that no build tool and no network is needed."""
    path = folder / "plantlib-1.0-py3-none-any.whl"
    files = {
        "plantlib.py": f"NAME = {text!r}\n",
        "plantlib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: plantlib\nVersion: 1.0\n",
        "plantlib-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}")
        archive.writestr("plantlib-1.0.dist-info/RECORD", "\n".join([*record, "plantlib-1.0.dist-info/RECORD,,"]))
    return path


async def test_an_environment_is_made_once_and_used_by_all(tmp_path: Path) -> None:
    lines = ("--no-index", str(wheel(tmp_path, "from the wheel")))
    rule = ImageRule(pattern="python:plant", kind=ImageKind.PYTHON, requirements=lines)
    main = Container(
        name="main",
        image="python:plant",
        command=("python", "-c", "import plantlib, sys; print(plantlib.NAME, sys.prefix)"),
    )
    async with running_launcher(tmp_path / "home", images=(rule,)) as launcher:
        requests = [pod(main, id=f"p{number}", capture_result=True) for number in range(3)]
        exits = await asyncio.gather(*(run(launcher, request) for request in requests))
    results = {exit_.result for exit_ in exits}
    assert len(results) == 1, [exit_.message for exit_ in exits]
    (result,) = results
    assert result is not None
    assert result.startswith("from the wheel ")
    made = [path for path in (tmp_path / "home" / "environments").iterdir() if (path / "pyvenv.cfg").exists()]
    assert [str(path) for path in made] == [result.removeprefix("from the wheel ")]


async def test_an_environment_that_cannot_be_made_is_an_error_naming_the_image(tmp_path: Path) -> None:
    rule = ImageRule(pattern="python:bad", kind=ImageKind.PYTHON, requirements=("--no-index", "no-such-package==1"))
    main = Container(name="main", image="python:bad", command=("python", "-V"))
    async with running_launcher(tmp_path, images=(rule,)) as launcher:
        exit_ = await run(launcher, pod(main))
        assert exit_.phase is PodPhase.ERROR
        assert exit_.message.startswith("init: ")
        assert "python:bad" in exit_.message
        assert "no-such-package" in exit_.message
        await launcher.launch(pod(main, id="again"))
        await launcher.kill("again", reason="stop", grace_seconds=1)


async def test_an_unknown_image_leaves_its_warning_in_the_log_of_the_pod(tmp_path: Path) -> None:
    main = Container(name="main", image="team/tool:1", command=("echo", "x"))
    async with running_launcher(tmp_path) as launcher:
        exit_ = await run(launcher, pod(main, capture_result=True))
        assert exit_.result == "x"
        assert "team/tool:1" in await log_text(launcher, "pod-1")


@pytest.mark.parametrize("isolation", ["auto", "rewrite"])
@pytest.mark.parametrize(
    ("image", "script", "said"),
    [
        ("argoproj/argosay:v2", "true; /argosay echo by-path && argosay echo by-name", "by-path\nby-name"),
        ("argoproj/argosay:v1", "cowsay hello | grep hello", "< hello >"),
        ("docker/whalesay", "cowsay hello | grep hello", "< hello >"),
    ],
)
async def test_scripts_find_the_programs_of_an_image(
    tmp_path: Path, image: str, script: str, said: str, isolation: str
) -> None:
    async with running_launcher(tmp_path, isolation=isolation) as launcher:
        main = Container(name="main", image=image, command=("sh", "-ec", script))
        end = await run(launcher, pod(main, id="p"))
        assert end.phase is PodPhase.SUCCEEDED, end.message
        assert await log_text(launcher, "p") == said
