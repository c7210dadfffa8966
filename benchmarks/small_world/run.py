"""The small world: what deliberative alignment does to a model of which everything is known.

    python benchmarks/small_world/run.py --seeds 5          # every arm, five seeds, results/small_world.json
    python benchmarks/small_world/run.py --seeds 1 --quick  # a look at the machinery

Each seed has a world, a base and arms of its own; seeds run as processes of one thread each. A finished seed is kept in
``--work`` and not run again. See ``docs/small_world.md`` for the design and for what the table may be read to say.
"""

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]


class Laps:
    """Processor seconds by stage, said as they pass."""

    def __init__(self, seed: int) -> None:
        self.seed, self.began = seed, time.process_time()
        self.spent: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """End the stage ``name``."""
        self.spent[name] = time.process_time() - self.began - sum(self.spent.values())
        print(f"seed {self.seed}: {name} {self.spent[name]:.0f} CPU-s", flush=True)


def one_seed(seed: int, work: Path, quick: bool) -> dict[str, Any]:
    """Every arm of one seed; the base and the results are kept in ``work``."""
    done = work / f"seed-{seed}.json"
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return found
    import measure
    import organism
    import torch

    torch.set_num_threads(1)
    laps = Laps(seed)
    setting = prepared(seed, work, quick)
    laps.lap("base")
    number = 24 if quick else 200
    made = arms_of(setting, quick, laps)
    models, world, chat = made["models"], setting.world, setting.chat
    tables = {name: measure.table(world, chat, model, number=number, seed=seed) for name, model in models.items()}
    tables["rules in context"] = measure.table(
        world, chat, setting.base, number=number, seed=seed, rules=world.rules.text()
    )
    laps.lap("tables")
    curves = {
        name: measure.compute_curve(world, chat, models[name], number=number, seed=seed)
        for name in ("deliberative", "deliberative + RL")
    }
    laps.lap("compute curves")
    noise = noisy_judges(setting, number)
    laps.lap("noisy judges")
    mix = capability_mix(setting, made["safety"], number)
    laps.lap("capability mix")
    models["deliberative + RL"].save_pretrained(work / f"aligned-{seed}")
    chat.tokenizer.save_pretrained(work / f"aligned-{seed}")
    result = {
        "seed": seed,
        "parameters": organism.parameters(setting.base),
        "kept": made["kept"],
        "tables": tables,
        "curves": curves,
        "rewards": made["rewards"],
        "noisy_judges": noise,
        "capability_mix": mix,
        "cpu_s": laps.spent,
    }
    done.write_text(json.dumps(result), encoding="utf-8")
    return result


def prepared(seed: int, work: Path, quick: bool) -> Any:
    """The world and its base, trained where ``work`` does not hold it."""
    import arms
    import organism
    from world import World

    world, chat, folder = World.made(seed), organism.chat(), work / f"base-{seed}"
    if (folder / "config.json").exists():
        base: Any = organism.LlamaForCausalLM.from_pretrained(folder)
    else:
        base = organism.train_base(world, chat, seed, steps=30 if quick else 1500, report=lambda line: None)
        base.save_pretrained(folder)
        chat.tokenizer.save_pretrained(folder)
    sizes = {"rows": 60, "sft_steps": 5, "rl_steps": 2} if quick else {}
    return arms.Setting(world=world, chat=chat, base=base, seed=seed, report=lambda line: None, **sizes)


