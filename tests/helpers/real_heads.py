"""The real heads beside the repository, read and examined once a process. Nobody may change what they
hold."""

from __future__ import annotations

from functools import cache

from aim_maya.core.actor import Actor
from aim_maya.core.actor_folder import read_actor
from tests.conftest import head_data
from trainer.actor.constraints import Constraints, find_constraints


@cache
def real_head(name: str) -> Actor:
    """An actor, or skip."""
    return read_actor(head_data(name))


@cache
def real_constraints(name: str) -> Constraints:
    return find_constraints(real_head(name))
