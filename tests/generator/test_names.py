"""Names: made of syllables that no known firm is called by."""

import re
from itertools import product

import numpy as np
import pyarrow as pa

from graphrisk.generator import book
from graphrisk.generator.names import SURNAMES, SYLLABLES, THREE, firm_names
from graphrisk.tables.raw import TEXT

#: Well-known firms, by the part of the name that one knows them by.
_FIRMS = """
恒大 万科 碧桂园 融创 绿地 保利 龙湖 中海 招商 腾讯 阿里巴巴 蚂蚁 百度 华为 小米 京东 美团
拼多多 字节跳动 抖音 滴滴 网易 新浪 搜狐 携程 海尔 美的 格力 海信 联想 长虹 康佳 创维 比亚迪
宁德时代 吉利 长城 奇瑞 蔚来 理想 小鹏 上汽 一汽 东风 顺丰 中通 圆通 韵达 申通 茅台 五粮液
泸州老窖 洋河 汾酒 青岛 燕京 伊利 蒙牛 光明 娃哈哈 农夫山泉 康师傅 统一 双汇 雨润 海天 涪陵
平安 太平 泰康 人寿 人保 工商 建设 农业 中国 交通 浦发 民生 光大 中信 兴业 华夏 广发 浙商
恒丰 渤海 徽商 微众 网商 陆金所 拍拍贷 人人贷 宜信 众安 新希望 苏宁 国美 永辉 物美 大润发 三一
中联 徐工 中车 中兴 海康威视 大华 讯飞 紫光 京东方 隆基 通威 阳光 晶科 天合 安踏 李宁 特步
波司登 森马 雅戈尔 海澜之家 杉杉 红豆 七匹狼 太平鸟 老干妈 三只松鼠 良品铺子 周黑鸭 绝味 海底捞
瑞幸 喜茶 奈雪 蜜雪冰城 茶颜悦色 名创优品 完美日记 云南白药 同仁堂 片仔癀
"""
_SOUNDS = """
xiaomi huawei baidu alibaba tencent jingdong meituan haier midea gree lenovo yili mengniu maotai hengfeng
shanshan lining anta yanjing tsingtao vanke evergrande suning gome chery geely byd nio xpeng sany zoomlion
jinko longi trina tongwei pingan taikang citic hisense konka skyworth tcl boe shein temu oppo vivo realme
"""
FIRMS, SOUNDS = _FIRMS.split(), _SOUNDS.split()


def test_no_known_firm_can_be_spelt():
    characters = {character for character, _ in SYLLABLES}

    assert [firm for firm in FIRMS if set(firm) <= characters] == []


def test_no_known_firm_can_be_heard():
    sounds = sorted({sound for _, sound in SYLLABLES})
    spoken = {"".join(parts) for count in (1, 2, 3) for parts in product(sounds, repeat=count)}

    assert [sound for sound in SOUNDS if sound in spoken] == []


def test_syllables_and_surnames_come_once():
    assert len({character for character, _ in SYLLABLES}) == len(SYLLABLES)
    assert len({character for character, _ in SURNAMES}) == len(SURNAMES)


def test_no_two_firms_have_one_name_before_all_names_are_used_up():
    title = pa.scalar("商贸", TEXT), pa.scalar("Trading", TEXT)
    names = firm_names(np.arange(THREE), 12_345, *title)

    assert len(names.unique()) == THREE


def test_a_book_names_persons_in_both_scripts_and_holds_no_number_like_a_card_or_a_phone():
    tables = book(300)
    entities = tables["entities"]
    persons = entities[entities["kind"] == "person"]

    assert persons["name"].str.fullmatch(r"[\u4e00-\u9fff]{2,3} [A-Z][a-z]+ [A-Z][a-z]+").all()
    assert entities["name"].notna().all()
    assert entities["entity_id"].str.fullmatch(r"[BFNUOJPTC]\d{6}").all()
    long_number = re.compile(r"\d{9,}")
    for frame in tables.frames.values():
        for name in frame.select_dtypes("str").columns:
            assert not frame[name].str.contains(long_number, na=False).any(), name
