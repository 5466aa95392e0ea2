"""`python -m orderflow_tui` and the `orderflow-tui` command."""

from __future__ import annotations

from orderflow_tui.cli import main

if __name__ == "__main__":
    main()
