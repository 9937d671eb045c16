"""Runs the bench and prints its table: ``python -m bench.gateway [--quick] [--reference] [--million]``."""

import argparse
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.gateway import programs, work
from bench.gateway.measures import Bench, latency
from bench.gateway.programs import Gateway

Figures = dict[str, list[float]]

DESCRIPTORS = 16384
HELD = 2000


class Plan:
    """How long and how often."""

    def __init__(self, quick: bool) -> None:
        self.rounds = 3 if quick else 5
        self.seconds = 1 if quick else 4
        self.burst_streams = 1_000 if quick else 8_000
        self.paced_streams = 200 if quick else 500
        self.latency_seconds = 2.0 if quick else 10.0


def main(arguments: Sequence[str]) -> int:
    """Runs what ``arguments`` ask for; the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than three minutes, and so less sure")
    parser.add_argument("--reference", action="store_true", help="measure inferd with the aiohttp client as well")
    parser.add_argument("--million", action="store_true", help="send a million requests and watch the memory")
    options = parser.parse_args(arguments)
    if programs.core_count() < 2:
        print("bench: two cores are needed, one for the gateway and one for the load", file=sys.stderr)
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        work.write_answers(folder)
        port = stack.enter_context(programs.upstream(folder))
        direct = Gateway("nginx", port, 0)
        gateways = [
            stack.enter_context(programs.nginx(folder, port)),
            stack.enter_context(programs.inferd(folder, "inferd", "inferd")),
        ]
        if options.reference:
            gateways.append(stack.enter_context(programs.inferd(folder, "aiohttp", "aiohttp")))
        for gateway in gateways:
            work.prepare(gateway, port)
        bench = Bench(folder, programs.build("streams", folder))
        plan = Plan(options.quick)
        print("\n".join(_table(gateways, _cpu(bench, gateways, plan))))
        print("\n".join(_others(bench, gateways, direct, plan, folder)))
        if options.million:
            print(_million(bench, gateways[1]))
    return 0


def _cpu(bench: Bench, gateways: Sequence[Gateway], plan: Plan) -> dict[str, Figures]:
    """CPU microseconds for a unit of each kind of work, round by round."""
    kinds: dict[str, Callable[[Gateway], float]] = {
        **{f"request: {each.name}": _unary(bench, each, plan) for each in work.UNARY},
        "event: chat, back to back": _streams(bench, work.BURST, 16, plan.burst_streams, 0.0),
        "event: chat, paced": _streams(bench, work.PACED, plan.paced_streams, plan.paced_streams, 0.5),
    }
    figures: dict[str, Figures] = {kind: {gateway.name: [] for gateway in gateways} for kind in kinds}
    for turn in range(plan.rounds + 1):
        for kind, measure in kinds.items():
            for gateway in gateways:
                figure = measure(gateway)
                # The first round warms up.
                if turn:
                    figures[kind][gateway.name].append(figure)
    return figures


def _unary(bench: Bench, each: work.Work, plan: Plan) -> Callable[[Gateway], float]:
    return lambda gateway: bench.unary(gateway, each, plan.seconds)[0]


def _streams(bench: Bench, each: work.Work, connections: int, count: int, ramp: float) -> Callable[[Gateway], float]:
    def measure(gateway: Gateway) -> float:
        streams = bench.streams(gateway, each, connections, count, ramp)
        if streams.whole != count:
            raise RuntimeError(f"{gateway.name}, {each.name}: {streams.whole} of {count} streams were whole")
        return streams.cpu_us

    return measure


def _table(gateways: Sequence[Gateway], figures: dict[str, Figures]) -> list[str]:
    others = [gateway.name for gateway in gateways[1:]]
    columns = ["CPU µs for one", "nginx", *(f"{name} | ÷ nginx (range)" for name in others)]
    lines = [f"| {' | '.join(columns)} |", "|" + " --- |" * (2 + 2 * len(others))]
    for kind, by_gateway in figures.items():
        cells = [kind, f"{statistics.median(by_gateway['nginx']):.1f}"]
        for name in others:
            ratios = sorted(mine / its for mine, its in zip(by_gateway[name], by_gateway["nginx"], strict=True))
            cells.append(f"{statistics.median(by_gateway[name]):.1f}")
            cells.append(f"**{statistics.median(ratios):.1f}** ({ratios[0]:.1f}–{ratios[-1]:.1f})")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _others(bench: Bench, gateways: Sequence[Gateway], direct: Gateway, plan: Plan, folder: Path) -> list[str]:
    lines = ["", "| | " + " | ".join(gateway.name for gateway in gateways) + " |", "|" + " --- |" * (1 + len(gateways))]
    added: Figures = {gateway.name: [] for gateway in gateways}
    for _ in range(plan.rounds):
        base = latency(direct, plan.latency_seconds)
        for gateway in gateways:
            added[gateway.name].append(latency(gateway, plan.latency_seconds) - base)
    shown = [_milliseconds(added[gateway.name], 2) for gateway in gateways]
    lines.append(f"| added latency, p50 at 20 requests/s (range) | {' | '.join(shown)} |")
    lines.extend(_held(bench, gateways, plan))
    starts = sorted(programs.started(folder) for _ in range(plan.rounds))
    seconds, memory = starts[len(starts) // 2]
    return [*lines, f"\nStart to first answer {seconds:.2f} s, {memory:.0f} MB at rest after it."]


def _held(bench: Bench, gateways: Sequence[Gateway], plan: Plan) -> list[str]:
    rounds = [[bench.streams(gateway, work.HELD, HELD, HELD, 4.0) for gateway in gateways] for _ in range(plan.rounds)]
    wholes, firsts, rises = [], [], []
    for waves in zip(*rounds, strict=True):
        wholes.append(f"{min(wave.whole for wave in waves)}")
        # The mock upstream itself waits a second before its first event.
        firsts.append(_milliseconds([wave.first_p99 - 1000 for wave in waves], 1))
        # The first wave takes it; the next find some of it still there.
        rises.append(f"{waves[0].memory:.0f} MB")
    return [
        f"| {HELD} streams held: whole | {' | '.join(wholes)} |",
        f"| … first event p99, over the upstream's second (range) | {' | '.join(firsts)} |",
        f"| … memory over idle | {' | '.join(rises)} |",
    ]


def _milliseconds(rounds: Sequence[float], digits: int) -> str:
    """The median of some rounds, with the lowest and the highest."""
    low, middle, high = (f"{figure:.{digits}f}" for figure in (min(rounds), statistics.median(rounds), max(rounds)))
    return f"{middle} ms ({low}–{high})"


def _million(bench: Bench, gateway: Gateway) -> str:
    memory, sent = [], 0.0
    for goal in (500_000, 1_000_000):
        while sent < goal:
            sent += bench.unary(gateway, work.COMPLETION, 20)[1] * 20
        memory.append(gateway.memory())
    return f"Memory after half a million requests {memory[0]:.1f} MB, after a million {memory[1]:.1f} MB."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
