"""Options that several commands of `retrieval-bench` share."""

from __future__ import annotations

from pathlib import Path

import click

DATASET_HELP = "demo/NAME, r2med/NAME or dir:PATH"
SYSTEM_HELP = (
    "A retriever, or path/to/file.py:Class, with arguments as ,key=value; also 'rrf(A, B)', 'A > RERANKER', 'hyde > A'."
)

dataset_option = click.option("--dataset", "-d", "dataset", required=True, help=f"{DATASET_HELP}.")
retriever_option = click.option(
    "--retriever", "-r", "retriever", required=True, help="A name, or path/to/file.py:Class; arguments as ,key=value."
)
parameter_option = click.option(
    "--parameter",
    "-p",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="An argument of every retriever named; repeatable.",
)
generator_model_option = click.option(
    "--generator-model",
    default="",
    metavar="MODEL",
    help="Language model of generators that name none: hf:ID, openai:MODEL or http://HOST/v1#MODEL.",
)
cache_option = click.option(
    "--cache",
    "cache_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of language models' answers [default: the user's cache].",
)
allow_remote_option = click.option(
    "--allow-remote-for-credentialed",
    "allow_remote",
    is_flag=True,
    help="Text of credentialed datasets may go to other machines.",
)
indexes_option = click.option(
    "--indexes",
    "indexes_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("indexes"),
    show_default=True,
    help="Folder the indexes are kept in.",
)
