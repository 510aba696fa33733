import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from .. import matching
from ..matching import (
    NAME_FLOOR,
    NOTHING,
    Catalogue,
    Item,
    Pack,
    Proposal,
    Reason,
    alike,
    gtin,
    pack_size,
    plain_barcode,
    plain_sku,
    unit_kind,
    words,
)

PEN = "4006381333931"
names = st.lists(
    st.sampled_from("oak desk chair lamp black white 120 160 deluxe the".split()),
    max_size=6,
).map(" ".join)
items = st.lists(
    st.builds(
        Item,
        key=st.integers(1, 40),
        sku=st.sampled_from(["", "A-1", "a-1", "00A-1", "B 2", "b2", "C", "shop-C"]),
        barcode=st.sampled_from(["", PEN, "036000291452", "X1", " X1"]),
        name=names,
    ),
    max_size=6,
    unique_by=lambda item: item.key,
)
wanted = st.tuples(
    st.sampled_from(["", "A-1", "a - 1", "b2", "0b2", "shop-C", "c", "Z"]),
    st.sampled_from(["", PEN, "0" + PEN, "X1", "Y"]),
    names,
)


class TestPlainSku(unittest.TestCase):
    def test_what_does_not_count(self) -> None:
        for text, plain in (
            ("A-001", "a-001"),
            ("  a-001 ", "a-001"),
            ("A 001", "a001"),
            ("000123", "123"),
            ("000", "0"),
            ("ＡＢ", "ab"),
            ("", ""),
        ):
            with self.subTest(text):
                self.assertEqual(plain_sku(text), plain)

    def test_prefixes_of_the_channel(self) -> None:
        for text, plain in (
            ("SHOP-0042", "42"),
            ("shop-eu-42", "42"),
            ("shop-", "shop-"),
            ("myshop-42", "myshop-42"),
        ):
            with self.subTest(text):
                self.assertEqual(plain_sku(text, ("Shop-", "SHOP-EU-", "")), plain)

    @given(st.text(max_size=12))
    def test_plain_is_plain(self, text: str) -> None:
        plain = plain_sku(text)
        self.assertEqual(plain_sku(plain), plain)
        self.assertEqual(plain_sku(f" {text}\t"), plain)
        self.assertEqual(bool(plain), bool(text.strip()))


class TestBarcodes(unittest.TestCase):
    def test_trade_item_numbers(self) -> None:
        for text, number in (
            (PEN, "04006381333931"),
            ("4006381-333931", "04006381333931"),
            ("036000291452", "00036000291452"),
            ("00036000291452", "00036000291452"),
            ("96385074", "00000096385074"),
            ("4006381333932", ""),
            ("400638133393", ""),
            ("00000000", ""),
            ("٤٠٠٦٣٨١٣٣٣٩٣١", ""),
            ("ABC", ""),
            ("", ""),
        ):
            with self.subTest(text):
                self.assertEqual(gtin(text), number)

    def test_others_are_themselves(self) -> None:
        self.assertEqual(plain_barcode(" HB-1 "), "HB-1")
        self.assertEqual(plain_barcode("4006381333932"), "4006381333932")

    @given(st.integers(0, 10**12 - 1))
    def test_one_wrong_digit_is_noticed(self, number: int) -> None:
        body = f"{number:012}"
        valid = [body + str(digit) for digit in range(10) if gtin(body + str(digit))]
        self.assertEqual(len(valid), 1 if number else 0)
        for good in valid:
            self.assertEqual(gtin(good), "0" + good)
            wrong = str((int(good[3]) + 1) % 10)
            self.assertEqual(gtin(good[:3] + wrong + good[4:]), "")


