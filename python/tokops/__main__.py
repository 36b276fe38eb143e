# SPDX-License-Identifier: Apache-2.0
"""The ``tokops`` command: ``demo``, ``bench``, ``train`` and ``info``, which is the default."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ._config import show_config


def parser() -> argparse.ArgumentParser:
    """Build the command line; ``bench`` has options of its own."""
    root = argparse.ArgumentParser(
        prog="tokops", description="Token operators: demo, benchmarks, tokenizer training."
    )
    commands = root.add_subparsers(dest="command", metavar="command")

    commands.add_parser("info", help="print versions, instruction sets, threads and partners (the default)")

    demo = commands.add_parser("demo", help="write, check and choose molecules with a tiny language model")
    demo.add_argument("--n", type=int, default=24, help="molecules to write, 1 to 256 (default: %(default)s)")
    demo.add_argument("--k", type=int, default=6, help="most different ones to keep (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="same seed, same molecules (default: %(default)s)")
    demo.add_argument(
        "--report", default="report.html", help='HTML report, "" for none (default: %(default)s)'
    )

    commands.add_parser("bench", add_help=False, help="run the benchmarks (tokops bench --help)")

    train = commands.add_parser("train", help="train byte-level BPE on text files, one document each")
    train.add_argument("files", nargs="+", type=Path, help="UTF-8 text files")
    train.add_argument("--vocab-size", type=int, required=True, help="tokens in all, the 256 bytes included")
    train.add_argument("--output", type=Path, required=True, help=".tiktoken file to write")
    train.add_argument("--pattern", default="cl100k", help="pre-tokenizer (default: %(default)s)")
    train.add_argument(
        "--min-frequency", type=int, default=0, help="least count of a merge (default: %(default)s)"
    )
    return root


def main(argv: list[str] | None = None) -> int:
    """Run the command; ``argv`` without the program name, default the process's own."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["bench"]:
        return _bench(words[1:])
    options = parser().parse_args(words)
    if options.command == "demo":
        return _demo(options)
    if options.command == "train":
        return _train(options)
    show_config()
    return 0


def _bench(words: list[str]) -> int:
    from .bench import __main__ as bench

    sys.argv = ["tokops bench", *words]
    return bench.main()


def _demo(options: argparse.Namespace) -> int:
    from .demo import demo

    try:
        demo(n=options.n, k=options.k, seed=options.seed, report=options.report or None)
    except ImportError as error:
        raise SystemExit(f"tokops {error}") from error
    return 0


def _train(options: argparse.Namespace) -> int:
    from . import bpe

    try:
        texts = [path.read_bytes() for path in options.files]
        result = bpe.train(
            texts,
            options.vocab_size,
            pattern=options.pattern,
            min_frequency=options.min_frequency,
            progress=_progress,
        )
    except (OSError, ValueError) as error:
        raise SystemExit(f"tokops train: {error}") from error
    result.to_tiktoken_file(options.output)
    print(f"{options.output}: {len(result.vocab)} tokens, {len(result.merges)} merges")
    return 0


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total} merges", end="\n" if done == total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
