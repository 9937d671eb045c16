"""inferd beside nginx, in the same run: CPU per unit of work, latency, memory, start. ``scripts/bench`` runs it."""
