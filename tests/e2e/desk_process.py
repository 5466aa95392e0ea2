"""`python -m tests.e2e.desk_process <folder> <port> <ahead_ns> <mode>`: a house in a process of its own, to be killed.

Prints `ready` once its past stands. SIGTERM ends it in order; it then writes what its analytics know to `known.pickle`.
"""

from __future__ import annotations

import pickle
import signal
import sys
import time
from pathlib import Path

from orderflow_tui.runtime import Runtime
from orderflow_tui.seam import Seam
from orderflow_tui.wiring import Wish, builder, plan_of
from tests.wiring.remembered import known

STANDS = "history:"


def main() -> None:
    """Run until told to end."""
    folder, port, ahead_ns, mode = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    plan = plan_of(Wish(mode=mode, data_dir=folder, sets=(f"ib.port={port}", *sys.argv[5:])))
    seam = Seam("test")
    runtime = Runtime(builder(plan, lambda: time.time_ns() + ahead_ns), seam)
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    runtime.start()
    told = False
    while not ending:
        time.sleep(0.02)
        view = seam.view()
        if not told and view is not None and view.dom.last is not None and any(STANDS in a.text for _, a, _ in runtime.alerts):
            told = True
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        assert not runtime.join(0), f"the house ended: {runtime.failure}"
    runtime.stop()
    assert runtime.join(30)
    runtime.inbox.settle()
    engine = runtime.house.engine
    (folder / "known.pickle").write_bytes(pickle.dumps((engine.now_ns, engine.contract, known(engine))))


if __name__ == "__main__":
    main()
