"""The page's tools for agents, called by the client of the protocol's own library. Needs the extra "mcp"."""

import asyncio
import base64
import io

import pytest
from PIL import Image

from enhancer.parts import Restorer
from enhancer.service import Service
from tests.stand_ins import KnownParser, PlainScorer, served

mcp = pytest.importorskip("mcp", reason="needs pip install -e '.[mcp]'")
transport = pytest.importorskip("mcp.client.streamable_http")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the protocol's library
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # its event loops and sockets
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
TOOLS = {
    "restore_face",
    "degrade_face",
    "degradation_steps",
    "score_face",
    "restore_video",
    "render_splat",
    "model_info",
}


@pytest.fixture(scope="module")
def address(head):
    service = Service(KnownParser(head.labels), Restorer(lambda rgb: rgb, "stand-in"), PlainScorer())
    with served(service) as address:
        yield address


@pytest.fixture(scope="module")
def picture(head):
    return "data:image/png;base64," + base64.b64encode(head.image_path.read_bytes()).decode()


def talk(address, ask):
    """Open a session as an agent does, and return what `ask` makes of it."""

    async def run():
        async with (
            transport.streamablehttp_client(f"{address}/gradio_api/mcp/") as (reads, writes, _),
            mcp.ClientSession(reads, writes) as session,
        ):
            await session.initialize()
            return await ask(session)

    return asyncio.run(run())


def call(address, tool, **arguments):
    return talk(address, lambda session: session.call_tool(tool, arguments))


def test_an_agent_finds_every_tool_described(address):
    tools = talk(address, lambda session: session.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert len(tool.description) > 40, tool.name
    (restore,) = (tool for tool in tools if tool.name == "restore_face")
    assert {"image", "degrade_first", "seed", "region_strengths"} <= set(restore.inputSchema["properties"])


def test_an_agent_gets_a_degraded_picture(address, picture, head):
    answer = call(address, "degrade_face", image=picture, seed=7, strengths={"hair": 0.5})
    assert not answer.isError
    (shown,) = (part for part in answer.content if part.type == "image")
    with Image.open(io.BytesIO(base64.b64decode(shown.data))) as degraded:
        assert degraded.size == head.image.shape[1::-1]


def test_an_agent_restores_scores_and_asks_what_model_it_is(address, picture):
    restored = {"image": picture, "degrade_first": True, "region_strengths": {"hair": 0.5}}
    for tool, arguments, words in (
        ("restore_face", restored, "stand-in"),
        ("score_face", {"image": picture, "reference": picture}, "psnr"),
        ("model_info", {}, "stand-in"),
    ):
        answer = call(address, tool, **arguments)
        assert not answer.isError, (tool, answer.content)
        assert words in str(answer.content), tool


def test_an_agent_has_a_cloud_of_gaussians_rendered(address, root):
    cloud = (
        "data:application/octet-stream;base64,"
        + base64.b64encode((root / "examples/splats/head_02.ply").read_bytes()).decode()
    )
    answer = call(address, "render_splat", splat=cloud, yaw=30)
    assert not answer.isError, answer.content
    assert "5000" in str(answer.content)


def test_an_agent_cannot_have_a_file_or_an_address_read(address):
    for elsewhere, words in (
        ("/etc/hostname", "Invalid file data format"),
        ("http://169.254.169.254/latest", "not fetched from other addresses"),
        (f"{address}/gradio_api/file=/etc/hostname", "not fetched from other addresses"),
    ):
        answer = call(address, "restore_face", image=elsewhere)
        assert answer.isError, elsewhere
        assert words in answer.content[0].text
    for tool, name in (("restore_video", "video"), ("render_splat", "splat")):
        answer = call(address, tool, **{name: "http://169.254.169.254/latest"})
        assert answer.isError, tool
        assert "not fetched from other addresses" in answer.content[0].text
