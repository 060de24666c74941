from model.errors import in_one_line


def test_a_text_becomes_one_printable_line() -> None:
    assert in_one_line(" it is\r\nworse\x1b[2K\u202e  than\tbefore ") == "it is worse [2K than before"
    assert in_one_line("schön, 12 % besser: ☺") == "schön, 12 % besser: ☺"
