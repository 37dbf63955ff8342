"""Tests, intervals and ranks over many systems at once, beside scipy's test pair by pair.

    python benchmarks/significance.py [--systems 71] [--items 876] [--resamplings 100000]

Prints the seconds of a whole comparison with the best (p, Holm, intervals, ranks) on values drawn at random, and of
scipy.stats.permutation_test on three of the pairs, from which all of them are extrapolated.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import permutation_test

from bench_core.results.comparison import compare
from bench_core.results.scores import ItemScores, ShownMeasure, figures_of

N_PAIRS_OF_SCIPY = 3


def random_systems(n_systems: int, n_items: int) -> list[ItemScores]:
    """Scores like nDCG@10's: many zeros, systems that differ by up to 0.1, items that are hard for all of them."""
    chance = np.random.default_rng(1)
    ease = chance.normal(0.3, 0.25, n_items)
    systems = []
    for number in range(n_systems):
        values = np.clip(ease + 0.1 * number / n_systems + chance.normal(0, 0.15, n_items), 0, 1)
        by_item = {"ndcg@10": {str(item): float(value) for item, value in enumerate(values)}}
        systems.append(ItemScores("random", f"system {number}", by_item, figures_of(by_item), item="query"))
    return systems


def seconds_of_scipy(systems: list[ItemScores], n_resamplings: int) -> float:
    """Seconds a pair."""
    first, *others = (np.array(list(scores.values["ndcg@10"].values())) for scores in systems[: N_PAIRS_OF_SCIPY + 1])
    start = time.perf_counter()
    for other in others:
        permutation_test(
            (other - first,),
            np.mean,
            permutation_type="samples",
            n_resamples=n_resamplings,
            vectorized=True,
            batch=2_000,
        )
    return (time.perf_counter() - start) / len(others)


def main() -> None:
    """Run it; `--help` shows the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=71)
    parser.add_argument("--items", type=int, default=876)
    parser.add_argument("--resamplings", type=int, default=100_000)
    chosen = parser.parse_args()
    systems = random_systems(chosen.systems, chosen.items)
    start = time.perf_counter()
    comparison = compare(systems, ShownMeasure("ndcg@10", "nDCG@10"), n_resamplings=chosen.resamplings)
    ours = time.perf_counter() - start
    pair = seconds_of_scipy(systems, chosen.resamplings)
    peer = pair * len(comparison.rows)
    print(f"{chosen.systems} systems, {chosen.items} items, {chosen.resamplings} resamplings, against the best:")
    print(f"  comparison with p, Holm, intervals and ranks  {ours:8.1f} s")
    print(f"  scipy.stats.permutation_test, p alone         {peer:8.1f} s ({N_PAIRS_OF_SCIPY} pairs, extrapolated)")
    print(f"  ratio                                         {peer / ours:8.1f}")


if __name__ == "__main__":
    main()
