"""Solon's suites as an Inspect task."""

from pathlib import Path

from inspect_ai import Epochs, Task, task
from inspect_ai.solver import generate

from solon.evaluate.inspect.dataset import dataset
from solon.evaluate.inspect.scorers import four_valued
from solon.evaluate.inspect.solvers import guarded
from solon.evaluate.suites.fetch import Shelf
from solon.evaluate.suites.load import load_suite
from solon.policies.loader import load_policy

VERSION = "1-A"
"""Raised in its number where results stop being comparable, in its letter where only the interface changes."""


@task
def suite(
    suite: str = "policy",
    policy: str = "baseline",
    guard: bool = False,
    samples: int = 0,
    suites_dir: str = "",
    epochs: int = 1,
) -> Task:
    """A suite put to a model: ``inspect eval solon/suite -T suite=xstest -T guard=true``.

    Args:
        suite: a name of ``solon evaluate suites``, or ``rows:PATH``.
        policy: the pack by whose rules is judged.
        guard: whether the guard stands before the model.
        samples: samples of each side; 0 takes all.
        suites_dir: a folder with files of public suites.
        epochs: how often each sample is asked.
    """
    shelf = Shelf(folder=Path(suites_dir)) if suites_dir else Shelf()
    found = load_suite(suite, policy=load_policy(policy), pack=policy, shelf=shelf)
    return Task(
        dataset=dataset(found, samples),
        solver=guarded(policy) if guard else generate(),
        scorer=four_valued(policy),
        epochs=Epochs(epochs, "mode"),  # outcomes are words: the default would take them for numbers
        name="suite",
        version=VERSION,
        metadata={
            "suite": found.name,
            "suite_digest": found.digest,
            "revision": found.revision,
            "licence": found.licence,
        },
    )
