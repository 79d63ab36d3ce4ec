"""Where bananas come from: the towns of Suixi county, for the forms that ask.

Names of the division of 2021, fifteen towns (AreaCity-JsSpider-StatsGov, MIT). A lot's town is a text: the list
proposes, it does not limit. No public list of the 175 village points is known, so villages are typed.
"""

from msgspec import Struct


class Town(Struct, frozen=True):
    name_zh: str
    name_en: str


TOWNS = (
    Town("遂城镇", "Suicheng"),
    Town("黄略镇", "Huanglüe"),
    Town("洋青镇", "Yangqing"),
    Town("界炮镇", "Jiepao"),
    Town("杨柑镇", "Yanggan"),
    Town("城月镇", "Chengyue"),
    Town("乌塘镇", "Wutang"),
    Town("建新镇", "Jianxin"),
    Town("岭北镇", "Lingbei"),
    Town("北坡镇", "Beipo"),
    Town("港门镇", "Gangmen"),
    Town("草潭镇", "Caotan"),
    Town("河头镇", "Hetou"),
    Town("乐民镇", "Lemin"),
    Town("江洪镇", "Jianghong"),
)
