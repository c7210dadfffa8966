"""The arena: invited people try to get forbidden things past a guarded target, and are paid for what gets through."""
