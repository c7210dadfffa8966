"""What commands that ask a model behind an address share: how it is asked."""

import click

DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages")
ASKING = (
    click.option("--model", default="", help="Name of the model behind the URL."),
    click.option("--dialect", type=click.Choice(DIALECTS), default=DIALECTS[0], show_default=True),
    click.option("--key-env", metavar="VARIABLE", help="Environment variable with the key for the URL."),
    click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Of one answer."),
    click.option("--temperature", type=click.FloatRange(0, 2), help="Left to the server by default."),
    click.option("--concurrency", type=click.IntRange(1, 4096), default=64, show_default=True, help="At once."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=120.0,
        show_default=True,
        help="Seconds for one answer.",
    ),
)
"""Options in the order in which help shows them."""
