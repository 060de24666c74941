from model.sources.remarks import Remark, Remarks


def test_equal_remarks_are_counted_with_a_few_examples_each() -> None:
    remarks = Remarks()
    for number in range(7):
        remarks.leave_out(f"a/{number}.TXT")
    remarks.add("A split is odd.", "b.jpg", warns=True, count=3)
    assert list(remarks) == [
        Remark(
            "Left out: a file whose name ends in '.txt', which is no image that is read.",
            7,
            tuple(f"a/{number}.TXT" for number in range(5)),
        ),
        Remark("A split is odd.", 3, ("b.jpg",), warns=True),
    ]


def test_a_supplier_can_neither_flood_a_page_with_remarks_nor_steer_a_terminal() -> None:
    remarks = Remarks()
    for number in range(1_000):
        remarks.add(f"{number} \x1b[2J\n" + "x" * 1_000, "\x07" + "y" * 1_000)
    found = list(remarks)
    assert len(found) == 51
    assert (found[-1].text, sum(remark.count for remark in found)) == ("There are further remarks.", 1_000)
    assert all(text.isprintable() and len(text) <= 300 for remark in found for text in (remark.text, *remark.examples))
