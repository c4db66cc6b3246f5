"""Whose tally counts: the member's own, or that of whoever their wallet was merged into."""

from __future__ import annotations


def holder_of(batch: str, member: str) -> str:
    """SQL for the member at the end of the merges; null when nothing was tallied yet."""
    return f"""(WITH RECURSIVE chain AS (
        SELECT t.member_id, t.moved_to_id FROM rewards_coupontally t
         WHERE t.batch_id = {batch} AND t.member_id = {member}
        UNION ALL
        SELECT t.member_id, t.moved_to_id FROM chain
          JOIN rewards_coupontally t ON t.id = chain.moved_to_id
    ) SELECT member_id FROM chain WHERE moved_to_id IS NULL)"""  # noqa: S608 - names of columns
