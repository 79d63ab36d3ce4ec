"""Who takes part in the demonstration: the named accounts that a visitor may use, and the simulated people around
them.
"""

from msgspec import Struct

from settlement.messages import Role
from web.gazetteer import TOWNS

PASSWORD = "plantain-demo"
"""Public, which is why the demonstration binds to loopback only."""


class Member(Struct, frozen=True):
    """One participant; `money_yuan` is deposited when the market opens, `town` is where a grower's fruit comes from,
    `region` where a buyer is at home."""

    name: str
    display_name: str
    roles: tuple[Role, ...]
    money_yuan: int = 0
    town: str = ""
    warehouse: str = ""
    obliged: bool = False
    region: str | None = None


HERE = "广东湛江"
OPERATOR = Member("operator", "交易中心运营", ("operator",))
ACCOUNTS = (
    Member("grower", "陈阿蕉（北坡镇蕉农）", ("grower",), town="北坡镇"),
    Member("trader", "湛江水果批发行", ("trader",), money_yuan=500_000, region=HERE),
    Member("trader2", "广州江南果业", ("trader",), money_yuan=500_000, region="广东广州"),
    Member("warehouse", "遂溪一号库 保管员", ("warehouse",), warehouse="SX1"),
)
LAST = Member("analyst", "县数据中心分析员", ("analyst",))
"""Registered last of all: where this account exists, the market has been opened to the end."""

STAFF = (
    Member("staff-sx1", "一号库 值班员（模拟）", ("warehouse",), warehouse="SX1"),
    Member("staff-sx2", "二号库 值班员（模拟）", ("warehouse",), warehouse="SX2"),
)
GROWERS = tuple(
    Member(
        f"grower-{index + 1:02}",
        f"{town.name_zh}{title}（模拟）",
        ("grower",),
        town=town.name_zh,
        obliged=title == "香蕉合作社",
    )
    for index, (town, title) in enumerate(zip(TOWNS[:12], ("蕉农", "香蕉合作社") * 6, strict=True))
)
WHOLESALERS = tuple(
    Member(
        f"wholesaler-{index + 1:02}", f"{city}批发商（模拟）", ("trader",), money_yuan=400_000, region=province + city
    )
    for index, (province, city) in enumerate(
        (
            ("广东", "湛江"),
            ("广东", "茂名"),
            ("广东", "佛山"),
            ("湖南", "长沙"),
            ("湖北", "武汉"),
            ("河南", "郑州"),
            ("", "北京"),
        )
    )
)
BUYERS = tuple(
    Member(f"buyer-{index + 1:02}", f"{firm}（模拟）", ("trader",), money_yuan=150_000, region=HERE)
    for index, firm in enumerate(
        ("粤西超市采购", "校园食堂配送", "社区团购", "催熟库一", "催熟库二", "果汁厂", "水果连锁", "电商产地仓")
    )
)
SIMULATED = STAFF + GROWERS + WHOLESALERS + BUYERS
