"""Print what each kind of run costs the device, as a table: `python tests/cuda/counters.py [MODEL_FOLDER]`.

MODEL_FOLDER is a built fp16 model; a tiny one is made where none is named.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from cuda_stub.build import build  # noqa: E402 (found through the paths above)
from tiny_on_cuda import tiny_model  # noqa: E402

COLUMNS = {
    "launches": "launches",
    "graph_launches": "replays",
    "gemms": "cuBLAS",
    "allocations": "allocations",
    "h2d": "to device",
    "h2d_bytes": "bytes",
    "d2h": "to host",
    "d2h_bytes": "bytes",
    "d2d": "on device",
    "synchronizations": "waits",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = sys.argv[1] if len(sys.argv) > 1 else str(tiny_model(Path(folder), "fp16"))
        libraries = build(Path(folder))

        def seen(drill: str) -> dict:
            command = [sys.executable, str(HERE / "drills.py"), drill, str(libraries), json.dumps({"model": model})]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            return json.loads(told.splitlines()[-1])

        runs, recorded = seen("steps")["runs"], seen("recorded")
    steps = (recorded["one"][-1], recorded["three"][-1], *recorded["many"])
    runs |= {f"recorded, {step['rows']}": step for step in steps}
    print(f"{'run':14}" + "".join(f"{title:>12}" for title in COLUMNS.values()))
    for name, counters in runs.items():
        print(f"{name:14}" + "".join(f"{counters[column]:>12,}" for column in COLUMNS))


if __name__ == "__main__":
    main()