class TestNames(unittest.TestCase):
    def percent(self, one: str, other: str) -> int:
        return alike(words(one), words(other))

    def test_how_alike(self) -> None:
        for one, other, percent in (
            ("Oak Desk", "desk, OAK", 100),
            ("Écritoire", "ecritoire", 100),
            ("Oak Desk Black", "Oak Desk", 73),
            ("Oak Desk", "Steel Lamp", 0),
            ("", "Lamp", 0),
            ("", "", 0),
            ("---", "Lamp", 0),
        ):
            with self.subTest(one=one, other=other):
                self.assertEqual(self.percent(one, other), percent)

    def test_other_sizes_are_other_things(self) -> None:
        self.assertEqual(self.percent("Oak Desk 120", "Oak Desk 160"), 59)
        self.assertEqual(self.percent("Oak Desk 120", "Oak Desk"), 82)

    @given(names, names)
    def test_both_ways_and_bounded(self, one: str, other: str) -> None:
        percent = self.percent(one, other)
        self.assertEqual(percent, self.percent(other, one))
        self.assertTrue(0 <= percent <= 100)
        self.assertEqual(self.percent(one, one), 100 if words(one) else 0)
        if percent == 100:
            self.assertEqual(words(one), words(other))

    @given(st.text(max_size=300))
    def test_any_text_has_few_words(self, text: str) -> None:
        self.assertLessEqual(len(words(text)), 24)
        self.assertTrue(all(word == word.strip() != "" for word in words(text)))


class TestPacks(unittest.TestCase):
    def test_what_titles_say(self) -> None:
        for title, size in (
            ("Cola 6-pack", 6),
            ("6er Pack Cola", 6),
            ("6 x 330 ml Cola", 6),
            ("Pack of 12 pens", 12),
            ("Set of 4 chairs", 4),
            ("Karton mit 24", 24),
            ("Screws x100", 100),
            ("Socks, 3 pcs", 3),
            ("Table 120 x 60 cm", 1),
            ("Table 120x60", 1),
            ("T-shirt 100 % cotton", 1),
            ("Phone 13 Pro", 1),
            ("Chair", 1),
            ("0-pack", 1),
            ("", 1),
        ):
            with self.subTest(title):
                self.assertEqual(pack_size(title), size)

    @given(st.text(max_size=200))
    def test_any_title_has_a_size(self, title: str) -> None:
        self.assertTrue(1 <= pack_size(title) <= 9999)

    def test_what_units_measure(self) -> None:
        for word, kind in (
            ("kg", "weight"),
            ("Pcs.", "count"),
            (" Litre", "volume"),
            ("M", "length"),
            ("m²", "area"),
            ("bushel", ""),
            ("", ""),
        ):
            with self.subTest(word):
                self.assertEqual(unit_kind(word), kind)


