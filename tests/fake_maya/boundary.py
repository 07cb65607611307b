"""The border between the code under test and the stand-in: counting, arity, threads and what is forbidden
during evaluation."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import ContractError
from .signatures import SIGNATURES

if TYPE_CHECKING:
    from .evaluation import Frame
    from .session import Session

T = TypeVar("T", bound=type)

# Calls that walk or ask the dependency graph: on an evaluation thread Maya answers with stale or empty
# data, or crashes.
_FORBIDDEN = """
MFnDependencyNode: findPlug findAlias getAliasList plugsAlias getAliasAttr getConnections
MPlug: connectedTo asMObject asDouble asFloat asInt asShort asBool asChar asString asMTime asMAngle
    asMDistance asMDataHandle source destinations setDouble setFloat setInt setShort setBool setString
    setMObject setMDataHandle evaluateNumElements isConnected getExistingArrayAttributeIndices
MSelectionList: add getDependNode getDagPath getPlug
MGlobal: executeCommand executePythonCommand getSelectionListByName getActiveSelectionList
MDGModifier: doIt
"""
FORBIDDEN_IN_EVALUATION = {
    f"{line.partition(':')[0]}.{method}"
    for line in _FORBIDDEN.replace("\n    ", " ").splitlines()
    for method in line.partition(":")[2].split()
}


class _ThreadState(threading.local):
    """Per thread: how deep inside the stand-in we are, which evaluations run, and time spent in the tested
    code."""

    def __init__(self) -> None:
        self.depth = 0
        self.frames: list[Frame] = []
        self.user_seconds: list[float] = []


local = _ThreadState()
_current: list[Session] = []


def current() -> Session:
    """The running application."""
    if not _current:
        raise RuntimeError("no Maya is installed: call tests.fake_maya.install() first")
    return _current[-1]


def make_current(session: Session | None) -> None:
    """Make `session` the running application (None: there is none)."""
    _current.clear()
    if session is not None:
        _current.append(session)


def violate(message: str) -> ContractError:
    """Record a broken contract (Maya swallows exceptions inside deform) and give the error to raise."""
    error = ContractError(message)
    current().violations.append(error)
    return error


@contextmanager
def user_code() -> Iterator[None]:
    """Run a piece of the tested code from inside the stand-in: its calls count again."""
    depth, local.depth = local.depth, 0
    start = time.perf_counter()
    try:
        yield
    finally:
        local.depth = depth
        if local.user_seconds:
            local.user_seconds[-1] += time.perf_counter() - start


@contextmanager
def stand_in() -> Iterator[None]:
    """Run stand-in code that calls its own public faces: nothing counts, nothing is forbidden."""
    local.depth += 1
    try:
        yield
    finally:
        local.depth -= 1


def call_from_outside(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Count one crossing of the border; time it where it is made from an evaluation."""
    start = time.perf_counter()
    session = current()
    with session.count_lock:
        session.calls[name] += 1
    local.depth += 1
    timed = bool(local.frames)
    if timed:
        local.user_seconds.append(0.0)
    try:
        return function(*args, **kwargs)
    finally:
        local.depth -= 1
        if timed:
            session.api_seconds += time.perf_counter() - start - local.user_seconds.pop()


def arity_error(name: str, counts: tuple[int, ...], given: int) -> Exception:
    """What SWIG raises for a wrong number of arguments."""
    method = name.replace(".", "_")
    if len(counts) == 1:
        return TypeError(f"{method}() takes exactly {counts[0] + 1} arguments ({given + 1} given)")
    return NotImplementedError(f"Wrong number or type of arguments for overloaded function '{method}'.")


def _wrap(cls_name: str, method: str, function: Callable[..., Any], *, static: bool) -> Callable[..., Any]:
    public = cls_name if method == "__init__" else f"{cls_name}.{method}"
    counts, forbidden = SIGNATURES.get(cls_name, {}).get(method), public in FORBIDDEN_IN_EVALUATION
    itself = 0 if static else 1

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        if local.depth:
            return function(*args)
        begin = time.perf_counter()
        if counts is not None and len(args) - itself not in counts:
            raise arity_error(public, counts, len(args) - itself)
        if frames := local.frames:
            if forbidden and not frames[-1].allows(public):
                node = frames[-1].node.name
                raise violate(f"{public} during evaluation of {node}: only the data block may be used")
            # what the border itself costs is the stand-in's, too
            current().api_seconds += time.perf_counter() - begin
        return call_from_outside(public, function, *args)

    wrapper.__stand_in__ = True  # type: ignore[attr-defined]
    return wrapper


_STATIC = ("MGlobal", "MFileIO", "MMessage", "MSceneMessage")


def api(cls: T) -> T:
    """Class decorator: every public method is counted, checked for arity and refuses keywords, as SWIG does.

    Methods of the table of signatures that are not written are there, too: they check the same, then refuse.
    """
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(member, staticmethod):
            setattr(cls, name, staticmethod(_wrap(cls.__name__, name, member.__func__, static=True)))
        elif callable(member) and not isinstance(member, type):
            setattr(cls, name, _wrap(cls.__name__, name, member, static=False))
    for name in SIGNATURES.get(cls.__name__, ()):
        if getattr(cls, name, object.__init__) is object.__init__:
            setattr(cls, name, _absent(cls.__name__, name))
    return cls


def _absent(cls_name: str, method: str) -> Any:
    def absent(*args: Any) -> Any:
        raise NotImplementedError(f"the stand-in does not imitate {cls_name}.{method}")

    made = _wrap(cls_name, method, absent, static=cls_name in _STATIC)
    return staticmethod(made) if cls_name in _STATIC else made


def absent_class(name: str) -> type:
    """An API class of which the stand-in knows the signatures only."""
    return api(type(name, (), {}))


def constants(text: str) -> Callable[[T], T]:
    """Class decorator: `kA kB kC=7 kD` are 0, 1, 7 and 8."""

    def decorate(cls: T) -> T:
        following = 0
        for word in text.split():
            name, _, value = word.partition("=")
            following = int(value) if value else following
            setattr(cls, name, following)
            following += 1
        return cls

    return decorate


def wrong_arguments(method: str) -> NotImplementedError:
    """What SWIG raises when no overload fits."""
    return NotImplementedError(f"Wrong number or type of arguments for overloaded function '{method}'.")
