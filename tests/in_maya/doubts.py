"""What no public document settles of what we ask of Maya, and the checks that settle it in a minute. The
table of docs/reference/maya_contract.md is this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Doubt:
    """claim: what the code relies on. checks: names without `check_`; if they hold, it is so here."""

    claim: str
    checks: tuple[str, ...]


DOUBTS = (
    Doubt(
        "A change of the inherited `weights` dirties our own `paintStamp` in plain DG mode, which `deform` "
        "reads",
        ("painted_weights_reach_the_points_in_every_mode",),
    ),
    Doubt(
        "Under the evaluation manager `preEvaluation` is told of painted maps that changed",
        (
            "painted_weights_reach_the_points_in_every_mode",
            "a_painted_thickness_reaches_the_points_in_every_mode",
        ),
    ),
    Doubt(
        "SWIG has the handles of `weightList` and `weights` under `cvar`, or on the class",
        ("painted_weights_are_sparse_and_follow_changes",),
    ),
    Doubt(
        "`status` is computed each time it is asked for, since it is not cached",
        ("a_missing_model_is_the_input", "another_mesh_passes_through", "a_weight_that_is_no_number"),
    ),
    Doubt(
        "Cached playback shows what evaluation gives, with Python nodes in the scene",
        ("cached_playback_shows_the_same_frames",),
    ),
    Doubt(
        "`schedulingType` is asked of a Python node: two are never in `deform` at once",
        ("nodes_are_evaluated_one_at_a_time",),
    ),
    Doubt(
        "onnxruntime opens a session in this process, with CUDA's libraries preloaded where they are",
        ("onnxruntime_opens_a_session",),
    ),
    Doubt(
        "Component tags are resolved by `MFnGeometryData.resolveComponentTagExpression` inside `deform`",
        ("membership_subsets",),
    ),
    Doubt(
        "numpy's own BLAS is found and held to one thread while the node evaluates",
        ("blas_is_held_to_one_thread",),
    ),
)


def settled(results: dict[str, bool]) -> list[str]:
    """Markdown rows: each claim, and what this Maya says. results: {check without `check_`: it held}."""
    lines = ["| what no document says | in this Maya |", "| --- | --- |"]
    for doubt in DOUBTS:
        known = [results[name] for name in doubt.checks if name in results]
        lines.append(f"| {doubt.claim} | {_verdict(known, len(doubt.checks))} |")
    return lines


def _verdict(known: Sequence[bool], wanted: int) -> str:
    if not all(known):
        return "NO, see the failed checks"
    return "yes" if len(known) == wanted else "not tried"