class TestCatalogue(unittest.TestCase):
    def setUp(self) -> None:
        self.catalogue = Catalogue(
            [
                Item(key=1, sku="DESK", barcode=PEN, name="Oak Desk"),
                Item(key=2, sku="LAMP-01", barcode="036000291452", name="Steel Lamp"),
                Item(key=3, sku="0042", name="Garden Chair White"),
                Item(key=4, sku="TWIN", name="Twin"),
                Item(key=5, sku="TWIN", barcode="HB-5", name="Other Twin"),
                Item(key=6, sku="", name="Cola Bottle"),
            ],
            [Pack(key=6, barcode="96385074", unit=77)],
            ("shop-",),
        )

    def assert_proposed(self, proposal: Proposal, **expected: object) -> None:
        self.assertEqual(proposal, Proposal(**expected))  # type: ignore[arg-type]

    def test_by_sku(self) -> None:
        propose = self.catalogue.propose
        self.assert_proposed(propose("DESK"), key=1, reason=Reason.SKU, percent=100)
        for sku in ("desk", "D ESK", "shop-desk", "SHOP-DESK"):
            self.assert_proposed(
                propose(sku), key=1, reason=Reason.SKU_ALIKE, percent=95
            )
        self.assert_proposed(propose("42"), key=3, reason=Reason.SKU_ALIKE, percent=95)
        self.assertEqual(propose("SHOP-"), NOTHING)

    def test_by_barcode(self) -> None:
        propose = self.catalogue.propose
        by_barcode = {"reason": Reason.BARCODE, "percent": 98}
        self.assert_proposed(propose("?", f"0{PEN}"), key=1, **by_barcode)
        self.assert_proposed(propose("", " HB-5"), key=5, **by_barcode)
        self.assert_proposed(propose("", "96385074"), key=6, unit=77, **by_barcode)
        self.assertEqual(propose("", "4006381333932"), NOTHING)

    def test_by_name_last(self) -> None:
        propose = self.catalogue.propose
        self.assert_proposed(
            propose("?", "", "White Garden Chair!"),
            key=3,
            reason=Reason.NAME,
            percent=100,
        )
        self.assertEqual(propose("?", "", "Garden Gnome"), NOTHING)
        self.assertEqual(propose("DESK", "", "Steel Lamp").key, 1)

    def test_several_that_fit_are_none(self) -> None:
        propose = self.catalogue.propose
        self.assert_proposed(propose("TWIN"), reason=Reason.SEVERAL)
        # The barcode says which one.
        self.assert_proposed(
            propose("TWIN", "HB-5"), key=5, reason=Reason.SKU, percent=100
        )
        same = Catalogue([Item(key=1, name="Mug"), Item(key=2, name="Mug")])
        self.assert_proposed(
            same.propose("", "", "Mug"), reason=Reason.SEVERAL, percent=100
        )

    def test_sku_and_barcode_that_disagree(self) -> None:
        self.assert_proposed(
            self.catalogue.propose("DESK", "036000291452"),
            key=1,
            reason=Reason.SKU,
            percent=50,
            rival=2,
        )

    def test_names_of_products(self) -> None:
        self.assertEqual(self.catalogue.name(3), "Garden Chair White")
        self.assertEqual(self.catalogue.name(99), "")

    @settings(max_examples=30)
    @given(items, wanted)
    def test_what_is_proposed_holds(
        self, found: list[Item], asked: tuple[str, str, str]
    ) -> None:
        """Whatever the catalogue, the reason given is true of the product proposed."""
        sku, barcode, title = asked
        proposal = Catalogue(found, prefixes=("shop-",)).propose(sku, barcode, title)
        by_key = {item.key: item for item in found}
        if proposal.key is None:
            self.assertIn(proposal.reason, (None, Reason.SEVERAL))
            self.assertIsNone(proposal.rival)
            return
        item = by_key[proposal.key]
        self.assertIsNotNone(proposal.reason)
        self.assertTrue(NAME_FLOOR <= proposal.percent <= 100 or proposal.rival)
        if proposal.reason is Reason.SKU:
            self.assertEqual(item.sku, sku)
        elif proposal.reason is Reason.SKU_ALIKE:
            plains = {plain_sku(sku), plain_sku(sku, ("shop-",))}
            self.assertIn(plain_sku(item.sku), plains)
        elif proposal.reason is Reason.BARCODE:
            self.assertEqual(plain_barcode(item.barcode), plain_barcode(barcode))
        else:
            self.assertEqual(proposal.percent, alike(words(item.name), words(title)))
        if proposal.rival is not None:
            rival = by_key[proposal.rival]
            self.assertEqual(plain_barcode(rival.barcode), plain_barcode(barcode))
            self.assertNotEqual(plain_barcode(item.barcode), plain_barcode(barcode))

    @settings(max_examples=15)
    @given(items, wanted, st.randoms(use_true_random=False))
    def test_the_order_of_products_does_not_matter(self, found, asked, random) -> None:
        first = Catalogue(found).propose(*asked)
        random.shuffle(found)
        self.assertEqual(Catalogue(found).propose(*asked), first)

    def test_few_names_are_compared(self) -> None:
        """However many products share a word: only rare words lead to candidates."""
        count = 5_000
        catalogue = Catalogue(
            Item(key=number, name=f"Desk model {number}x") for number in range(count)
        )
        compared = []
        real = matching.alike

        def watch(one: frozenset[str], other: frozenset[str]) -> int:
            compared.append(other)
            return real(one, other)

        matching.alike = watch
        try:
            self.assertEqual(catalogue.propose("", "", "Desk model 7x").key, 7)
            self.assertEqual(catalogue.propose("", "", "Desk model"), NOTHING)
        finally:
            matching.alike = real
        self.assertEqual(len(compared), 1)


if __name__ == "__main__":
    unittest.main()
