"""`python -m setpoint.server.gateway --home DIR`: exit code 0 after a requested end, 1 with one line that says why."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from setpoint.apis.errors import SetpointError
from setpoint.server.gateway.process import GatewaySettings, run_gateway


def main(argv: list[str] | None = None) -> int:
    """Parse, run, and turn an error of the tree into one line."""
    parser = argparse.ArgumentParser(prog="setpoint.server.gateway", description="One stable URL per InferenceService.")
    parser.add_argument("--home", required=True, type=Path, help="the state directory")
    parser.add_argument("--max-body-bytes", type=int, default=64 * 2**20, help="larger bodies are refused with 413")
    parser.add_argument("--grace-seconds", type=int, default=20, help="time to answer what is inside after SIGTERM")
    parser.add_argument(
        "--prediction-log-mb", type=int, default=512, help="MiB of each service's prediction log; 0 for none"
    )
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    settings = GatewaySettings(
        home=arguments.home,
        max_body_bytes=arguments.max_body_bytes,
        grace_seconds=arguments.grace_seconds,
        prediction_log_mb=arguments.prediction_log_mb,
    )
    try:
        run_gateway(settings)
    except SetpointError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
