"""How values read on screen: numbers, sizes, durations, states; and `tr()`, the one door to translations. Pure.

Dashes stand for "nothing to say", thin spaces part thousands, sizes are decimal as disks and archives are labelled.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from engine.snapshots import Progress, VersionState, WorkerState

DASH = "\N{EN DASH}"
THIN_SPACE = "\N{THIN SPACE}"
KILO = 1000
TEN = 10
UNITS = ("bytes", "kB", "MB", "GB", "TB")
# What the engine says in one word, on the way to `tr` as a value; a translator finds these here.
PHASES = (
    "Starting",
    "Copying",
    "Downloading",
    "Environment",
    "Hashing",
    "Packing",
    "Reading",
    "Registering",
    "Testing",
    "Unpacking",
)
LEVELS = ("Debug", "Info", "Warning", "Error", "Critical")
KINDS = ("TorchScript", "weights", "exported program", "ONNX", "Python", "file")
SERVICES = ("Management", "Inference", "Metrics", "management", "inference", "metrics")
STATES = tuple(dict.fromkeys(state.value.capitalize() for state in (*VersionState, *WorkerState)))
VALUES = (*PHASES, *LEVELS, *KINDS, *SERVICES, *STATES)
# What fits beside the name of a phase in a dialog.
MOST_TEXT = 60


def tr(text: str, n: int = -1) -> str:
    """The text in the user's language; `%n` in it becomes `n`."""
    return QCoreApplication.translate("Marina", text, None, n)


def counted(n: int, one: str, many: str) -> str:
    """`one` or `many` with `%n` filled in: `counted(2, "%n worker", "%n workers")` is "2 workers"."""
    return tr(one if n == 1 else many, n)


def number(value: int | None) -> str:
    """A whole number with thin-space thousands, a dash for None."""
    return DASH if value is None else f"{value:,}".replace(",", THIN_SPACE)


def rate(value: float | None) -> str:
    """Requests per second: a dash for none, one decimal below ten."""
    if not value:
        return DASH
    return f"{value:.1f}" if value < TEN else number(round(value))


def milliseconds(seconds: float | None) -> str:
    """Seconds as milliseconds for a column that names the unit: one decimal below a hundred, a dash for none."""
    if seconds is None:
        return DASH
    value = seconds * KILO
    return f"{value:.1f}" if value < TEN * TEN else number(round(value))


def size(count: int | None) -> str:
    """Bytes in the largest unit that keeps the number at least one: "61 MB", "1.2 GB"; a dash for nothing."""
    if not count:
        return DASH
    value, unit = float(count), 0
    while value >= KILO and unit < len(UNITS) - 1:
        value, unit = value / KILO, unit + 1
    digits = 1 if unit and value < TEN else 0
    return f"{value:.{digits}f} {UNITS[unit]}"


def share(done: int, total: int) -> str:
    """Progress in bytes: "318 of 512 MB", or only what is done when the total is not known."""
    if not total:
        return size(done)
    return tr("{done} of {total}").format(done=size(done) if done else "0", total=size(total))


def share_of(used: int, total: int) -> str:
    """Two sizes in the unit of the larger: "51 of 139 GB", "9.4 of 128 GB"."""
    whole = size(total)
    unit = UNITS.index(whole.rpartition(" ")[2]) if total else 0
    value = used / KILO**unit
    return tr("{used} of {total}").format(used=f"{value:.{1 if 0 < value < TEN else 0}f}", total=whole)


def progress(step: Progress) -> str:
    """How far a long act is: what it says in at most `MOST_TEXT` characters, else its bytes."""
    text = step.text if len(step.text) <= MOST_TEXT else f"{step.text[: MOST_TEXT - 1]}…"
    return text or share(step.done, step.total)


def duration(seconds: int) -> str:
    """Whole seconds as hh:mm:ss, with days in front when there are any."""
    minutes, second = divmod(max(0, seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return f"{days} d {clock}" if days else clock


def state_name(state: VersionState) -> str:
    """The state's word, capitalised: "Ready"."""
    return tr(state.value.capitalize())


def worker_state(state: WorkerState, *, busy: bool) -> tuple[VersionState, str]:
    """The mark that a worker shows and its word; a ready worker with jobs in flight is busy."""
    marks = {
        WorkerState.STARTING: VersionState.LOADING,
        WorkerState.LOADING: VersionState.LOADING,
        WorkerState.READY: VersionState.BUSY if busy else VersionState.READY,
        WorkerState.DRAINING: VersionState.DRAINING,
        WorkerState.BACKING_OFF: VersionState.FAILED,
        WorkerState.FAILED: VersionState.FAILED,
        WorkerState.STOPPED: VersionState.IDLE,
    }
    mark = marks[state]
    return mark, state_name(mark) if state is WorkerState.READY else tr(state.value.capitalize())


def base_name(url: str) -> str:
    """The last part of an archive's path or address."""
    return url.rstrip("/").rsplit("/", 1)[-1]
