import asyncio
from typing import Any

import pytest

from tests.gateway.listening import connected, library, qualified
from tests.gateway.process import GatewayProcess


def converse(scenario: Any, *options: str) -> None:
    """A gateway process and a real client over TCP."""

    async def whole(process: GatewayProcess) -> None:
        ib = await connected(port=process.port)
        await scenario(process, ib)
        ib.disconnect()

    with GatewayProcess(*options) as process:
        asyncio.run(whole(process))


async def until(condition: Any) -> None:
    """Wait for the outside world, five seconds at most."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_process_of_its_own_serves_the_real_client_over_tcp() -> None:
    async def scenario(process: GatewayProcess, ib: Any) -> None:
        rows: list[float] = []
        mes = await qualified(ib, "MES")
        ib.wrapper.tickByTickAllLast = lambda rid, kind, at, price, *rest: rows.append(price)
        ib.reqTickByTickData(mes, "Last")
        await until(lambda: len(rows) > 20)
        buy = library().MarketOrder("BUY", 1, orderRef="p-E")
        ib.placeOrder(mes, buy)
        await until(lambda: bool(ib.fills()))
        assert process.do("state")["positions"] == {"MESZ6": 1}
        assert [r["what"] for r in process.do("received", what="PLACE_ORDER")] == ["PLACE_ORDER"]

    converse(scenario, "--pace", "500")


def test_a_stopped_process_looks_connected_and_says_nothing() -> None:
    async def scenario(process: GatewayProcess, ib: Any) -> None:
        process.freeze()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ib.reqCurrentTimeAsync(), 0.3)
        assert ib.isConnected()
        process.thaw()
        assert await asyncio.wait_for(ib.reqCurrentTimeAsync(), 5)

    converse(scenario)


def test_split_frames_and_a_cut_in_the_middle_happen_on_a_real_socket() -> None:
    async def scenario(process: GatewayProcess, ib: Any) -> None:
        process.do("split", bytes=2)
        assert await asyncio.wait_for(ib.reqCurrentTimeAsync(), 5)
        process.do("cut")
        await until(lambda: not ib.isConnected())

    converse(scenario)


def test_a_script_on_the_command_line_is_played() -> None:
    async def scenario(process: GatewayProcess, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        ib.client.reqIds(1)
        await until(lambda: codes == [2103])

    converse(scenario, "--json", '[{"after": "IDS", "do": "farm"}]')


def test_an_unknown_command_is_answered_with_the_ones_there_are() -> None:
    with GatewayProcess() as process, pytest.raises(RuntimeError, match="lose-broker"):
        process.do("explode")
