"""An engine that computes nothing: `python scripted_peer.py BEHAVIOUR`.

`steady` answers every order with a second, `crash` dies over its second order, `babble` answers it with what is no
JSON, `refuse` says at once that it cannot run.
"""

import json
import os
import signal
import sys


def main(behaviour):
    if behaviour == "refuse":
        print(json.dumps({"cause": "There is nothing to run", "remedy": ""}), flush=True)
        return
    print(json.dumps({"engine": "scripted", "version": "1", "precision": "q0"}), flush=True)
    for number, line in enumerate(sys.stdin):
        json.loads(line)
        if number == 1 and behaviour == "crash":
            sys.stderr.write("scripted engine: about to crash\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 1 and behaviour == "babble":
            print("a library speaks", flush=True)
        print(json.dumps({"seconds": 1.0}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