def arms_of(setting: Any, quick: bool, laps: Laps) -> dict[str, Any]:
    """Every arm's model, the safety lessons, what the filter kept and what reinforcement saw."""
    import arms

    prompts = arms.safety_tasks(setting, setting.rows, "generate"), arms.other_tasks(setting, setting.rows)
    # A base of thirty steps reasons about nothing: a quick look takes the world's own chains.
    kept, others = (arms.oracle(setting, tasks) if quick else arms.generate(setting, tasks) for tasks in prompts)
    laps.lap("generate and filter")
    safety, other = arms.lessons(setting, kept), arms.lessons(setting, others)
    plain = arms.lessons(setting, others, arms.without_clauses)
    models: dict[str, Any] = {
        "base": setting.base,
        "label only": arms.tuned(setting, arms.lessons(setting, kept, arms.without_reasoning), plain),
        "reasoning without rules": arms.tuned(setting, arms.lessons(setting, kept, arms.without_clauses), plain),
        "deliberative": arms.tuned(setting, safety, other),
    }
    laps.lap("fine-tuning")
    rewards: dict[str, Any] = {}
    for name in ("deliberative", "reasoning without rules", "base"):
        keep = other if name == "deliberative" else plain
        model, seen = arms.reinforced(setting, models[name], keep)
        models["RL only" if name == "base" else f"{name} + RL"] = model
        rewards[name] = [step.reward for step in seen]
    laps.lap("reinforcement")
    return {"models": models, "safety": safety, "kept": dict(kept.counts), "rewards": rewards}


def noisy_judges(setting: Any, number: int) -> list[dict[str, Any]]:
    """What the least of several gradings buys: purity and share kept, of chains half of which were made wrong."""
    import arms
    import judges
    from organism import asked

    from solon.align.filter import grade, keep

    rng = random.Random(setting.seed)
    tasks, chains = arms.spoilt(setting, 4 * number, rng)
    rows: list[dict[str, Any]] = []
    for noise in (0.1, 0.2):
        for times in (1, 2, 3, 5):
            kept = keep(grade(tasks, chains, judges.Grading(world=setting.world, noise=noise), times=times))
            right = sum(
                judges.exact(setting.world, asked(row.task), row.chain.answer.text)
                and judges.cites(setting.world, asked(row.task), row.chain.reasoning)
                for row in kept.rows
            )
            rows.append(
                {
                    "noise": noise,
                    "times": times,
                    "kept": len(kept.rows) / len(tasks),
                    "pure": right / max(1, len(kept.rows)),
                    "n": len(tasks),
                }
            )
    return rows


def capability_mix(setting: Any, safety: Any, number: int) -> dict[str, Any]:
    """The same arm where every harmless prompt under a cipher comes without a word about rules."""
    import arms
    import measure
    from world import CIPHERS

    tasks = arms.other_tasks(setting, setting.rows, depths=(0, 1, 2, 3), ciphers=CIPHERS)
    silent = arms.lessons(setting, arms.generate(setting, tasks, rules=False))
    if len(silent) < 16:  # a quick base writes nothing that is whole
        return {}
    model = arms.tuned(setting, safety, silent)
    return measure.table(setting.world, setting.chat, model, number=number, seed=setting.seed)


def means(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and 95 % interval over seeds (Student's t) of every figure of every arm and cell."""
    table: dict[str, Any] = {}
    for arm, cells in results[0]["tables"].items():
        for cell, figures in cells.items():
            for figure in figures:
                values = [result["tables"][arm][cell][figure] for result in results]
                table.setdefault(arm, {}).setdefault(cell, {})[figure] = interval(values)
    return table


def interval(values: list[float]) -> list[float]:
    """Mean, and the half width of Student's 95 % interval; 0 for a single seed."""
    quantile = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
    half = quantile[len(values)] * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return [round(statistics.mean(values), 4), round(half, 4)]


def main() -> None:
    """Run the seeds that are missing, and write what they say together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="tiny sizes: whether it runs, not what it finds")
    parser.add_argument("--work", type=Path, default=Path("runs/small_world"))
    parser.add_argument("--out", type=Path, default=HERE.parent / "results" / "small_world.json")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    calls = [(seed, options.work, options.quick) for seed in range(options.seeds)]
    with multiprocessing.get_context("spawn").Pool(min(options.processes, options.seeds)) as pool:
        results = pool.starmap(one_seed, calls, chunksize=1)
    from table import report

    summary = {
        "benchmark": "small_world",
        "command": f"python benchmarks/small_world/run.py --seeds {options.seeds}",
        "seeds": options.seeds,
        "parameters": results[0]["parameters"],
        "means": means(results),
        "results": results,
    }
    options.out.write_text(json.dumps(summary, indent=1), encoding="utf-8")
    print(report(summary))


if __name__ == "__main__":
    main()
