"""ADWIN of River over streams of numbers, drifts as JSON. Usage: `river_adwin.py STREAMS.json DELTA`."""

import json
import sys
import time
from pathlib import Path

from river.drift import ADWIN


def main() -> None:
    """Feed every stream to a detector of its own."""
    streams = json.loads(Path(sys.argv[1]).read_text())
    found, count = {}, 0
    begin = time.perf_counter()
    for name, values in streams.items():
        detector, drifts = ADWIN(delta=float(sys.argv[2])), []
        for index, value in enumerate(values):
            detector.update(value)
            if detector.drift_detected:
                drifts.append(index)
        found[name] = drifts
        count += len(values)
    print(json.dumps({"drifts": found, "seconds": time.perf_counter() - begin, "values": count}))


main()
