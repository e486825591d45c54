"""`python -m setpoint.modelserver --model-name NAME --model-dir DIR`: flags in, exit code out.

KServe's spellings of the flags (`--model_name`, `--model_dir`, `--http_port`) mean the same. Exit code 0 after a
requested end, 1 if the model cannot be served, 2 for wrong flags.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from setpoint.apis.errors import SetpointError

# Numeric libraries size their thread pools when they are loaded: one thread per predict leaves the cores to requests.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_parser() -> argparse.ArgumentParser:
    """The flags."""
    parser = argparse.ArgumentParser(prog="setpoint.modelserver", description="Serve one model by protocol V2.")
    parser.add_argument("--model-name", "--model_name", required=True, help="the name in /v2/models/NAME")
    parser.add_argument("--model-dir", "--model_dir", required=True, type=Path, help="the model's directory")
    parser.add_argument("--version", "--model-version", default=None, help="the version in /versions/VERSION")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--http-port", "--http_port", type=int, default=0, help="port; 0 lets the system choose")
    parser.add_argument("--port-file", type=Path, default=None, help="file to write the bound port to")
    parser.add_argument("--max-body-bytes", type=int, default=64 * 2**20, help="larger bodies are refused with 413")
    parser.add_argument("--max-queue", type=int, default=128, help="more requests at once are refused with 503")
    parser.add_argument("--grace-seconds", type=int, default=20, help="time to answer what is inside after SIGTERM")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Parse, serve, and turn an error of the tree into one line."""
    arguments = make_parser().parse_args(argv)
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    from setpoint.modelserver.loading import load_servable  # noqa: PLC0415  thread limits come before numpy
    from setpoint.modelserver.server import ServerSettings, serve  # noqa: PLC0415  thread limits come before numpy

    settings = ServerSettings(
        model_name=arguments.model_name,
        model_dir=arguments.model_dir,
        version=arguments.version,
        host=arguments.host,
        port=arguments.http_port,
        port_file=arguments.port_file,
        max_body_bytes=arguments.max_body_bytes,
        max_queue=arguments.max_queue,
        grace_seconds=arguments.grace_seconds,
    )
    try:
        return serve(settings, load_servable)
    except SetpointError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
