"""The system's own faults in words: which path, what is wrong, what to do."""

from __future__ import annotations

import errno


def said(fault: BaseException) -> str:
    """A fault in words; the system's own with the path it is about and what to do."""
    if not isinstance(fault, OSError) or fault.strerror is None:
        return str(fault)
    match fault.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            then = ": it must be ours to read and write; mend its owner and mode, or name another"
        case errno.ENOTDIR | errno.EEXIST:
            then = ": a file stands where a folder is needed; move it away, or name another"
        case errno.EISDIR:
            then = ": a folder stands where a file is needed; move it away"
        case errno.ENOSPC | errno.EDQUOT:
            then = ": make room, then start again"
        case _:
            then = ""
    place = f"{fault.filename}: " if fault.filename is not None else ""
    return f"{place}{fault.strerror.lower()}{then}"
