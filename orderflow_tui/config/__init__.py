"""Configuration: strict TOML, every key once, every value with its source, every mistake in one sentence.

loaded = load(Places.usual(os.environ), sets=["risk.max_contracts=1"], env=os.environ)
loaded.config.risk.max_contracts, loaded.sources["risk.max_contracts"], loaded.instruments["ES"]
"""

from orderflow_tui.config.fault import ConfigFault, Problem
from orderflow_tui.config.layers import DATA, Loaded, Places, config_dir, folder_named, load
from orderflow_tui.config.model import Config
from orderflow_tui.config.news import is_stale
from orderflow_tui.config.sessions import Hours

__all__ = [
    "DATA",
    "Config",
    "ConfigFault",
    "Hours",
    "Loaded",
    "Places",
    "Problem",
    "config_dir",
    "folder_named",
    "is_stale",
    "load",
]
