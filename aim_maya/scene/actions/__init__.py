"""What a user does: capture, attach, restore, teeth, anatomy, native rigs, performances.

One undo step each.
"""
