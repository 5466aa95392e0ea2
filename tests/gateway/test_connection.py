import asyncio
from typing import Any

import pytest

from tests.gateway.house import Settings
from tests.gateway.listening import connected, new_client, play, qualified
from tests.gateway.virtual import Stage, VirtualLoop, run


def test_the_real_client_connects_and_knows_account_and_version() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        assert ib.isConnected()
        assert ib.managedAccounts() == ["DU1234567"]
        assert ib.client.serverVersion() == 176
        assert stage.do("state")["clients"] == [7]

    play(scenario)


def test_several_accounts_are_told() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        assert ib.managedAccounts() == ["DU1", "DU2"]

    play(scenario, Settings(accounts=("DU1", "DU2")))


def test_the_time_of_the_gateway_is_its_clock() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        now = await ib.reqCurrentTimeAsync()
        assert int(now.timestamp()) == stage.loop.now_ns // 10**9

    play(scenario)


def test_a_second_client_with_the_same_id_is_told_326_and_thrown_out() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        other = new_client()
        other.errorEvent += lambda request, code, text, contract: codes.append(code)
        with pytest.raises((asyncio.TimeoutError, ConnectionError)):
            await other.connectAsync("127.0.0.1", Stage.PORT, clientId=7, timeout=2)
        assert codes == [326]
        assert ib.isConnected()

    play(scenario)


def test_another_client_id_gets_in_beside_the_first() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        other = await connected(client_id=8)
        assert sorted(stage.do("state")["clients"]) == [7, 8]
        other.disconnect()

    play(scenario)


def test_split_frames_reach_the_client_whole() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        stage.do("split", bytes=3)
        assert (await ib.reqCurrentTimeAsync()).tzinfo is not None
        stage.do("split", bytes=0)

    play(scenario)


def test_a_cut_in_the_middle_of_a_frame_ends_the_connection() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        gone = asyncio.get_running_loop().create_future()
        ib.disconnectedEvent += lambda: gone.set_result(True)
        stage.do("cut")
        assert await asyncio.wait_for(gone, 2)
        assert not ib.isConnected()

    play(scenario)


def test_a_restarting_gateway_refuses_for_a_while_and_then_takes_clients() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        stage.do("restart", down_s=5, reset_ids=True)
        await asyncio.sleep(1)
        assert not ib.isConnected()
        with pytest.raises(ConnectionRefusedError):
            await connected()
        await asyncio.sleep(5)
        again = await connected()
        assert again.isConnected()
        again.disconnect()

    play(scenario)


@pytest.mark.parametrize("kept", [True, False])
def test_the_broker_goes_and_comes_back_with_or_without_subscriptions(kept: bool) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        ib.reqTickByTickData(await qualified(ib), "Last")
        await asyncio.sleep(1)
        stage.do("lose-broker")
        await asyncio.sleep(1)
        stage.do("regain-broker", kept=kept)
        await asyncio.sleep(1)
        assert codes == [1100, 1102 if kept else 1101]
        assert stage.do("state")["subscriptions"][0]["last"] == (1 if kept else 0)

    play(scenario)


@pytest.mark.parametrize("code", [1300, 2110, 2103, 2105, 2104, 2106, 2107, 2108, 2158])
def test_every_notice_about_the_connection_can_be_had_on_demand(code: int) -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        codes: list[int] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append(code)
        stage.do("error", code=code)
        await asyncio.sleep(0.1)
        assert codes == [code]

    play(scenario)


def test_a_hung_gateway_answers_nothing_and_everything_when_it_goes_on() -> None:
    async def scenario(stage: Stage, ib: Any) -> None:
        stage.loop.frozen = True
        asked = asyncio.ensure_future(ib.reqCurrentTimeAsync())
        await asyncio.sleep(20)
        assert ib.isConnected()
        assert not asked.done()
        stage.loop.thaw()
        assert await asyncio.wait_for(asked, 1)

    play(scenario)


def test_a_script_does_what_it_says_when_it_says() -> None:
    async def whole(loop: VirtualLoop) -> None:
        stage = Stage(loop, script=[{"at": 3, "do": "error", "code": 2103}, {"after": "CURRENT_TIME", "do": "cut"}])
        ib = await connected()
        codes: list[tuple[float, int]] = []
        ib.errorEvent += lambda request, code, text, contract: codes.append((round(loop.time(), 1), code))
        await asyncio.sleep(4)
        assert codes == [(3.0, 2103)]
        ib.client.reqCurrentTime()
        await asyncio.sleep(1)
        assert not ib.isConnected()
        await stage.close()

    run(whole)


def test_muted_requests_leave_a_client_that_believes_it_is_synchronised() -> None:
    async def whole(loop: VirtualLoop) -> None:
        stage = Stage(loop)
        stage.do("manual", symbol="MES", side="BUY", quantity=2)
        stage.do("mute", what="POSITIONS")
        ib = await connected()
        assert ib.isConnected()
        assert ib.positions() == []
        ib.disconnect()
        await stage.close()

    run(whole)
