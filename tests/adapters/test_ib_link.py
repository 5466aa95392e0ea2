import pytest

from orderflow_tui.adapters.ib_link import TABLE, UP, LinkNews, after
from orderflow_tui.domain.account import Link

LINE_STATES = (Link.SYNCING, Link.WARMUP, Link.READY, Link.DEGRADED, Link.BROKER_LOST, Link.DATA_BLOCKED)


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("news", LinkNews)
def test_every_cell_is_written_and_leads_to_a_state(link: Link, news: LinkNews) -> None:
    assert isinstance(TABLE[link, news], Link)


@pytest.mark.parametrize("link", LINE_STATES)
@pytest.mark.parametrize("news", [LinkNews.SOCKET_LOST, LinkNews.HUNG])
def test_a_lost_line_backs_off_from_everywhere(link: Link, news: LinkNews) -> None:
    assert after(link, news) is Link.BACKOFF


@pytest.mark.parametrize("link", [Link.SYNCING, Link.WARMUP, Link.READY, Link.DEGRADED, Link.DATA_BLOCKED])
def test_a_lost_broker_fences_from_everywhere(link: Link) -> None:
    assert after(link, LinkNews.BROKER_LOST) is Link.BROKER_LOST
    assert Link.BROKER_LOST not in UP


@pytest.mark.parametrize("link", Link)
def test_ready_is_only_reached_by_data(link: Link) -> None:
    into_ready = {news for news in LinkNews if link is not Link.READY and after(link, news) is Link.READY}
    assert into_ready <= {LinkNews.WARM, LinkNews.FRESH}


@pytest.mark.parametrize("link", Link)
def test_every_way_up_leads_through_a_synchronisation(link: Link) -> None:
    for news in LinkNews:
        target = after(link, news)
        if target in UP and link not in UP:
            assert (link, news) == (Link.SYNCING, LinkNews.SYNCED)


@pytest.mark.parametrize("link", [Link.BLOCKED, Link.DATA_BLOCKED])
def test_only_a_person_or_the_end_of_the_line_leaves_a_hold(link: Link) -> None:
    leaving = {news for news in LinkNews if after(link, news) is not link}
    harmless = {
        LinkNews.ACKNOWLEDGED,
        LinkNews.STOP,
        LinkNews.SOCKET_LOST,
        LinkNews.HUNG,
        LinkNews.BROKER_LOST,
        LinkNews.RESTORED_KEPT,
        LinkNews.RESTORED_LOST,
        LinkNews.NO_PERMISSION,
    }
    assert leaving <= harmless


@pytest.mark.parametrize("link", [link for link in Link if link is not Link.OFF])
def test_stop_ends_it_from_everywhere(link: Link) -> None:
    assert after(link, LinkNews.STOP) is Link.OFF
