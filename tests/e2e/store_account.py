"""What a store must hold, by what its writers told."""

from pathlib import Path

from tests.e2e.store_writer import opened


class Account:
    """Follows the lines of ``store_writer``; ``value`` None stands for an endpoint that is not there.

    Where the disk never recovers while the writer lives (``lasting``), a failed change may have stayed.
    """

    def __init__(self, *, lasting: bool = False) -> None:
        self.lasting = lasting
        self.unsure: list[tuple[str, str | None]] = []
        self.held: dict[str, str | None] = {}
        self.pending: dict[str, tuple[str, str | None]] = {}
        self.acknowledged = 0
        self.failed = 0

    def hear(self, line: str) -> None:
        """Take note of one line."""
        match line.split():
            case ["begin", writer, verb, inference_id, value]:
                self.pending[writer] = (inference_id, None if verb == "delete" else value)
            case ["done", writer]:
                inference_id, wanted = self.pending.pop(writer)
                self.held[inference_id] = wanted
                self.acknowledged += 1
            case ["failed", writer]:
                change = self.pending.pop(writer)
                self.failed += 1
                if self.lasting:
                    self.unsure.append(change)

    async def settle(self, folder: Path) -> None:
        """Open the store: what was acknowledged is there, what was under way is there whole or not at all."""
        store = await opened(folder)
        try:
            found = {one.inference_id: one.service_settings.stored()["model_id"] for one in store.all()}
            for inference_id, value in found.items():
                assert store.secrets(inference_id)["api_key"] == value, "half a write"
        finally:
            await store.close()
        allowed = {inference_id: {value} for inference_id, value in self.held.items()}
        for inference_id, value in (*self.pending.values(), *self.unsure):
            allowed.setdefault(inference_id, {None}).add(value)
        assert found.keys() <= allowed.keys(), "a phantom"
        for inference_id, values in allowed.items():
            assert found.get(inference_id) in values, inference_id
        self.held = {inference_id: found.get(inference_id) for inference_id in allowed}
        self.pending.clear()
