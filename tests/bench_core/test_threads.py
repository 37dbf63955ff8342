"""Work in threads: everything is done once, a last result begins nothing more, and leaving waits for nothing."""

import threading

from bench_core.machine.threads import in_threads


def test_every_item_comes_with_its_result():
    assert sorted(in_threads(lambda number: number * number, range(20), 3)) == [(n, n * n) for n in range(20)]


def test_no_more_at_once_than_threads():
    under_way, most, lock = [0], [0], threading.Lock()
    together = threading.Barrier(3, timeout=30)

    def work(number):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        together.wait()
        with lock:
            under_way[0] -= 1

    assert len(list(in_threads(work, range(9), 3))) == 9
    assert most[0] == 3


def test_items_are_taken_only_when_there_is_room():
    taken = []

    def items():
        for number in range(5):
            taken.append(number)
            yield number

    coming = in_threads(lambda number: number, items(), 2)
    first, _ = next(coming)
    assert taken == [0, 1]
    assert {first, *(number for number, _ in coming)} == set(range(5))


def test_leaving_waits_for_nothing():
    free, ended = threading.Event(), []

    def work(number):
        if number:
            free.wait(30)
            ended.append(number)
        return number

    coming = in_threads(work, range(5), 2)
    assert next(coming) == (0, 0)
    coming.close()
    assert ended == []
    free.set()
