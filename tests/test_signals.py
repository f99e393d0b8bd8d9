"""The first signal ends a process tidily, and those after it change nothing."""

from __future__ import annotations

import signal

import trio
import trio.testing

from flowrs.signals import hearing


async def test_signals_are_heard_until_nobody_listens_and_dropped_then() -> None:
    others: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: others.append(number))
    try:
        with hearing(signal.SIGUSR1) as signals:
            signal.raise_signal(signal.SIGUSR1)
            async for number in signals:
                assert number == signal.SIGUSR1
                break
            signal.raise_signal(signal.SIGUSR1)
            await trio.lowlevel.checkpoint()
            signal.raise_signal(signal.SIGUSR1)
        await trio.testing.wait_all_tasks_blocked()
        assert not others
        signal.raise_signal(signal.SIGUSR1)
        assert others == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


async def test_each_signal_waits_once_and_in_order() -> None:
    with hearing(signal.SIGUSR1, signal.SIGUSR2) as signals:
        for number in (signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2):
            signal.raise_signal(number)
            await trio.testing.wait_all_tasks_blocked()
        assert [await anext(signals), await anext(signals)] == [signal.SIGUSR2, signal.SIGUSR1]
        signal.raise_signal(signal.SIGUSR1)
        assert await anext(signals) == signal.SIGUSR1
