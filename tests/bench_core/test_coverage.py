"""How often 95 % intervals cover the truth: 2,000 simulated data sets each must give 93 to 97 %."""

import numpy as np
import pytest

from bench_core.results.intervals import figure, spread

N_SIMULATIONS = 2_000


def check(covered):
    share = np.mean(covered)
    print(f"covered {100 * share:.2f} %")
    assert 0.93 <= share <= 0.97


def clustered(chance, correlation):
    """40 clusters of log-normal sizes (σ 0.8, median 15), values of variance 1 around 0."""
    sizes = np.maximum(1, np.rint(15 * np.exp(chance.normal(0, 0.8, 40)))).astype(int)
    clusters = np.repeat(np.arange(40), sizes)
    shared, own = chance.normal(size=40)[clusters], chance.normal(size=len(clusters))
    return clusters, np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.1, 0.4])
def test_clustered_means(correlation):
    chance = np.random.default_rng(1)
    covered = []
    for _ in range(N_SIMULATIONS):
        clusters, values = clustered(chance, correlation)
        low, high = spread(values[:, None], np.ones((len(values), 1), dtype=bool), [clusters]).interval()
        covered.append(low[0] <= 0 <= high[0])
    check(covered)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.1, 0.4])
def test_clustered_ratios_of_what_applies(correlation):
    """Seven values of ten apply, more of them in some clusters than in others."""
    chance = np.random.default_rng(2)
    covered = []
    for _ in range(N_SIMULATIONS):
        clusters, values = clustered(chance, correlation)
        applies = (chance.random(len(values)) < chance.uniform(0.4, 1.0, 40)[clusters])[:, None]
        low, high = spread(values[:, None], applies, [clusters]).interval()
        covered.append(low[0] <= 0 <= high[0])
    check(covered)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.1, 0.4])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_clustered_shares(correlation, share):
    from scipy.stats import norm

    chance = np.random.default_rng(3)
    covered = []
    for _ in range(N_SIMULATIONS):
        clusters, values = clustered(chance, correlation)
        right = (values < norm.ppf(share)).astype(float)
        found = figure(right.tolist(), [list(map(str, clusters))], ["template"])
        covered.append(found.low <= share <= found.high)
    check(covered)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_queries", "n_notes", "density", "by_query", "by_note", "skew"),
    [
        (60, 40, 0.2, 0.2, 0.2, 0.0),
        (60, 40, 0.2, 0.3, 0.1, 0.8),
        (200, 100, 0.05, 0.2, 0.2, 0.8),
        (40, 40, 1.0, 0.1, 0.4, 0.0),
    ],
)
def test_means_crossed_two_ways(n_queries, n_notes, density, by_query, by_note, skew):
    """Pairs of query and note with an effect of each; with skew, some queries and notes have many more than others."""
    chance = np.random.default_rng(4)
    covered = []
    for _ in range(N_SIMULATIONS):
        busy = [np.exp(chance.normal(0, skew, n)) for n in (n_queries, n_notes)]
        likely = density * np.outer(*(weights / weights.mean() for weights in busy))
        queries, notes = np.nonzero(chance.random((n_queries, n_notes)) < likely)
        values = (
            np.sqrt(by_query) * chance.normal(size=n_queries)[queries]
            + np.sqrt(by_note) * chance.normal(size=n_notes)[notes]
            + np.sqrt(1 - by_query - by_note) * chance.normal(size=len(queries))
        )[:, None]
        units = [np.unique(numbers, return_inverse=True)[1] for numbers in (queries, notes)]
        low, high = spread(values, np.ones_like(values, dtype=bool), units).interval()
        covered.append(low[0] <= 0 <= high[0])
    check(covered)


@pytest.mark.slow
def test_means_of_skewed_scores_by_query():
    """Scores like nDCG's: a third of them 0, the others anywhere up to 1."""
    chance = np.random.default_rng(5)
    covered = []
    for _ in range(N_SIMULATIONS):
        values = np.where(chance.random(100) < 1 / 3, 0.0, chance.random(100))
        found = figure(values.tolist())
        covered.append(found.low <= 1 / 3 <= found.high)
    check(covered)
